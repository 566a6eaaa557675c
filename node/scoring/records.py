"""Records of a file, of either form: read in batches, written, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import BinaryIO, Protocol

from node.scoring.csv_records import CsvRecords, CsvWriter
from node.scoring.fields import Column
from node.scoring.json_records import JsonRecords, JsonWriter
from node.scoring.mime import CSV, Mime
from node.scoring.paths import Path


class Batch(Protocol):
    """Consecutive records. first: the number of the first, from 1; done of total: how far the file is."""

    @property
    def first(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...

    def pieces(self, rows: int) -> Iterator[Batch]:
        """The same, so many records at a time."""

    def column(self, path: Path) -> Column | None:
        """The values at a path; None if the file cannot have any. Raises SourceError."""


class Records(Protocol):
    """A file of records."""

    def check(self, path: Path, field: Path, named: str) -> None:
        """Raise SourceError if it is known beforehand that there are no values at the path."""

    def batches(self, wanted: Sequence[Path] | None = None) -> Iterator[Batch]:
        """The records, with what the paths lead to. Raises SourceError naming the record."""


class Writer(Protocol):
    """Writes batches of records, column by column, in the order of the paths it was made with."""

    def write(self, columns: Sequence[Column], rows: int, first: int) -> None: ...

    def end(self) -> None:
        """What closes the file."""


def open_records(path: FilePath, mime: Mime) -> Records:
    """Raises SourceError for a file that cannot be of this kind."""
    return CsvRecords(path, mime) if mime.type == CSV else JsonRecords(path)


def writer(file: BinaryIO, mime: Mime, paths: Sequence[Path]) -> Writer:
    """What writes records of these paths into the file."""
    return CsvWriter(file, mime, paths) if mime.type == CSV else JsonWriter(file, paths)
