"""What is read of a span's attributes, as the protobuf messages have them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from tests.support.sending import span

from spanledger.semconv import names
from spanledger.service.intake.reading import TEXT, plain


@pytest.mark.parametrize(
    "value", ["gpt-4o", "", 7, 0, -1, 0.25, 0.0, True, False, ("stop", "length"), ("",), (0, 1)], ids=repr
)
def test_a_value_is_read_as_it_was_said_empty_and_0_too(value: Any) -> None:
    found = plain(span({names.GEN_AI_REQUEST_MODEL: value}).attributes)[names.GEN_AI_REQUEST_MODEL]

    assert (found, type(found)) == (value, type(value))


def test_a_value_that_is_none_is_left_out() -> None:
    assert plain([KeyValue(key=names.GEN_AI_REQUEST_MODEL, value=AnyValue())]) == {}


def test_a_text_is_read_up_to_a_length() -> None:
    [found] = plain([KeyValue(key="gen_ai.usage.whatever", value=AnyValue(string_value="x" * (TEXT + 1)))]).values()

    assert found == "x" * TEXT


@pytest.mark.parametrize("key", [names.GEN_AI_INPUT_MESSAGES, names.SERVER_ADDRESS, "app.secret"])
def test_what_no_row_has_is_not_read(key: str) -> None:
    assert plain([KeyValue(key=key, value=AnyValue(string_value="x"))]) == {}
