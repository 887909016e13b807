"""Embeddings that mean something: texts that share words point in similar directions."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib

from provider.content.prompt import COMMON

_WORD = re.compile(r"[^\W_]+")
_COMMON_WEIGHT = 0.1
_PART_WEIGHT = 0.35  # pieces of words bring `analyse` and `analysis` together, less than equal words do


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector: the words of the text and their pieces, each hashed to one direction."""
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        weight = _COMMON_WEIGHT if word in COMMON else 1.0
        _add(vector, word, weight)
        padded = f"<{word}>"
        for at in range(len(padded) - 3):
            _add(vector, padded[at : at + 4], weight * _PART_WEIGHT)
    length = math.sqrt(sum(x * x for x in vector))
    if not length:
        vector[0] = length = 1.0
    return [x / length for x in vector]


def packed(vector: list[float]) -> str:
    """The vector as `encoding_format=base64` sends it: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _add(vector: list[float], feature: str, weight: float) -> None:
    number = zlib.crc32(feature.encode())
    vector[(number >> 1) % len(vector)] += weight if number & 1 else -weight
