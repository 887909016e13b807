"""Ways to send the same request: four HTTP libraries, and coroutines where they have them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import aiohttp
import httpx
import httpx2
import requests

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Seen:
    """What an app sees of an answer."""

    status: int
    body: bytes


class Way(Protocol):
    """One way to send a request. `body` is sent as it is; `lines` gives up after that many lines of the answer."""

    def ask(self, url: str, body: bytes, headers: Headers) -> Seen:
        """Have the whole answer at once."""

    def stream(self, url: str, body: bytes, headers: Headers, lines: int | None = None) -> Seen:
        """Read the answer line by line, as it comes."""


@dataclass(frozen=True)
class Httpx:
    """httpx or httpx2."""

    library: ModuleType

    def ask(self, url: str, body: bytes, headers: Headers) -> Seen:
        with self.library.Client(timeout=5, verify=False) as client:
            response = client.post(url, content=body, headers=headers)
            return Seen(response.status_code, response.content)

    def stream(self, url: str, body: bytes, headers: Headers, lines: int | None = None) -> Seen:
        with (
            self.library.Client(timeout=5, verify=False) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            return Seen(response.status_code, b"".join(_taken(response.iter_lines(), lines)))


@dataclass(frozen=True)
class HttpxAsync:
    """Coroutines of httpx or httpx2."""

    library: ModuleType

    def ask(self, url: str, body: bytes, headers: Headers) -> Seen:
        async def run() -> Seen:
            async with self.library.AsyncClient(timeout=5, verify=False) as client:
                response = await client.post(url, content=body, headers=headers)
                return Seen(response.status_code, response.content)

        return asyncio.run(run())

    def stream(self, url: str, body: bytes, headers: Headers, lines: int | None = None) -> Seen:
        async def run() -> Seen:
            async with (
                self.library.AsyncClient(timeout=5, verify=False) as client,
                client.stream("POST", url, content=body, headers=headers) as response,
            ):
                return Seen(
                    response.status_code, b"".join([x async for x in _taken_async(response.aiter_lines(), lines)])
                )

        return asyncio.run(run())


class Aiohttp:
    """aiohttp."""

    def ask(self, url: str, body: bytes, headers: Headers) -> Seen:
        async def run() -> Seen:
            async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
                return Seen(response.status, await response.read())

        return asyncio.run(run())

    def stream(self, url: str, body: bytes, headers: Headers, lines: int | None = None) -> Seen:
        async def run() -> Seen:
            async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
                found = [line async for line in _taken_async(_stripped(response.content), lines)]
                return Seen(response.status, b"".join(found))

        return asyncio.run(run())


class Requests:
    """requests."""

    def ask(self, url: str, body: bytes, headers: Headers) -> Seen:
        response = requests.post(url, data=body, headers=headers, timeout=5)
        return Seen(response.status_code, response.content)

    def stream(self, url: str, body: bytes, headers: Headers, lines: int | None = None) -> Seen:
        with requests.post(url, data=body, headers=headers, timeout=5, stream=True) as response:
            return Seen(response.status_code, b"".join(_taken(response.iter_lines(), lines)))


WAYS: Mapping[str, Way] = {
    "httpx": Httpx(httpx),
    "httpx async": HttpxAsync(httpx),
    "httpx2": Httpx(httpx2),
    "httpx2 async": HttpxAsync(httpx2),
    "aiohttp": Aiohttp(),
    "requests": Requests(),
}
JSON = {"content-type": "application/json", "authorization": "Bearer sk-wire"}


def written(body: Mapping[str, Any]) -> bytes:
    """A request as an app of its own taste writes it: spaces, order and escapes are not those of ours."""
    return json.dumps(body, ensure_ascii=False, indent=1).encode()


def _taken(lines: Iterator[Any], count: int | None) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        yield (line.encode() if isinstance(line, str) else line) + b"\n"
        if number == count:
            return


async def _taken_async(lines: AsyncIterator[Any], count: int | None) -> AsyncIterator[bytes]:
    number = 0
    async for line in lines:
        yield (line.encode() if isinstance(line, str) else line) + b"\n"
        number += 1
        if number == count:
            return


async def _stripped(reader: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    async for line in reader:
        yield line.rstrip(b"\r\n")
