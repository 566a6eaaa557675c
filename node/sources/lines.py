"""A file's rows as the text that they are: lines of CSV, to write something beside them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from node.sources.source import Source

PARQUET_ROWS = 1 << 14


def delimiter_of(path: Path) -> str:
    """Tab for what is called .tsv, else a comma."""
    return "\t" if ".tsv" in path.suffixes else ","


def csv_line(cells: Iterable[object], delimiter: str) -> str:
    """Cells as a line of CSV, without its end; None is an empty cell."""
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue()


def lines_of(source: Source) -> Iterator[str]:
    """The heading, then each row, without line ends; a CSV file's as they stand, but for empty lines."""
    if source.path.suffix in (".parquet", ".pq"):
        yield from _of_parquet(source)
        return
    with source.path.open("rb") as raw:
        binary: IO[bytes] = gzip.GzipFile(fileobj=raw) if source.path.suffix == ".gz" else raw  # type: ignore[assignment]
        for line in io.TextIOWrapper(binary, encoding="utf-8-sig", newline="\n"):
            if text := line.rstrip("\r\n"):
                yield text


def _of_parquet(source: Source) -> Iterator[str]:
    from pyarrow import parquet

    yield csv_line(source.names, ",")
    with parquet.ParquetFile(source.path) as file:
        for batch in file.iter_batches(PARQUET_ROWS):
            for row in zip(*batch.to_pydict().values(), strict=True):
                yield csv_line(row, ",")
