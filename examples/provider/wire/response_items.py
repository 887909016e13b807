"""The items of the responses API: what goes in read as turns, what comes out written as items."""

from __future__ import annotations

from typing import Any

from provider.content.compose import Said, ToolCall
from provider.content.talk import Turn, image
from provider.errors import Json


def given_items(given: Any) -> list[Json]:
    """The `input` of a request as items."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return list(given or ())


def turn(item: Json) -> Turn:
    """What one item says to the model."""
    kind = item.get("type", "message")
    if kind == "function_call":
        return Turn("assistant", f"{item['name']} {item['arguments']}", (item["name"],))
    if kind == "function_call_output":
        return Turn("tool", _text(item.get("output")))
    if kind == "compaction":
        return Turn("system", str(item.get("encrypted_content", "")))
    if kind == "reasoning":  # earlier thoughts are not read again
        return Turn("assistant", "")
    return Turn(str(item.get("role", "user")), _text(item.get("content")))


def pictures(item: Json) -> int:
    """Input tokens of the pictures in an item."""
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return sum(image(part.get("detail")) for part in parts if part.get("type") == "input_image")


def output_items(said: Said, key: str, *, thinks: bool) -> list[Json]:
    """The finished items of an answer: thoughts where the model has some, then the message or the calls."""
    items = [reasoning(key)] if thinks and said.reasoning else []
    if said.calls:
        return items + [function_call(call, key, at) for at, call in enumerate(said.calls)]
    if said.visible or not items:
        status = "incomplete" if said.finish == "length" else "completed"
        items.append(message(key, [output_text(said.text)], status))
    return items


def reasoning(key: str) -> Json:
    """The item of hidden thoughts."""
    return {"id": f"rs_{key}", "type": "reasoning", "summary": []}


def message(key: str, content: list[Json], status: str) -> Json:
    """A message of the assistant."""
    return {"id": f"msg_{key}", "type": "message", "status": status, "content": content, "role": "assistant"}


def output_text(text: str) -> Json:
    """The text part of a message."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def function_call(call: ToolCall, key: str, at: int, status: str = "completed") -> Json:
    """A call of a function; still without arguments while it is in progress."""
    return {
        "id": f"fc_{key}_{at}",
        "type": "function_call",
        "status": status,
        "arguments": "" if status == "in_progress" else call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text") or part.get("refusal") or "") for part in content)
    return str(content or "")
