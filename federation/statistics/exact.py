"""Arrays of exact integers of any size, as vectorised limbs.

An `ExactArray` holds every element in two's complement, base 2**32, one int64 array per limb, all elements
with the same number of limbs. Only the highest limb is signed. The representation is always minimal, so equal
arrays have equal limbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics.double_double import DoubleDouble
from federation.statistics.errors import MomentsFormatError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MAX_WIDTH: Final = (
    64  # 128-bit limbs an element may have: 8192 bits hold any sum of products of float64 values
)
_BITS: Final = 32
_MASK: Final = (1 << _BITS) - 1
_HALF: Final = 1 << (_BITS - 1)
_WIDE: Final = 4  # limbs of memory in a 128-bit limb of the bytes


class ExactArray:
    """An array of exact integers; immutable.

    `limbs` is int64 of shape (k, *shape): element = Σ limbs[i] · 2**(32 i), limbs below the highest in
    [0, 2**32), the highest in [-2**31, 2**31).
    """

    __slots__ = ("limbs",)

    def __init__(self, limbs: IntArray) -> None:
        """Take limbs of any int64 values below 2**62 in magnitude and normalise them."""
        self.limbs = _normalise(limbs)

    @classmethod
    def _of_normal(cls, limbs: IntArray) -> ExactArray:
        array = cls.__new__(cls)
        array.limbs = _trim(limbs)
        return array

    @classmethod
    def zeros(cls, shape: int | tuple[int, ...]) -> ExactArray:
        """All zero."""
        shape = (shape,) if isinstance(shape, int) else shape
        return cls._of_normal(np.zeros((1, *shape), dtype=np.int64))

    @classmethod
    def of(cls, values: NDArray[Any] | int) -> ExactArray:
        """From int64 values of any magnitude."""
        array = np.asarray(values, dtype=np.int64)
        return cls._of_normal(np.stack([array & _MASK, array >> _BITS]))

    @classmethod
    def from_ints(cls, values: Iterable[int], shape: tuple[int, ...] | None = None) -> ExactArray:
        """From Python integers of any size."""
        listed = list(values)
        widest = max((value.bit_length() for value in listed), default=0)
        count = widest // _BITS + 1
        data = b"".join(value.to_bytes(count * 4, "little", signed=True) for value in listed)
        limbs = np.frombuffer(data, dtype="<u4").reshape(len(listed), count).T.astype(np.int64)
        limbs[-1] = _signed(limbs[-1])
        return cls._of_normal(limbs.reshape(count, *(shape or (len(listed),))))

    @classmethod
    def from_shifted(cls, parts: Sequence[tuple[IntArray, int]]) -> ExactArray:
        """Σ values · 2**shift, for int64 arrays of one shape, |values| < 2**63 and shifts >= 0."""
        highest = max(shift for _, shift in parts)
        shape = parts[0][0].shape
        limbs = np.zeros((highest // _BITS + 4, *shape), dtype=np.int64)
        for values, shift in parts:
            word, bit = divmod(shift, _BITS)
            low, high = (values & _MASK), (values >> _BITS)
            for position, piece in ((word, low), (word + 1, high)):
                # A piece is below 2**32: shifting its halves separately stays inside int64.
                limbs[position] += ((piece & ((1 << (_BITS - bit)) - 1)) << bit) if bit else piece
                if bit:
                    limbs[position + 1] += piece >> (_BITS - bit)
        return cls(limbs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of elements."""
        return self.limbs.shape[1:]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.limbs.nbytes)

    def __getitem__(self, index: Any) -> ExactArray:
        picked = index if isinstance(index, tuple) else (index,)
        return ExactArray._of_normal(self.limbs[(slice(None), *picked)])

    def reshape(self, *shape: int) -> ExactArray:
        """The same elements in another shape."""
        return ExactArray._of_normal(self.limbs.reshape(self.limbs.shape[0], *shape))

    def transpose(self) -> ExactArray:
        """A matrix with its axes exchanged."""
        return ExactArray._of_normal(self.limbs.swapaxes(1, 2))

    def place(self, shape: tuple[int, ...], index: Any) -> ExactArray:
        """Zeros of this shape with these elements at `index`."""
        limbs = np.zeros((self.limbs.shape[0], *shape), dtype=np.int64)
        limbs[(slice(None), *(index if isinstance(index, tuple) else (index,)))] = self.limbs
        return ExactArray._of_normal(limbs)

    @classmethod
    def assemble(cls, shape: tuple[int, ...], parts: Sequence[tuple[Any, ExactArray]]) -> ExactArray:
        """Zeros of this shape into which each (index, array) is written."""
        count = max((array.limbs.shape[0] for _, array in parts), default=1)
        limbs = np.zeros((count + 1, *shape), dtype=np.int64)
        for index, array in parts:
            where = index if isinstance(index, tuple) else (index,)
            # Fewer limbs than the widest part: the signed highest one is carried on by normalising.
            for i, limb in enumerate(array.limbs):
                limbs[(i, *where)] = limb
        return cls(limbs)

    @classmethod
    def concatenate(cls, parts: Sequence[ExactArray]) -> ExactArray:
        """Vectors one after another."""
        ends = np.cumsum([part.size for part in parts])
        spans = [(np.s_[end - part.size : end], part) for end, part in zip(ends.tolist(), parts, strict=True)]
        return cls.assemble((int(ends[-1]),), spans)

    def accumulate(self, groups: NDArray[np.intp], count: int) -> ExactArray:
        """Sum elements along the first axis into `count` groups: element i goes to group groups[i]."""
        limbs = np.zeros((self.limbs.shape[0], count, *self.shape[1:]), dtype=np.int64)
        for source, target in zip(self.limbs, limbs, strict=True):
            np.add.at(target, groups, source)
        return ExactArray(limbs)

    def sum(self, axis: int = 0) -> ExactArray:
        """Sum along one axis of at most 2**29 elements."""
        return ExactArray(np.asarray(self.limbs.sum(axis=axis + 1)))

    def __add__(self, other: ExactArray) -> ExactArray:
        return ExactArray(_combine(self.limbs, other.limbs, 1))

    def __sub__(self, other: ExactArray) -> ExactArray:
        return ExactArray(_combine(self.limbs, other.limbs, -1))

    def __neg__(self) -> ExactArray:
        return ExactArray(-self.limbs)

    def __mul__(self, other: ExactArray | int) -> ExactArray:
        """Elementwise product, broadcasting as numpy does."""
        right = ExactArray.from_ints([other], ()) if isinstance(other, int) else other
        left = self
        if left.limbs.shape[0] < right.limbs.shape[0]:
            left, right = right, left
        dims = max(left.limbs.ndim, right.limbs.ndim)
        a, b = _pad_axes(left.limbs, dims), _pad_axes(right.limbs, dims)
        count = a.shape[0] + b.shape[0] + 1
        shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
        # 32-bit limbs by 16-bit halves: a product is below 2**48, and thousands of them below 2**62.
        even = np.zeros((count, *shape), dtype=np.int64)
        odd = np.zeros((count, *shape), dtype=np.int64)
        for j in range(b.shape[0]):
            low, high = b[j] & 0xFFFF, b[j] >> 16
            for i in range(a.shape[0]):
                even[i + j] += a[i] * low
                odd[i + j] += a[i] * high
        even += (odd & 0xFFFF) << 16
        even[1:] += odd[:-1] >> 16
        return ExactArray(even)

    def outer(self, other: ExactArray) -> ExactArray:
        """The matrix of products of two vectors."""
        return self[:, None] * other[None, :]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactArray) and np.array_equal(self.limbs, other.limbs)

    __hash__ = None  # type: ignore[assignment]  # arrays are compared, not looked up

    def nonzero(self) -> NDArray[np.bool_]:
        """Where elements differ from zero."""
        return np.asarray(self.limbs.any(axis=0))

    def any(self) -> bool:
        """Whether any element differs from zero."""
        return bool(self.limbs.any())

    def to_ints(self) -> NDArray[np.object_]:
        """Python integers in an object array of the same shape."""
        total = np.zeros(self.shape, dtype=object)
        for limb in self.limbs[::-1]:
            total = total * (1 << _BITS) + limb.astype(object)
        return np.asarray(total, dtype=object)

    def to_int64(self) -> IntArray:
        """The elements as int64; raises `OverflowError` if one exceeds it."""
        if self.limbs.shape[0] > 2:
            raise OverflowError("integers of more than 64 bits")
        low, high = self.limbs[0], self.limbs[1:].sum(axis=0)
        return np.asarray(low + (high << _BITS), dtype=np.int64)

    def item(self) -> int:
        """The only element, as a Python integer."""
        value = 0
        for limb in self.limbs.reshape(-1)[::-1]:
            value = (value << _BITS) + int(limb)
        return value

    def to_float(self) -> FloatArray:
        """Each element as the nearest float64, ties to even; beyond the range, infinity."""
        return self.to_double_double().hi

    def to_double_double(self, twos: int | IntArray = 0) -> DoubleDouble:
        """Each element · 2**-twos as hi + lo: hi is the nearest float64, lo what is left to about 2**-106
        of it.

        `twos` is an integer or an array that broadcasts to the shape. Results below the normal range are
        rounded once more.
        """
        return _to_double_double(self.limbs, np.asarray(twos))

    def to_bytes(self) -> bytes:
        """Elements in order, each in as many little-endian signed 128-bit limbs as the widest needs."""
        count = self.limbs.shape[0]
        width = -(-count // _WIDE)
        out = np.empty((self.size, width * _WIDE), dtype="<u4")
        flat = self.limbs.reshape(count, -1)
        for i in range(count):
            out[:, i] = (flat[i] & _MASK).astype(np.uint32)
        sign = ((flat[-1] >> _BITS) & _MASK).astype(np.uint32)
        for i in range(count, width * _WIDE):
            out[:, i] = sign
        return out.tobytes()

    @property
    def width(self) -> int:
        """Number of 128-bit limbs of an element in `to_bytes`."""
        return int(-(-self.limbs.shape[0] // _WIDE))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, shape: tuple[int, ...], width: int) -> ExactArray:
        """Read `to_bytes` back; raises `MomentsFormatError`, before allocating, if the size does not fit."""
        size = 1
        for extent in shape:
            size *= extent
        if not 1 <= width <= MAX_WIDTH:
            raise MomentsFormatError(f"integers of {width} limbs of 128 bits: 1 to {MAX_WIDTH} are allowed")
        if len(data) != size * width * 16:
            raise MomentsFormatError(
                f"{len(data)} bytes where {size} integers of {width * 16} bytes were announced"
            )
        words = np.frombuffer(data, dtype="<u4").reshape(size, width * _WIDE)
        limbs = np.empty((width * _WIDE, size), dtype=np.int64)
        limbs[...] = words.T
        limbs[-1] = _signed(limbs[-1])
        return cls._of_normal(limbs.reshape(width * _WIDE, *shape))


def _signed(limb: IntArray) -> IntArray:
    return np.asarray((limb ^ _HALF) - _HALF, dtype=np.int64)


def _normalise(raw: IntArray) -> IntArray:
    count = raw.shape[0]
    limbs = np.empty((count + 1, *raw.shape[1:]), dtype=np.int64)
    carry: IntArray | int = 0
    for i in range(count):
        total = raw[i] + carry
        np.bitwise_and(total, _MASK, out=limbs[i, ...])
        carry = total >> _BITS
    limbs[count] = carry
    return _trim(limbs)


def _trim(limbs: IntArray) -> IntArray:
    """Drop high limbs that only repeat the sign."""
    count, top = limbs.shape[0], limbs[-1]
    while count > 1:
        merged = limbs[count - 2] + (top << _BITS)
        if merged.size and (merged.max() >= _HALF or merged.min() < -_HALF):
            break
        count, top = count - 1, merged
    if count == limbs.shape[0]:
        return limbs
    trimmed = limbs[:count].copy()
    trimmed[-1] = top
    return trimmed


def _combine(a: IntArray, b: IntArray, sign: int) -> IntArray:
    shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
    total = np.zeros((max(a.shape[0], b.shape[0]), *shape), dtype=np.int64)
    total[: a.shape[0]] = a
    if sign > 0:
        total[: b.shape[0]] += b
    else:
        total[: b.shape[0]] -= b
    return total


def _pad_axes(limbs: IntArray, dims: int) -> IntArray:
    return limbs.reshape(limbs.shape[0], *(1,) * (dims - limbs.ndim), *limbs.shape[1:])


def _to_double_double(limbs: IntArray, twos: NDArray[Any]) -> DoubleDouble:
    negative = limbs[-1] < 0
    # Sign and magnitude, so that adding the limbs up never cancels; three zero limbs below make a full
    # window.
    magnitude = _normalise(np.where(negative, -limbs, limbs))
    padded = np.concatenate([np.zeros((4, *limbs.shape[1:]), dtype=np.int64), magnitude])
    top = np.full(limbs.shape[1:], 4, dtype=np.int64)
    for i in range(5, padded.shape[0]):
        top[padded[i] != 0] = i
    places = top * top.size + np.arange(top.size).reshape(top.shape)
    window = [padded.ravel()[places - back * top.size] for back in range(5)]
    sticky = np.logical_or.accumulate(padded != 0, axis=0).ravel()[places - 3 * top.size]
    w0, w1, w2 = (part.astype(np.float64) for part in window[:3])
    # In units of the third limb the two highest add up exactly to s + e, and e + w2 is exact as well. A
    # lowest bit set for whatever lies below makes the one rounding of s + (e + w2) the rounding of the
    # whole.
    x, y = w0 * 2.0**64, w1 * 2.0**32
    s = x + y
    e = y - (s - x)
    odd = (window[2] | sticky).astype(np.float64)
    hi = s + (e + odd)
    rest = ((s - hi) + (e + w2)) + (window[3] * 2.0**-32 + window[4] * 2.0**-64)
    exponent = 32 * (top - 6) - twos
    sign = np.where(negative, -1.0, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        shift = np.asarray(exponent, dtype=np.int64).clip(-5000, 100_000).astype(np.int32)
        return DoubleDouble(np.ldexp(hi * sign, shift), np.ldexp(rest * sign, shift))
