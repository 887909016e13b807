"""docker-compose.yml, as far as it can be checked without Docker."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spanledger import config
from spanledger.service.tokens import Tokens

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@EACH
def test_images_are_pinned_to_a_full_version(name: str) -> None:
    image = SERVICES[name].get("image")
    if image is None:
        build = SERVICES[name]["build"]
        file = build["dockerfile"] if isinstance(build, dict) else f"{build}/Dockerfile"
        text = (ROOT / file).read_text()
        bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
        assert all(re.search(r":\d+\.\d+", base) for base in bases), bases
    else:
        assert re.search(r":v?\d+\.\d+(\.\d+)?$", image), image


@EACH
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_the_usual_ports_are_published() -> None:
    published = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}

    assert published == {"4317", "4318", "8320", "8889", "9090", "9093", "16686"}


@EACH
def test_a_service_runs_unprivileged_and_cannot_change_its_image(name: str) -> None:
    service = SERVICES[name]

    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@EACH
def test_a_service_has_a_health_check_that_needs_no_shell(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@EACH
def test_what_is_mounted_exists_and_is_read_only_or_a_named_volume(name: str) -> None:
    for mount in SERVICES[name]["volumes"]:
        source, _, mode = (*mount.split(":"), "rw")[:3]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mode == "ro"
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["collector", "jaeger", "prometheus", "alertmanager"])
def test_the_configuration_file_a_service_is_started_with_is_mounted(name: str) -> None:
    service = SERVICES[name]
    command = service.get("command") or ["--config=/etc/otelcol/config.yaml"]
    [config] = [re.split("=", part)[1] for part in command if part.startswith("--config")]
    mounts = {mount.split(":")[1]: mount.split(":")[0] for mount in service["volumes"]}
    inside = next(where for where in mounts if config.startswith(where))

    assert (ROOT / mounts[inside] / config.removeprefix(inside).lstrip("/")).is_file()


def test_every_setting_is_one_that_the_configuration_files_read() -> None:
    for name, file in (("collector", "collector-config.yaml"), ("jaeger", "deploy/jaeger/config.yaml")):
        known = set(re.findall(r"\$\{env:(\w+)", (ROOT / file).read_text()))
        assert SERVICES[name]["environment"].keys() - known == {"GOMEMLIMIT"}, name


def test_servers_name_each_other_by_service_and_by_a_port_that_is_open_there() -> None:
    addresses = [SERVICES["collector"]["environment"][name] for name in ("COLLECTOR_JAEGER", "COLLECTOR_SPANLEDGER")]
    addresses += [SERVICES["spanledger"]["environment"]["SPANLEDGER_COLLECTOR_URL"].removeprefix("http://")]
    addresses += [SERVICES["jaeger"]["environment"]["JAEGER_PROMETHEUS"].removeprefix("http://")]
    addresses += re.findall(r'targets: \["([^"]+)"\]', (ROOT / "deploy/prometheus/prometheus.yml").read_text())

    assert sorted(addresses) == [
        "alertmanager:9093",
        "collector:13133",
        "collector:8888",
        "collector:8889",
        "jaeger:4317",
        "prometheus:9090",
        "spanledger:8320",
    ]
    assert {address.split(":")[0] for address in addresses} <= SERVICES.keys()
    assert SERVICES["jaeger"]["environment"]["JAEGER_OTLP"] == "0.0.0.0:4317"


def test_the_collector_listens_beyond_its_container_and_keeps_its_queue_in_the_volume() -> None:
    environment = SERVICES["collector"]["environment"]
    inside = {name: value for name, value in environment.items() if value.startswith("0.0.0.0")}

    assert inside.keys() >= {
        "COLLECTOR_OTLP_GRPC",
        "COLLECTOR_OTLP_HTTP",
        "COLLECTOR_PROMETHEUS",
        "COLLECTOR_SELF_HOST",
    }
    assert "queue:/var/lib/otelcol" in SERVICES["collector"]["volumes"]
    assert "${env:COLLECTOR_QUEUE_DIR:-/var/lib/otelcol}" in (ROOT / "collector-config.yaml").read_text()


def test_the_collector_has_a_token_of_the_service_that_may_write_and_no_more() -> None:
    [mounted] = [one for one in SERVICES["spanledger"]["volumes"] if one.endswith("/etc/spanledger:ro")]
    known = Tokens(ROOT / mounted.split(":")[0] / "tokens.yaml")
    caller = known.caller(SERVICES["collector"]["environment"]["COLLECTOR_SPANLEDGER_TOKEN"], now=0.0)

    assert caller is not None
    assert (caller.name, list(caller.scopes), caller.tenant) == ("collector", ["write"], None)


def test_every_setting_of_the_service_is_one_of_ours() -> None:
    environment = SERVICES["spanledger"]["environment"]

    assert config.read({name: value for name, value in environment.items() if "${" not in value}).problems == ()
