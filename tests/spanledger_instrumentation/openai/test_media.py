"""Audio and pictures: metered by the tokens or units that they are billed by, or told to have no known price."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.support.asking import later
from tests.support.budgeted import budgeted, figures
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names

#: Two and a half seconds, 25 tokens of it, as the simulated provider hears it.
AUDIO = b"~" * 2_500
HEARING, SPEAKING, DRAWING = "gpt-4o-transcribe", "gpt-4o-mini-tts", "gpt-image-1"
#: 25 tokens of audio at 6 USD a million, 8 of text at 10.
HEARD = 25 * 6e-6 + 8 * 10e-6
#: 20 tokens of text at 5 USD a million, 272 of a picture at 40.
DRAWN = 20 * 5e-6 + 272 * 40e-6
#: The client calls translations so.
DEPRECATED = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


def file() -> tuple[str, bytes]:
    return "speech.wav", AUDIO


def transcribed(client: openai.OpenAI, **more: Any) -> Any:
    return client.audio.transcriptions.create(**{"file": file(), "model": HEARING, **more})


def test_a_transcription_is_metered_by_its_tokens(
    client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str
) -> None:
    assert transcribed(client).text
    found = metered.attributes
    assert metered.one.name == f"transcription {HEARING}"
    assert found[names.GEN_AI_OPERATION_NAME] == "transcription"
    assert found[names.GEN_AI_OUTPUT_TYPE] == "text"
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == provider.bill(key)["input_tokens"] == 25
    assert found[names.GEN_AI_USAGE_AUDIO_INPUT_TOKENS] == 25
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(HEARD)


@pytest.mark.parametrize("read", [list, lambda events: next(iter(events))])
def test_a_transcription_that_is_streamed_is_metered_by_its_last_event(
    client: openai.OpenAI, metered: Telemetry, read: Callable[[Any], Any]
) -> None:
    with transcribed(client, stream=True) as events:
        read(events)
    told = names.GEN_AI_USAGE_COST_AMOUNT in metered.attributes
    assert told is (read is list)


@DEPRECATED
def test_a_translation_is_an_operation_of_its_own(client: openai.OpenAI, metered: Telemetry) -> None:
    client.audio.translations.create(file=io.BytesIO(AUDIO), model=HEARING)
    assert metered.attributes[names.GEN_AI_OPERATION_NAME] == "translation"
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(HEARD)


@pytest.mark.parametrize("form", ["json", "verbose_json"])
def test_audio_by_the_second_is_priced_by_the_second(client: openai.OpenAI, metered: Telemetry, form: str) -> None:
    transcribed(client, model="whisper-1", response_format=form)
    found = metered.attributes
    assert found[names.SPANLEDGER_USAGE_AUDIO_MS] == 2_500
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(2.5 / 60 * 0.006)


def test_a_transcription_as_plain_text_tells_nothing_and_none_is_invented(
    client: openai.OpenAI, metered: Telemetry
) -> None:
    assert transcribed(client, model="whisper-1", response_format="text")
    assert not [name for name in metered.attributes if "usage" in name]


def test_speech_is_told_by_the_character_and_priced_where_that_is_what_is_billed(
    client: openai.OpenAI, metered: Telemetry
) -> None:
    for model in ("tts-1", SPEAKING):
        assert client.audio.speech.create(model=model, voice="alloy", input="Hello there").read()
    by_character, by_token = metered.said
    assert by_character[names.SPANLEDGER_USAGE_CHARACTERS] == by_token[names.SPANLEDGER_USAGE_CHARACTERS] == 11
    assert by_character[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(11 * 15e-6)
    assert by_token[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
    assert names.GEN_AI_USAGE_COST_AMOUNT not in by_token


def test_speech_that_is_read_as_it_comes_is_untouched_and_metered(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Hello") as response:
        assert b"".join(response.iter_bytes()) == b"Hello".ljust(64, b"~")
    assert metered.attributes[names.SPANLEDGER_USAGE_CHARACTERS] == 5


def test_speech_in_events_tells_its_tokens(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.audio.speech.with_streaming_response.create(
        model=SPEAKING, voice="alloy", input="<<input=10 output=100>> Hello", stream_format="sse"
    ) as response:
        b"".join(response.iter_bytes())
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(10 * 0.6e-6 + 100 * 12e-6)


def test_pictures_are_metered_by_their_tokens(client: openai.OpenAI, metered: Telemetry) -> None:
    client.images.generate(model=DRAWING, prompt="A cat", n=2)
    found = metered.attributes
    assert found[names.GEN_AI_OUTPUT_TYPE] == "image"
    assert found[names.GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS] == 2 * 272
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(20 * 5e-6 + 2 * 272 * 40e-6)


def test_an_edit_is_metered_with_the_picture_it_was_given(client: openai.OpenAI, metered: Telemetry) -> None:
    client.images.edit(model=DRAWING, image=("cat.png", b"png"), prompt="A hat")
    found = metered.attributes
    assert found[names.GEN_AI_USAGE_IMAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(DRAWN + 100 * 10e-6)


def test_a_picture_that_is_streamed_is_metered_by_its_last_event(client: openai.OpenAI, metered: Telemetry) -> None:
    events = client.images.generate(model=DRAWING, prompt="A cat", stream=True, partial_images=2)
    assert [event.type for event in events][-1] == "image_generation.completed"
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(DRAWN)


def test_pictures_by_the_piece_are_counted(client: openai.OpenAI, metered: Telemetry) -> None:
    client.images.generate(model="dall-e-3", prompt="A cat", n=3)
    assert metered.attributes[names.SPANLEDGER_USAGE_IMAGES] == 3
    assert metered.attributes[names.SPANLEDGER_PRICE_STATUS] == "unpriced"


@DEPRECATED
def test_async_calls_are_metered_too(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        await client.audio.transcriptions.create(file=file(), model=HEARING)
        async for _ in await client.audio.transcriptions.create(file=file(), model=HEARING, stream=True):
            pass
        await client.audio.translations.create(file=file(), model=HEARING)
        await (await client.audio.speech.create(model=SPEAKING, voice="alloy", input="Hi")).aread()
        await client.images.with_raw_response.generate(model=DRAWING, prompt="A cat")
        await client.images.edit(model=DRAWING, image=("cat.png", b"png"), prompt="A hat")

    later(provider, key, ask)
    found = [said[names.GEN_AI_OPERATION_NAME] for said in metered.said]
    assert found == ["transcription"] * 2 + ["translation", "speech"] + ["image_generation"] * 2
    costs = [said.get(names.GEN_AI_USAGE_COST_AMOUNT) for said in metered.said]
    assert costs[:3] == [pytest.approx(HEARD)] * 3
    assert costs[4] == pytest.approx(DRAWN)


def test_a_hard_budget_holds_a_window_for_audio_and_is_charged_what_it_took(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        with transcribed(client, stream=True) as events:
            next(iter(events))
            assert figures(made)[1] > 16_000 * 6_000
        held = figures(made)[0]
        assert held > 16_000 * 6_000  # given up before it told: charged as held
        transcribed(client)
        assert figures(made) == (held + round(HEARD * 1e9), 0)


def test_a_hard_budget_refuses_what_has_no_worst_case(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        with pytest.raises(BudgetExceeded, match="does not cap how long the speech becomes"):
            client.audio.speech.create(model=SPEAKING, voice="alloy", input="Hello")
        with pytest.raises(BudgetExceeded, match="does not tell how long its audio is"):
            transcribed(client, model="whisper-1")
        with pytest.raises(BudgetExceeded, match="no price is known for 'dall-e-3'"):
            client.images.generate(model="dall-e-3", prompt="A cat")
        assert figures(made) == (0, 0)


def test_speech_by_the_character_is_held_by_the_character(client: openai.OpenAI) -> None:
    with budgeted("global=0.00015USD") as made:
        with pytest.raises(BudgetExceeded, match="too_large"):
            client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there")
        client.audio.speech.create(model="tts-1", voice="alloy", input="Hello")
        assert figures(made) == (5 * 15_000, 0)


def test_pictures_without_a_worst_case_go_where_the_budget_says_so(client: openai.OpenAI) -> None:
    with budgeted("global=1USD"), pytest.raises(BudgetExceeded, match="tokens of its pictures"):
        client.images.generate(model=DRAWING, prompt="A cat")
    with budgeted("global=1USD", unbounded="window") as made:
        client.images.generate(model=DRAWING, prompt="A cat")
        assert figures(made) == (round(DRAWN * 1e9), 0)
