"""From pyarrow's columns to the columns that statistics learn from."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from federation.statistics import Coded, Column, Schema, Table
from federation.statistics.table import number_label
from node.sources.dates import DATE, made_from, parts, times_of
from node.sources.source import SourceError

Number = TypeVar("Number", np.float64, np.int32)


def table_of(record: Any, schema: Schema) -> Table:
    columns: dict[str, Column] = {}
    for name, held in zip(record.schema.names, record.columns, strict=True):
        array = held
        if hasattr(held, "num_chunks"):  # of a table; a batch has one piece anyway
            array = held.chunk(0) if held.num_chunks == 1 else held.combine_chunks()
        letter = schema[name].type.value if name in schema else DATE
        try:
            if name not in schema:
                columns |= parts(times_of(array), made_from(name, schema.names, record.schema.names))
            else:
                columns[name] = floats(array) if schema[name].numeric else _coded(array)
        except (ValueError, TypeError, NotImplementedError):
            raise SourceError(
                f"column {name!r} holds {array.type}, which cannot be read as type {letter}"
            ) from None
    return Table(columns)


def floats(array: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A pyarrow column of numbers, null as NaN."""
    import pyarrow as pa

    if pa.types.is_decimal(array.type):  # a cast to numbers multiplies, so that 0.57 becomes another number
        array = array.cast(pa.string())
    if not pa.types.is_floating(array.type) or array.type.bit_width != 64:
        array = array.cast(pa.float64())
    return _numbers(array, np.float64, np.nan)


def _coded(array: Any) -> Coded:
    import pyarrow as pa

    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    levels = tuple(_label(value) for value in encoded.dictionary.to_pylist())
    codes = _numbers(encoded.indices.cast(pa.int32()), np.int32, -1)
    if "" in levels:  # an empty text is a missing one
        codes = np.where(codes == levels.index(""), np.int32(-1), codes)
    return Coded(codes, levels)


def _numbers(array: Any, kind: type[Number], missing: float) -> np.ndarray[Any, np.dtype[Number]]:
    """A pyarrow array of this kind of numbers, null as `missing`; without nulls it stays where it lies.

    pyarrow's own ways to do this load pandas, which takes time and memory and nothing else.
    """
    n, start = len(array), array.offset
    if not n:
        return np.empty(0, dtype=kind)
    valid, data = array.buffers()
    numbers = np.frombuffer(data, kind, n, start * np.dtype(kind).itemsize)
    if not array.null_count:
        return numbers
    present = np.unpackbits(np.frombuffer(valid, np.uint8), count=start + n, bitorder="little")[start:]
    return np.where(present.view(np.bool_), numbers, kind(missing))


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_label(value)
    return "" if value is None else str(value)
