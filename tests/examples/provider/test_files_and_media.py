"""Files and batches made of them, audio, and pictures, as the simulated provider has them."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest

from provider import Provider


def requests(*bodies: dict[str, Any]) -> bytes:
    lines = [
        {"custom_id": str(at), "method": "POST", "url": "/v1/chat/completions", "body": body}
        for at, body in enumerate(bodies)
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def asking(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


def test_a_batch_answers_the_lines_of_its_file_and_is_billed_once(client: openai.OpenAI, provider: Provider) -> None:
    content = requests(asking("<<input=10 output=5>> one"), asking("<<fault=500>> two"))
    file = client.files.create(file=content, purpose="batch")
    assert (file.bytes, client.files.retrieve(file.id).purpose) == (len(content), "batch")
    created = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert (created.status, created.output_file_id) == ("validating", None)
    done = client.batches.retrieve(created.id)
    assert done.status == "completed"
    assert done.output_file_id
    assert done.error_file_id
    (line,) = client.files.content(done.output_file_id).text.splitlines()
    answered = json.loads(line)
    assert (answered["custom_id"], answered["response"]["status_code"]) == ("0", 200)
    assert answered["response"]["body"]["usage"]["prompt_tokens"] == 10
    assert json.loads(client.files.content(done.error_file_id).text)["response"]["status_code"] == 400
    assert provider.bill(client.api_key)["input_tokens"] == 10


def test_a_batch_that_is_cancelled_has_no_output(client: openai.OpenAI) -> None:
    file = client.files.create(file=requests(asking("one")), purpose="batch")
    created = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.cancel(created.id).status == "cancelled"
    assert client.batches.retrieve(created.id).output_file_id is None


def test_files_and_batches_that_are_not_there_are_not_found(client: openai.OpenAI) -> None:
    for ask in (client.files.content, client.batches.retrieve):
        with pytest.raises(openai.NotFoundError):
            ask("nothing")


def test_audio_is_billed_by_tokens_or_by_the_second(client: openai.OpenAI) -> None:
    by_token = client.audio.transcriptions.create(file=("a.wav", b"~" * 2_000), model="gpt-4o-transcribe")
    by_second: Any = client.audio.transcriptions.create(
        file=("a.wav", b"~" * 2_000), model="whisper-1", response_format="verbose_json"
    )
    assert by_token.usage
    assert by_token.usage.type == "tokens"
    assert by_token.usage.input_tokens == 20
    assert by_second.duration == 2.0


def test_a_transcription_comes_in_words_when_it_is_streamed(client: openai.OpenAI) -> None:
    events = list(
        client.audio.transcriptions.create(file=("a.wav", b"~" * 2_000), model="gpt-4o-transcribe", stream=True)
    )
    said = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == said.strip()


def test_speech_is_as_many_bytes_each_time(client: openai.OpenAI) -> None:
    assert len(client.audio.speech.create(model="tts-1", voice="alloy", input="Hello").read()) == 64


def test_every_picture_is_a_pixel(client: openai.OpenAI) -> None:
    drawn = client.images.generate(model="gpt-image-1", prompt="A cat", n=2)
    assert [base64.b64decode(one.b64_json or "")[:4] for one in drawn.data or ()] == [b"\x89PNG"] * 2
    assert drawn.usage
    assert drawn.usage.output_tokens == 2 * 272
    assert client.images.generate(model="dall-e-3", prompt="A cat").usage is None


def test_an_upload_without_a_file_is_refused(client: openai.OpenAI) -> None:
    for path in ("/files", "/audio/transcriptions"):
        with pytest.raises(openai.BadRequestError, match="'file' is a required property"):
            client.post(path, body={"model": "whisper-1", "purpose": "batch"}, cast_to=object)
