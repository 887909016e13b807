"""Reads answers of servers that people run themselves, in their own languages: Ollama, llama.cpp, and TGI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import Usage
from spanledger_instrumentation.clients.counts import digits, number, usable
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.dialects.reading import Dialect, Seen
from spanledger_instrumentation.openai.usage import read_usage


def ollama_usage(block: Mapping[str, Any]) -> Usage | None:
    """The counts of Ollama. Thoughts are among the output; a prompt that was cached may not be counted at all."""
    tokens_in, tokens_out = number(block, "prompt_eval_count"), number(block, "eval_count")
    if tokens_in is None and tokens_out is None:
        return None
    return usable(Usage(input=tokens_in or 0, output=tokens_out or 0))


def note_ollama(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer or a line of `/api/chat`, `/api/generate` or `/api/embed`."""
    seen.count({key: found.get(key) for key in ("prompt_eval_count", "eval_count")})
    seen.model = text(found.get("model")) or seen.model
    message = mapping(found.get("message"))
    seen.say(message.get("content"), message.get("thinking"), found.get("response"), found.get("thinking"))
    for call in mappings(message.get("tool_calls")):
        function = mapping(call.get("function"))
        seen.call(function.get("name"))
        seen.say(function.get("arguments"))
    if found.get("done") is True:
        seen.complete = True
        seen.finish(found.get("done_reason") or True)
    if isinstance(error := found.get("error"), str):
        seen.fail(error, "error")


def asked_ollama(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request; a cap below 0 is none."""
    keys = ("messages", "prompt", "system", "suffix", "tools", "input")
    cap = number(mapping(body.get("options")), "num_predict")
    return {"prompt": [body.get(key) for key in keys], "max_tokens": cap if cap is not None and cap >= 0 else None}


OLLAMA = Dialect(note_ollama, ollama_usage, asked_ollama)


def _llama_usage(block: Mapping[str, Any]) -> Usage | None:
    """What was timed, which tells cached tokens too, else what was counted."""
    if (found := read_usage(block)) is not None:
        return found
    tokens_in, tokens_out = number(block, "tokens_evaluated"), number(block, "tokens_predicted")
    return None if tokens_in is None else usable(Usage(input=tokens_in, output=tokens_out or 0))


def note_llama(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer or an event of `/completion`."""
    seen.count({key: found.get(key) for key in ("tokens_evaluated", "tokens_predicted")})
    seen.count(found.get("timings"))
    seen.model = text(found.get("model")) or seen.model
    seen.say(found.get("content"))
    if found.get("stop") is True:
        seen.complete = True
        seen.finish(found.get("stop_type") or True)
    if error := mapping(found.get("error")):
        seen.fail(error, error.get("type") or "error")


def asked_llama(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request; a cap below 0 is none."""
    cap = number(body, "n_predict")
    return {"prompt": body.get("prompt"), "max_tokens": cap if cap is not None and cap >= 0 else None}


LLAMA_SERVER = Dialect(note_llama, _llama_usage, asked_llama)


def tgi_usage(block: Mapping[str, Any]) -> Usage | None:
    """The counts of Hugging Face's server: in the details of an answer, else in its headers."""
    tokens_in = number(block, "input_length", "prefill")
    tokens_out = number(block, "generated_tokens")
    if tokens_in is None:
        tokens_in = digits(block.get("x-prompt-tokens"))
    if tokens_out is None:
        tokens_out = digits(block.get("x-generated-tokens"))
    if tokens_in is None and tokens_out is None:
        return None
    return usable(Usage(input=tokens_in or 0, output=tokens_out or 0))


def note_tgi(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer or an event of `/generate`."""
    details = mapping(found.get("details"))
    seen.count({key: details.get(key) for key in ("generated_tokens", "input_length")})
    if isinstance(prefill := details.get("prefill"), list) and prefill:
        seen.counts["prefill"] = len(prefill)
    token = mapping(found.get("token"))
    seen.say(token.get("text") if token else found.get("generated_text"))
    if details:
        seen.complete = True
        seen.finish(details.get("finish_reason") or True)
    if error := text(found.get("error")):
        seen.fail(error, found.get("error_type") or "error")


def asked_tgi(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request."""
    return {"prompt": body.get("inputs"), "max_tokens": mapping(body.get("parameters")).get("max_new_tokens")}


TEXT_GENERATION = Dialect(note_tgi, tgi_usage, asked_tgi)
