"""Bodies that are packed, broken, endless or bombs, read in bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.service.intake.bodies import FILES, MIB, ROOM, Refused, Room, read


async def chunked(data: bytes, size: int) -> AsyncIterator[bytes]:
    for first in range(0, len(data), size):
        yield data[first : first + size]


def unpacked(data: bytes, encoding: str, largest: int = MIB, size: int = 1000) -> bytes:
    return bytes(asyncio.run(read(chunked(data, size), encoding, largest, Room())))


def bare(data: bytes) -> bytes:
    """Deflate without zlib's head and foot."""
    return zlib.compress(data, wbits=-15)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 500))
def test_a_body_is_the_same_however_it_is_packed_and_cut(data: bytes, size: int) -> None:
    for encoding, packed in (
        ("", data),
        ("identity", data),
        ("gzip", gzip.compress(data)),
        ("gzip", gzip.compress(data[:7]) + gzip.compress(data[7:])),
        ("deflate", zlib.compress(data)),
        ("deflate", bare(data)),
    ):
        assert unpacked(packed, encoding, size=size) == data


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"plain", "gzip"),
        (gzip.compress(b"x" * 5000)[:-9], "gzip"),
        (b"", "gzip"),
        (gzip.compress(b"x") + b"rest", "gzip"),
        (b"\xff\xff\xff", "deflate"),
        (zlib.compress(b"x" * 5000)[:-5], "deflate"),
    ],
    ids=["plain", "cut gzip", "nothing", "more behind", "no deflate", "cut deflate"],
)
def test_what_cannot_be_unpacked_is_refused_for_good(data: bytes, encoding: str) -> None:
    with pytest.raises(Refused) as refused:
        unpacked(data, encoding)
    assert (refused.value.status, refused.value.wait) == (400, None)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", ""])
def test_a_body_that_gets_too_large_is_given_up_in_little_memory(encoding: str) -> None:
    flat = bytes(64 * MIB)
    bomb = gzip.compress(flat) if encoding == "gzip" else zlib.compress(flat) if encoding else flat
    del flat
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        unpacked(bomb, encoding, largest=MIB, size=65536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 6 * MIB


def test_a_body_that_unpacks_to_nothing_comes_to_an_end_all_the_same() -> None:
    with pytest.raises(Refused) as refused:
        unpacked(gzip.compress(b"") * 100_000, "gzip", largest=MIB, size=65536)
    assert refused.value.status == 413


def test_so_many_packed_files_in_one_body_that_others_would_wait_are_refused() -> None:
    one = gzip.compress(b"x")
    assert unpacked(one * FILES, "gzip", largest=16 * MIB) == b"x" * FILES
    with pytest.raises(Refused) as refused:
        unpacked(one * (FILES + 1), "gzip", largest=16 * MIB)
    assert refused.value.status == 413


def test_all_bodies_together_have_bounded_room() -> None:
    room = Room()
    room.take(ROOM - 10)
    with pytest.raises(Refused) as refused:
        asyncio.run(read(chunked(b"x" * 100, 5), "", MIB, room))
    assert (refused.value.status, refused.value.wait) == (429, 1)
    room.take(10)  # what was read of it has given its room back


def test_a_body_that_trickles_in_gives_its_room_back() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"x" * 100
        await asyncio.Event().wait()

    room = Room(100)
    with pytest.raises(Refused) as refused:
        asyncio.run(read(trickle(), "", MIB, room, slowest=0.01))
    assert (refused.value.status, refused.value.wait) == (503, 1)
    room.take(100)
