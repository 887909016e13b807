"""The run as a whole: it sees what is wrong, reads both kinds of sets, and says by its exit code how it went."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from conformance.cases import HANDMADE, Case, load
from conformance.cli import main
from conformance.report import Report
from conformance.running import SCOPE, Running, run
from tests.conformance.switch import switched_on
from tests.support.telemetry import telemetry

ROOT = Path(__file__).parents[2]
CASES = {case.id: case for case in load(HANDMADE)}
PLAIN, FAILED, STREAMED = CASES["openai-chat-plain"], CASES["openai-400"], CASES["openai-chat-stream-asked"]


@contextmanager
def _switched_off() -> Iterator[Running]:
    found = telemetry()
    yield Running(found.provider.get_tracer(SCOPE), found.runtime.lineage, lambda: found.spans)
    found.runtime.shutdown()


@contextmanager
def _meddling() -> Iterator[Running]:
    """spanledger on, and something that changes answers and requests for as long as it is on."""
    post = openai.OpenAI.post

    def meddled(self: openai.OpenAI, path: str, **options: Any) -> Any:
        found = post(self, path, **options)
        found.model = "changed"
        return found

    with switched_on() as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai.OpenAI, "post", meddled)
        yield running


def _wrong(report: Report) -> dict[str, list[str]]:
    return {verdict.case.id: list(verdict.wrong) for verdict in report.verdicts if verdict.wrong}


def _recorded(case: Case, oracle: dict[str, Any]) -> tuple[str, str]:
    """A case as the two lines of a recorded corpus."""
    asked, answered = case.request, case.response
    record = {
        "id": case.id,
        "provider": case.provider,
        "endpoint": case.endpoint,
        "request": {"method": asked.method, "path": asked.path, "body": asked.body, "client": dict(asked.headers)},
        "response": {
            "status": answered.status,
            "headers": dict(answered.headers),
            "stream": answered.stream,
            "body": answered.body.decode(),
        },
        "features": list(case.features),
    }
    return json.dumps(record), json.dumps({"id": case.id, **oracle})


def _corpus(folder: Path, output: int) -> Path:
    right = {"kind": "usage", "hard_tokens": True, "hard_cost": True, "expect_cost_usd": 0.000189}
    pairs = [
        _recorded(PLAIN, {**right, "expect_tokens": {"input": 1100, "output": output, "audio": None}}),
        _recorded(FAILED, {"kind": "error", "expect_tokens": None, "expect_cost_usd": 0.0}),
    ]
    (folder / "corpus.jsonl").write_text("\n".join(record for record, _ in pairs))
    (folder / "oracle.jsonl").write_text("\n".join(oracle for _, oracle in pairs))
    return folder


def _command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conformance", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_without_spanledger_calls_and_errors_are_missing() -> None:
    report = run([PLAIN, FAILED, STREAMED], _switched_off)
    assert _wrong(report) == {
        PLAIN.id: ["tokens", "cost", "once"],
        FAILED.id: ["error"],
        STREAMED.id: ["tokens", "cost", "once"],
    }
    assert not report.passed
    assert "double 0; missing 2" in report.summary()


def test_an_answer_that_is_not_the_same_with_spanledger_on_is_seen() -> None:
    report = run([PLAIN], _meddling)
    assert _wrong(report) == {PLAIN.id: ["same"]}
    assert "value.model: 'gpt-4o-mini-2024-07-18' became 'changed'" in report.text()


def test_a_case_that_the_bare_client_cannot_play_is_set_aside() -> None:
    broken = replace(PLAIN, response=replace(PLAIN.response, body=b"{"))
    report = run([broken, FAILED], switched_on)
    assert list(report.unplayable) == [PLAIN.id]
    assert [verdict.case.id for verdict in report.verdicts] == [FAILED.id]


def test_a_recorded_corpus_is_read_like_the_hand_made_set(tmp_path: Path) -> None:
    first, second = load(_corpus(tmp_path, output=40))
    assert (first.request, first.response.body) == (PLAIN.request, PLAIN.response.body)
    assert first.expected == PLAIN.expected
    assert (second.id, second.expected.kind, second.expected.tokens) == (FAILED.id, "error", None)


def test_the_command_prints_every_stratum_and_ends_with_1_if_anything_is_wrong(tmp_path: Path) -> None:
    found = _command("--corpus", _corpus(tmp_path, output=41), "--json", tmp_path / "out.json")
    assert found.returncode == 1, found.stderr
    assert "chat.completions plain usage" in found.stdout
    assert "openai-chat-plain: output is 40, not 41" in found.stdout
    said = json.loads((tmp_path / "out.json").read_text())
    assert said["passed"] is False
    assert said["cases"][PLAIN.id]["wrong"] == {"tokens": "output is 40, not 41"}
    assert said["strata"]["feature: HTTP 400"]["right"]["error"] == 1


def test_the_command_plays_the_cases_that_are_chosen_and_ends_with_0_if_all_is_right(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("openai-400\nopenai-chat-plain, openai-chat-cached")
    found = _command("--only-ids", tmp_path / "ids", "--strata", "usage", "--limit", "1")
    assert found.returncode == 0, found.stderr
    assert found.stdout.rstrip().endswith(
        "tokens 100.0 % (1), over strata 100.0 %; cost 100.0 % (1); invented 0; double 0; missing 0; apps changed 0"
    )


def test_a_set_that_cannot_be_read_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--corpus", str(tmp_path)]) == 2
    assert main(["--strata", "there is no such stratum"]) == 2
    assert "neither corpus.jsonl nor YAML" in capsys.readouterr().err
