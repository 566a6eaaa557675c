"""The formats of files: CSV (also tab-separated, also gzipped) and Parquet, through pyarrow."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, Final

from federation.statistics import Attribute, Schema
from node.sources.reading import BATCH_CELLS
from node.sources.source import Part, Source, SourceError, columns_of, naming

CSV_BLOCK: Final = 2 << 20
"""Bytes of CSV parsed at a time by a thread."""

PARQUET_BATCH: Final = 1 << 17
"""Rows of Parquet read at a time, fewer if they are wide."""

PARQUET_BUFFER: Final = 1 << 16
"""Bytes read at a time of each column; without it pyarrow holds whole column chunks."""

SAMPLE_ROWS: Final = 1 << 14
"""Rows of a Parquet file that types are guessed from, fewer if they are wide; of a CSV file it is the first
megabyte."""

MAX_LINE: Final = 64 << 20

FORMATS: Final = {".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def open_source(path: str | Path, format: str | None = None, separator: str | None = None) -> Source:  # noqa: A002
    """Open a CSV or Parquet file; separator: of CSV, if its name does not tell.

    Raises SourceError if that is not possible.
    """
    path = Path(path)
    kind = format or next((kind for end, kind in FORMATS.items() if path.name.lower().endswith(end)), None)
    if kind not in ("csv", "parquet"):
        raise SourceError(f"{path.name}: cannot tell its format from its name; say csv or parquet")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist, or this node may not see it"
        raise SourceError(f"{path} {what}: give the path of a file on the node's machine")
    require_pyarrow()
    return CsvSource(path, separator) if kind == "csv" else ParquetSource(path)


class CsvSource:
    """A CSV (or TSV) file with a header, perhaps gzipped. As in pyarrow, a line break always ends a row."""

    def __init__(self, path: Path, separator: str | None = None) -> None:
        self.path = path
        self.names: tuple[str, ...] = ()
        self.delimiter = separator or ("\t" if ".tsv" in path.suffixes else ",")
        with naming(self, 1):
            self._first = self._read_first()
        self.names = tuple(self._first.schema.names)
        separator = next((mark for mark in ",;\t|" if mark in self.names[0] and mark != self.delimiter), None)
        if len(self.names) == 1 and separator is not None:
            raise SourceError(
                f"{path.name} has one column, {self.names[0][:200]!r}: it seems to be separated by "
                f"{separator!r}; write it with {self.delimiter!r}"
            )
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise SourceError(f"{path.name}: two columns are called {twice!r}; names must differ")

    def sample(self) -> Any:
        return self._first

    def parts(self, schema: Schema) -> Generator[Part, None, None]:
        read = self._parser(schema)
        with naming(self, 1), self.path.open("rb") as raw:
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
            options = {"parse_options": csv.ParseOptions(delimiter=self.delimiter)}
            missing = csv.ConvertOptions(strings_can_be_null=True)
            return csv.open_csv(self.path, convert_options=missing, **options).read_next_batch()
        except StopIteration:
            raise SourceError(f"{self.path.name} has a header but no rows") from None

    def _parser(self, schema: Schema) -> Callable[[bytes], Any]:
        import pyarrow as pa
        from pyarrow import csv

        types = {name: self._arrow_type(name, attribute) for name, attribute in columns_of(self, schema)}
        parse = csv.ParseOptions(delimiter=self.delimiter)
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

    def _arrow_type(self, name: str, attribute: Attribute | None) -> Any:
        import pyarrow as pa
        import pyarrow.types as pt

        first = self._first.schema.field(name).type
        if attribute is None:  # of dates: a later row may tell the time, though the first do not
            if pt.is_time(first) or (pt.is_timestamp(first) and first.unit == "ns"):
                return first
            return pa.timestamp("us", first.tz if pt.is_timestamp(first) else None)
        if not attribute.numeric:
            return pa.dictionary(pa.int32(), pa.string())
        return pa.bool_() if pt.is_boolean(first) else pa.float64()


class ParquetSource:
    """A Parquet file."""

    delimiter = ","

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        self.names: tuple[str, ...] = ()
        with naming(self, 1):
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=PARQUET_BUFFER)
        self.names = tuple(self._file.schema_arrow.names)

    def sample(self) -> Any:
        with naming(self, 1):
            for batch in self._file.iter_batches(batch_rows(SAMPLE_ROWS, len(self.names)), use_threads=False):
                return batch
        raise SourceError(f"{self.path.name} has no rows")

    def parts(self, schema: Schema) -> Generator[Part, None, None]:
        from pyarrow import parquet

        needed = columns_of(self, schema)
        columns = [name for name, _ in needed]
        coded = [name for name, attribute in needed if attribute is not None and not attribute.numeric]
        total, done = self._file.metadata.num_rows, 0
        with naming(self, 1):
            file = parquet.ParquetFile(
                self.path, read_dictionary=coded, pre_buffer=False, buffer_size=PARQUET_BUFFER
            )
            for batch in file.iter_batches(batch_rows(PARQUET_BATCH, len(columns)), columns=columns):
                done += batch.num_rows
                yield Part(partial(_same, batch), done, total)


def batch_rows(most: int, columns: int) -> int:
    """How many rows to read at a time of so many columns: a batch's cells, but at least 1,000."""
    return max(1000, min(most, -(-BATCH_CELLS // max(1, columns))))


def _same(batch: Any) -> Any:
    return batch


def require_pyarrow() -> None:
    """Raise SourceError if it is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise SourceError('reading files needs pyarrow: pip install "suffice[files]"') from None
