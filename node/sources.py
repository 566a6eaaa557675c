"""Tables in files: CSV and Parquet, read in batches through pyarrow, reading ahead of whoever takes them.

A `Source` knows its columns, guesses a schema from its first rows, and gives batches for an agreed schema.
Rows are numbered from 1, without the header, in every message. What the rows are for is not known here.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
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

CSV_BLOCK: Final = 2 << 20
"""Bytes of CSV parsed at a time by a thread."""

BATCH_CELLS: Final = 1 << 21
"""Cells of a batch that is learned at once: enough for learning to be efficient, 16 MB as numbers."""

PARQUET_BATCH: Final = 1 << 17
"""Rows of Parquet read at a time, fewer if they are wide."""

PARQUET_BUFFER: Final = 1 << 16
"""Bytes read at a time of each column; without it pyarrow holds whole column chunks."""

SAMPLE_ROWS: Final = 1 << 14
"""Rows of a Parquet file that types are guessed from; of a CSV file it is the first megabyte."""

MAX_LINE: Final = 64 << 20
READ_AHEAD: Final = 1
"""Pieces of a file that wait, beside those that are being read."""

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

    def parts(self, schema: Schema) -> Generator[Part, None, None]:
        """The file in pieces, in order. A piece may be read in any thread."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file. read: gives a pyarrow table or batch of the schema's columns. done of total: how far
    the file is read with it, in bytes or rows."""

    read: Callable[[], Any]
    done: int
    total: int


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
    """The file's rows as tables of the schema's columns, in order, read and converted ahead in threads.

    Raises SourceError naming file, column and row.
    """
    missing = [
        a.name for a in schema.attributes if a.type is not AttributeType.IGNORE and a.name not in source.names
    ]
    if missing:
        raise SourceError(
            f"{source.path.name} has no column {', '.join(map(repr, missing))}, needed by the schema; it has "
            f"{', '.join(source.names)}"
        )
    first = 1
    gathered: list[Table] = []
    for table, part in _read_ahead(source, schema):
        gathered.append(table)
        rows = sum(piece.rows for piece in gathered)
        if rows * max(1, len(schema)) >= BATCH_CELLS or part.done == part.total:
            if rows:
                yield Batch(_joined(gathered), first, part.done, part.total)
            first += rows
            gathered = []


def _read_ahead(source: Source, schema: Schema) -> Iterator[tuple[Table, Part]]:
    """The parts in order, each a table: one thread fetches parts, as many as there are cores read them."""
    first = 1
    parts = source.parts(schema)
    with (
        ThreadPoolExecutor(_cores(), "source-read") as pool,
        ThreadPoolExecutor(1, "source-fetch") as fetcher,
    ):

        def fetch() -> tuple[Part, Future[Table]] | None:
            part = next(parts, None)
            return None if part is None else (part, pool.submit(_read, part, schema))

        waiting = deque(fetcher.submit(fetch) for _ in range(_cores() + READ_AHEAD))
        try:
            while (fetched := waiting.popleft().result()) is not None:
                waiting.append(fetcher.submit(fetch))
                part, future = fetched
                with _naming(source, first):
                    table = future.result()
                yield table, part
                first += table.rows
        finally:
            for asked in waiting:
                asked.cancel()
            fetcher.submit(parts.close)  # behind a fetch that has begun


def _joined(tables: list[Table]) -> Table:
    """Tables of the same columns, one below the other."""
    if len(tables) == 1:
        return tables[0]
    columns: dict[str, Column] = {}
    for name in tables[0].names:
        pieces = [table.columns[name] for table in tables]
        coded = [piece for piece in pieces if isinstance(piece, Coded)]
        numbers = [piece for piece in pieces if not isinstance(piece, Coded)]
        columns[name] = _joined_codes(coded) if coded else np.concatenate(numbers)
    return Table(columns)


def _joined_codes(pieces: list[Coded]) -> Coded:
    levels: dict[str, int] = {}
    codes = []
    for piece in pieces:
        places = [levels.setdefault(level, len(levels)) for level in piece.levels]
        codes.append(np.array([*places, -1], dtype=np.int32)[piece.codes])  # code -1 finds the last
    return Coded(np.concatenate(codes), tuple(levels))


def _read(part: Part, schema: Schema) -> Table:
    return _table(part.read(), schema)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CsvSource:
    """A CSV (or TSV) file with a header, perhaps gzipped. As in pyarrow, a line break always ends a row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: tuple[str, ...] = ()
        self._delimiter = "\t" if ".tsv" in path.suffixes else ","
        with _naming(self, 1):
            self._first = self._read_first()
        self.names = tuple(self._first.schema.names)
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise SourceError(f"{path.name}: two columns are called {twice!r}; names must differ")

    def sample(self) -> Any:
        return self._first

    def parts(self, schema: Schema) -> Generator[Part, None, None]:
        read = self._parser(schema)
        with _naming(self, 1), self.path.open("rb") as raw:
            total = os.fstat(raw.fileno()).st_size
            file = gzip.GzipFile(fileobj=raw) if self.path.suffix == ".gz" else raw
            file.readline()  # the header
            rest = b""
            while data := file.read(CSV_BLOCK):
                end = data.rfind(b"\n") + 1
                if not end and len(rest) > MAX_LINE:
                    raise SourceError(
                        f"{self.path.name} has a line of more than {MAX_LINE} bytes: is it CSV?"
                    )
                if end:
                    yield Part(partial(read, rest + data[:end]), raw.tell(), total)
                    rest = b""
                rest += data[end:]
            yield Part(partial(read, rest), total, total)

    def _read_first(self) -> Any:
        from pyarrow import csv

        try:
            options = {"parse_options": csv.ParseOptions(delimiter=self._delimiter)}
            missing = csv.ConvertOptions(strings_can_be_null=True)
            return csv.open_csv(self.path, convert_options=missing, **options).read_next_batch()
        except StopIteration:
            raise SourceError(f"{self.path.name} has a header but no rows") from None

    def _parser(self, schema: Schema) -> Callable[[bytes], Any]:
        import pyarrow as pa
        from pyarrow import csv

        types = {
            attribute.name: self._arrow_type(attribute)
            for attribute in schema.attributes
            if attribute.type is not AttributeType.IGNORE
        }
        parse = csv.ParseOptions(delimiter=self._delimiter)
        convert = csv.ConvertOptions(
            column_types=types, include_columns=list(types), strings_can_be_null=True
        )

        def read(block: bytes) -> Any:
            # One thread for one block: several blocks are parsed at a time, and errors know their row.
            options = csv.ReadOptions(
                column_names=self.names, use_threads=False, block_size=max(len(block), 1)
            )
            if not block.strip():
                return pa.table({name: pa.array([], kind) for name, kind in types.items()})
            return csv.read_csv(
                pa.BufferReader(block), read_options=options, parse_options=parse, convert_options=convert
            )

        return read

    def _arrow_type(self, attribute: Attribute) -> Any:
        import pyarrow as pa

        if not attribute.numeric:
            return pa.dictionary(pa.int32(), pa.string())
        return (
            pa.bool_() if pa.types.is_boolean(self._first.schema.field(attribute.name).type) else pa.float64()
        )


class ParquetSource:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        self.names: tuple[str, ...] = ()
        with _naming(self, 1):
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=PARQUET_BUFFER)
        self.names = tuple(self._file.schema_arrow.names)

    def sample(self) -> Any:
        with _naming(self, 1):
            for batch in self._file.iter_batches(SAMPLE_ROWS, use_threads=False):
                return batch
        raise SourceError(f"{self.path.name} has no rows")

    def parts(self, schema: Schema) -> Generator[Part, None, None]:
        from pyarrow import parquet

        columns = [a.name for a in schema.attributes if a.type is not AttributeType.IGNORE]
        coded = [a.name for a in schema.categories if a.name in columns]
        total, done = self._file.metadata.num_rows, 0
        with _naming(self, 1):
            file = parquet.ParquetFile(
                self.path, read_dictionary=coded, pre_buffer=False, buffer_size=PARQUET_BUFFER
            )
            size = max(1000, min(PARQUET_BATCH, -(-BATCH_CELLS // max(1, len(columns)))))
            for batch in file.iter_batches(size, columns=columns):
                done += batch.num_rows
                yield Part(partial(_same, batch), done, total)


def _same(batch: Any) -> Any:
    return batch


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


def _table(record: Any, schema: Schema) -> Table:
    columns: dict[str, Column] = {}
    for name in record.schema.names:
        array = record.column(name)
        if hasattr(array, "combine_chunks"):  # of a table; a batch has one piece anyway
            array = array.combine_chunks()
        try:
            columns[name] = _floats(array) if schema[name].numeric else _coded(array)
        except (ValueError, TypeError, NotImplementedError):
            raise SourceError(
                f"column {name!r} holds {array.type}, which cannot be read as type {schema[name].type.value}"
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


_ROW = re.compile(r"Row #(\d+): ")
_COLUMN = re.compile(r"In CSV column #(\d+): ")


class _naming:  # noqa: N801 (reads as a word of the `with` statement)
    """Turns what pyarrow raises into a SourceError that names the file, the column and the row.

    first: the number of the first row of what is being read.
    """

    def __init__(self, source: Source, first: int) -> None:
        self._source, self._first = source, first

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        import pyarrow as pa

        path = self._source.path
        if isinstance(error, (LearnError, SourceError)):
            text = str(error)
            raise SourceError(text if path.name in text else f"{path.name}, {text}") from None
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowException):
            raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
        if isinstance(error, (pa.ArrowException, UnicodeDecodeError, EOFError)):
            raise SourceError(f"{path.name}{self._place(str(error))}") from None

    def _place(self, message: str) -> str:
        place = ""
        if column := _COLUMN.search(message):
            number = int(column[1])
            place += f", column {self._source.names[number] if self._source.names else f'#{number}'}"
        if row := _ROW.search(message):
            place += f", row {int(row[1]) - 1 + self._first}"
        return f"{place}: {_ROW.sub('', _COLUMN.sub('', message))[:300]}"
