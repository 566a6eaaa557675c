"""MurmurHash3, the 32-bit variant for x86, of texts: public domain, by Austin Appleby (2011).

It is what scikit-learn's `FeatureHasher` uses, so that both put a text into the same place.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = 0xFFFFFFFF
_C1: Final = 0xCC9E2D51
_C2: Final = 0x1B873593


def murmur3(data: bytes, seed: int = 0) -> int:
    """The hash as a signed 32-bit integer."""
    value = seed & _MASK
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        value ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        value = (_rotated(value, 13) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        value ^= _scrambled(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _MASK
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _MASK
    value ^= value >> 16
    return value - (1 << 32) if value >> 31 else value


def _scrambled(block: int) -> int:
    return (_rotated((block * _C1) & _MASK, 15) * _C2) & _MASK


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK
