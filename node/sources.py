"""Tables in files: CSV and Parquet, read in batches through pyarrow, reading ahead of whoever takes them.

A `Source` knows its columns, guesses a schema from its first rows, and gives batches for an agreed schema.
Rows are numbered from 1, without the header, in every message. What the rows are for is not known here.
"""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from federation.statistics import (
    Attribute,
    AttributeType,
    Coded,
    Column,
    LearnError,
    Schema,
    StatisticsError,
    Table,
)
from federation.statistics.table import number_label

CSV_BLOCK: Final = 4 << 20
"""Bytes of CSV parsed at a time; the first block is also the sample that types are guessed from."""

PARQUET_BATCH: Final = 1 << 17
READ_AHEAD: Final = 3
MOST_GUESSED_LEVELS: Final = 1000
"""A text column with more levels than this in the sample is taken for an identifier and ignored."""

FORMATS: Final = {".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}


class SourceError(ValueError):
    """A file that cannot be read as a table; the message names file, column and row where there is one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows; the first has the number `first` (from 1). done of total: bytes (CSV) or rows."""

    table: Table
    first: int
    done: int
    total: int


class Source(Protocol):
    """A table in a file."""

    path: Path
    names: tuple[str, ...]

    def sample(self) -> Any:
        """The first rows, as a pyarrow record batch of the file's own types."""

    def arrow_batches(self, schema: Schema) -> Iterator[tuple[Any, int, int]]:
        """(record batch, done, total) of the schema's columns, in the file's order."""


def open_source(path: str | Path, format: str | None = None) -> Source:  # noqa: A002
    """Open a CSV or Parquet file. Raises SourceError if that is not possible."""
    path = Path(path)
    kind = format or next((kind for end, kind in FORMATS.items() if path.name.lower().endswith(end)), None)
    if kind not in ("csv", "parquet"):
        raise SourceError(f"{path.name}: cannot tell its format from its name; say csv or parquet")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist, or this node may not see it"
        raise SourceError(f"{path} {what}: give the path of a file on the node's machine")
    _require_pyarrow()
    return CsvSource(path) if kind == "csv" else ParquetSource(path)


def guess_schema(
    source: Source,
    attributes: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    known: Schema | None = None,
) -> tuple[Schema, list[str]]:
    """A schema for the file's columns (or those in `attributes`), and remarks on what was left out.

    `types` decides for the columns it names, then `known`; the rest is guessed from the first rows: booleans
    and columns of 0 and 1 are binary, numbers continuous, text a category; dates and identifiers are left
    out.
    """
    types = dict(types or {})
    wanted = source.names if attributes is None else tuple(attributes)
    for name in (*wanted, *types):
        if name not in source.names:
            raise SourceError(f"{source.path.name} has no column {name!r}; it has {', '.join(source.names)}")
    batch = source.sample()
    remarks: list[str] = []
    found: list[Attribute] = []
    for name in wanted:
        if known is not None and name in known and types.get(name, known[name].type) == known[name].type:
            found.append(known[name])
            continue
        try:
            found.append(_guess(name, batch.column(name), types.get(name), remarks))
        except StatisticsError as error:
            raise SourceError(f"{source.path.name}, {error}") from None
    return Schema(tuple(a for a in found if a.type is not AttributeType.IGNORE)), remarks


def read_batches(source: Source, schema: Schema) -> Iterator[Batch]:
    """The file's rows as tables of the schema's columns, read and converted ahead in a thread.

    At most READ_AHEAD batches wait. Raises SourceError naming file, column and row.
    """
    missing = [
        a.name for a in schema.attributes if a.type is not AttributeType.IGNORE and a.name not in source.names
    ]
    if missing:
        raise SourceError(
            f"{source.path.name} has no column {', '.join(map(repr, missing))}, needed by the schema; it has "
            f"{', '.join(source.names)}"
        )
    ahead: queue.Queue[Batch | BaseException | None] = queue.Queue(READ_AHEAD)
    stop = threading.Event()

    def give(item: Batch | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ahead.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        first = 1
        try:
            for record, done, total in source.arrow_batches(schema):
                if record.num_rows and not give(
                    Batch(_table(record, schema, source, first), first, done, total)
                ):
                    return
                first += record.num_rows
            give(None)
        except BaseException as error:
            give(error)

    reader = threading.Thread(target=read, name="source-read", daemon=True)
    reader.start()
    try:
        while (item := ahead.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        reader.join()


class CsvSource:
    """A CSV (or TSV) file with a header, perhaps gzipped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first: Any = None
        self._size = path.stat().st_size
        self.names = tuple(self.sample().schema.names)
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise SourceError(f"{path.name}: two columns are called {twice!r}; names must differ")

    def sample(self) -> Any:
        if self._first is None:
            with _naming(self.path, (), None):
                reader, _ = self._open(None, {}, threads=True)
                try:
                    self._first = reader.read_next_batch()
                except StopIteration:
                    raise SourceError(f"{self.path.name} has a header but no rows") from None
        return self._first

    def arrow_batches(self, schema: Schema) -> Iterator[tuple[Any, int, int]]:
        types = self._column_types(schema)
        with _naming(self.path, self.names, lambda: self._find_bad_cell(types)):
            reader, raw = self._open(list(types), types, threads=True)
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                yield batch, raw.tell(), self._size

    def _column_types(self, schema: Schema) -> dict[str, Any]:
        import pyarrow as pa

        types: dict[str, Any] = {}
        for attribute in schema.attributes:
            if attribute.type is AttributeType.IGNORE:
                continue
            seen = self.sample().schema.field(attribute.name).type
            if not attribute.numeric:
                types[attribute.name] = pa.dictionary(pa.int32(), pa.string())
            else:
                types[attribute.name] = pa.bool_() if pa.types.is_boolean(seen) else pa.float64()
        return types

    def _open(self, columns: list[str] | None, types: dict[str, Any], *, threads: bool) -> tuple[Any, Any]:
        import pyarrow as pa
        from pyarrow import csv

        raw = pa.OSFile(str(self.path))
        stream = pa.CompressedInputStream(raw, "gzip") if self.path.suffix == ".gz" else raw
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=CSV_BLOCK, use_threads=threads),
            parse_options=csv.ParseOptions(delimiter="\t" if ".tsv" in self.path.suffixes else ","),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=columns, strings_can_be_null=True
            ),
        )
        return reader, raw

    def _find_bad_cell(self, types: dict[str, Any]) -> None:
        """Read again with one thread, because only then does pyarrow know the row: raises its error."""
        reader, _ = self._open(list(types), types, threads=False)
        for _ in reader:
            pass


class ParquetSource:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        with _naming(path, (), None):
            self._file = parquet.ParquetFile(path)
        self.names = tuple(self._file.schema_arrow.names)

    def sample(self) -> Any:
        with _naming(self.path, (), None):
            for batch in self._file.iter_batches(1 << 16):
                return batch
        raise SourceError(f"{self.path.name} has no rows")

    def arrow_batches(self, schema: Schema) -> Iterator[tuple[Any, int, int]]:
        from pyarrow import parquet

        columns = [a.name for a in schema.attributes if a.type is not AttributeType.IGNORE]
        coded = [a.name for a in schema.categories if a.name in columns]
        total, done = self._file.metadata.num_rows, 0
        with _naming(self.path, self.names, None):
            file = parquet.ParquetFile(self.path, read_dictionary=coded, pre_buffer=False)
            for batch in file.iter_batches(PARQUET_BATCH, columns=columns):
                done += batch.num_rows
                yield batch, done, total


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise SourceError('reading files needs pyarrow: pip install "suffice[files]"') from None


def _guess(name: str, column: Any, letter: str | None, remarks: list[str]) -> Attribute:
    import pyarrow as pa
    import pyarrow.types as pt

    kind = column.type
    if letter is not None:
        try:
            wanted = AttributeType(letter)
        except ValueError:
            raise SourceError(f"column {name!r} cannot have the type {letter!r}; use C, B, T or X") from None
        if wanted is not AttributeType.CONTINUOUS:
            return Attribute(name, wanted)
    if pt.is_boolean(kind):
        return Attribute(name, AttributeType.BINARY)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        table = Table({name: _floats(column)})
        guessed = table.infer_attribute(name)
        if letter is not None and guessed.type is AttributeType.BINARY:
            from federation.statistics import Quantum

            return Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0))
        return guessed
    if letter is not None:
        raise SourceError(f"column {name!r} holds {kind}, not numbers; it cannot have the type {letter}")
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind):
        coded = column if pt.is_dictionary(kind) else column.dictionary_encode()
        if len(coded.dictionary) <= MOST_GUESSED_LEVELS:
            return Attribute(name, AttributeType.CATEGORY)
        remarks.append(
            f"column {name!r} is ignored: more than {MOST_GUESSED_LEVELS} different texts in its first rows"
        )
    else:
        why = "no value in its first rows" if pa.types.is_null(kind) else f"its type is {kind}"
        remarks.append(f"column {name!r} is ignored: {why}; give it a type to learn it")
    return Attribute(name, AttributeType.IGNORE)


def _table(record: Any, schema: Schema, source: Source, first: int) -> Table:
    columns: dict[str, Column] = {}
    for name in record.schema.names:
        try:
            array = record.column(name)
            columns[name] = _floats(array) if schema[name].numeric else _coded(array)
        except (ValueError, TypeError, NotImplementedError):
            raise SourceError(
                f"{source.path.name}, column {name!r}, rows {first} to {first + record.num_rows - 1}: "
                f"{record.column(name).type} cannot be read as type {schema[name].type.value}"
            ) from None
    return Table(columns)


def _floats(array: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    import pyarrow as pa

    if not pa.types.is_floating(array.type) or array.type.bit_width != 64:
        array = array.cast(pa.float64())
    values: np.ndarray[Any, np.dtype[np.float64]] = array.to_numpy(zero_copy_only=False)  # null becomes NaN
    return values


def _coded(array: Any) -> Coded:
    import pyarrow as pa

    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    levels = tuple(_label(value) for value in encoded.dictionary.to_pylist())
    codes = np.array(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int32)
    if "" in levels:  # an empty text is a missing one
        codes[codes == levels.index("")] = -1
    return Coded(codes, levels)


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_label(value)
    return "" if value is None else str(value)


_CELL = re.compile(r"In CSV column #(?P<column>\d+): (?:Row #(?P<row>\d+): )?(?P<what>.*)", re.DOTALL)


class _naming:  # noqa: N801 (reads as a word of the `with` statement)
    """Turns what pyarrow raises into a SourceError that names the file, the column and the row."""

    def __init__(self, path: Path, names: Sequence[str], find: Callable[[], None] | None) -> None:
        self._path, self._names, self._find = path, names, find

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        import pyarrow as pa

        if isinstance(error, LearnError):
            raise SourceError(f"{self._path.name}, {error}") from None
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowException):
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise SourceError(f"{self._path} cannot be read: {reason}") from None
        if not isinstance(error, (pa.ArrowException, UnicodeDecodeError)):
            return
        message = str(error)
        if self._find is not None:
            try:
                self._find()
            except pa.ArrowException as better:
                message = str(better)
        cell = _CELL.match(message)
        if cell is None:
            raise SourceError(f"{self._path.name}: {message[:500]}") from None
        column = self._names[int(cell["column"])] if self._names else f"#{cell['column']}"
        row = f", row {int(cell['row']) - 1}" if cell["row"] else ""  # pyarrow counts the header
        raise SourceError(f"{self._path.name}, column {column}{row}: {cell['what'][:300]}") from None
