"""What is derived from the registry: the constants of `names` and `docs/attributes.md`.

For `scripts/generate.py` and the tests; it needs PyYAML, which the product does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
REGISTRY = HERE / "registry"
NAMES = HERE / "names.py"
ATTRIBUTES_MD = HERE.parents[2] / "docs" / "attributes.md"

Group = dict[str, Any]


def groups() -> list[Group]:
    """All groups of the registry, files in the order in which a reader meets them."""
    order = ("attributes", "spans", "events", "metrics")
    return [g for name in order for g in yaml.safe_load((REGISTRY / f"{name}.yaml").read_text())["groups"]]


def own(all_groups: list[Group]) -> list[dict[str, Any]]:
    """The attributes that this registry defines."""
    return [a for g in all_groups for a in g.get("attributes", []) if "id" in a]


def upstream(all_groups: list[Group]) -> list[str]:
    """Names of upstream attributes that this registry refers to."""
    defined = {a["id"] for a in own(all_groups)}
    refs = {a["ref"] for g in all_groups for a in g.get("attributes", []) if "ref" in a}
    return sorted(refs - defined)


def constant(name: str) -> str:
    """`spanledger.run.id` as `SPANLEDGER_RUN_ID`."""
    return name.upper().replace(".", "_")


def _members(attribute: dict[str, Any]) -> list[dict[str, Any]]:
    kind = attribute["type"]
    return kind["members"] if isinstance(kind, dict) else []


def _python(all_groups: list[Group]) -> Iterator[str]:
    yield '"""Every attribute, event and metric name, once. Generated from the registry by `generate`; do not edit."""'
    yield "\nfrom typing import Final\n"
    yield "# Upstream's, of OpenTelemetry semantic conventions 1.41.1."
    for name in upstream(all_groups):
        yield f'{constant(name)}: Final = "{name}"'
    yield "\n# Ours."
    for attribute in own(all_groups):
        name = constant(attribute["id"])
        yield f'{name}: Final = "{attribute["id"]}"'
        for member in _members(attribute):
            yield f'{name}_{member["id"].upper()}: Final = "{member["value"]}"'
    yield "\n# Events."
    for group in all_groups:
        if group["type"] == "event":
            yield f'EVENT_{constant(group["name"])}: Final = "{group["name"]}"'
    yield "\n# Metrics, each with its unit."
    for group in all_groups:
        if group["type"] == "metric":
            name = constant(group["metric_name"])
            yield f'METRIC_{name}: Final = ("{group["metric_name"]}", "{group["unit"]}", "{group["brief"]}")'


def _inherited(group: Group, all_groups: list[Group]) -> list[dict[str, Any]]:
    parent = next((g for g in all_groups if g["id"] == group.get("extends")), None)
    return (_inherited(parent, all_groups) if parent else []) + list(group.get("attributes", []))


def _level(attribute: dict[str, Any]) -> str:
    level = attribute.get("requirement_level", "recommended")
    if isinstance(level, dict):
        return "conditionally required: " + str(next(iter(level.values())))
    return str(level)


def _type(attribute: dict[str, Any]) -> str:
    members = _members(attribute)
    return "enum: " + ", ".join(f"`{m['value']}`" for m in members) if members else str(attribute["type"])


def _example(attribute: dict[str, Any]) -> str:
    example = attribute["examples"][0] if "examples" in attribute else None
    return "" if example is None else f"`{example}`"


def _markdown(all_groups: list[Group]) -> Iterator[str]:
    yield "# Attributes, spans, events and metrics"
    yield "\nGenerated from `otel/spanledger/semconv/registry`, an OpenTelemetry semantic-convention registry that"
    yield "extends upstream 1.41.1. Names without a definition here are upstream's."
    for group in all_groups:
        attributes = group.get("attributes", [])
        if group["type"] == "attribute_group" and any("id" in a for a in attributes):
            yield f"\n## {group['display_name']}\n\n{group['brief']}\n"
            yield "| attribute | type | meaning | example |\n|---|---|---|---|"
            for a in attributes:
                note = f" {a['note']}" if "note" in a else ""
                yield f"| `{a['id']}` | {_type(a)} | {a['brief']}{note} | {_example(a)} |"
    for kind, title in (("span", "Spans"), ("event", "Events"), ("metric", "Metrics")):
        yield f"\n## {title}"
        for group in (g for g in all_groups if g["type"] == kind):
            name = group.get("metric_name") or group.get("name") or group["id"].removeprefix("span.")
            facts = [group[f] for f in ("span_kind", "instrument") if f in group]
            facts += [f"unit `{group['unit']}`"] if "unit" in group else []
            yield f"\n### `{name}`\n\n{group['brief']}" + (f" ({', '.join(facts)})" if facts else "")
            yield "\n| attribute | requirement |\n|---|---|"
            for a in _inherited(group, all_groups):
                yield f"| `{a['ref']}` | {_level(a)} |"


def outputs() -> dict[Path, str]:
    """What each derived file must hold."""
    found = groups()
    return {NAMES: "\n".join(_python(found)) + "\n", ATTRIBUTES_MD: "\n".join(_markdown(found)) + "\n"}
