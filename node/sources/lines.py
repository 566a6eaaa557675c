"""A file's rows as the text that they are: lines of CSV, to write something beside them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Generator, Iterable, Iterator
from typing import IO

from node.sources.source import Source

PARQUET_ROWS = 1 << 14


def csv_line(cells: Iterable[object], delimiter: str) -> str:
    """Cells as a line of CSV, without its end; None is an empty cell."""
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue()


def lines_of(source: Source) -> Generator[str, None, None]:
    """The heading, then each row, without line ends; a CSV file's as they stand, but for empty lines."""
    if source.path.suffix in (".parquet", ".pq"):
        yield from _of_parquet(source)
        return
    with source.path.open("rb") as raw:
        binary: IO[bytes] = gzip.GzipFile(fileobj=raw) if source.path.suffix == ".gz" else raw  # type: ignore[assignment]
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="\n") as lines:
            for line in lines:
                if text := line.rstrip("\r\n"):
                    yield text


def _of_parquet(source: Source) -> Iterator[str]:
    from pyarrow import parquet

    yield csv_line(source.names, ",")
    with parquet.ParquetFile(source.path) as file:
        for batch in file.iter_batches(PARQUET_ROWS):
            for row in zip(*batch.to_pydict().values(), strict=True):
                yield csv_line(row, ",")
