"""Records in JSON: a list of objects, or one object; read a record at a time and written as a list."""

from __future__ import annotations

import json
import math
import os
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, BinaryIO, Final

import numpy as np

from node.scoring.fields import Column
from node.scoring.paths import Path, PathError, Record, kind_of
from node.sources import SourceError

BLOCK: Final = 1 << 20
"""Bytes that are read at a time."""

LONGEST: Final = 8 << 20
"""Characters of one record."""

BATCH: Final = 1 << 14
"""Records that are given at a time at most; fewer, if they are large."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Objects:
    """Consecutive records. first: the number of the first; done of total: bytes of the file."""

    records: list[Record]
    first: int
    done: int
    total: int

    @property
    def rows(self) -> int:
        return len(self.records)

    def pieces(self, rows: int) -> Iterator[Objects]:
        """The same, so many records at a time."""
        for at in range(0, self.rows, rows):
            yield Objects(self.records[at : at + rows], self.first + at, self.done, self.total)

    def column(self, path: Path) -> Column:
        """The values at a path, None where there is none. Raises SourceError where a record is of another
        form."""
        name = path.steps[0]
        if len(path.steps) == 1 and isinstance(name, str):
            return [record.get(name) for record in self.records]
        found = []
        for at, record in enumerate(self.records, self.first):
            try:
                found.append(path.read(record))
            except PathError as error:
                raise SourceError(f"record {at}: {error}") from None
        return found


class JsonRecords:
    """A file of records."""

    def __init__(self, path: FilePath) -> None:
        self.path = path

    def check(self, _path: Path, _field: Path, _named: str) -> None:
        """Each record says itself what it has."""

    def batches(self, _wanted: Sequence[Path] | None = None) -> Iterator[Objects]:
        """The records. Raises SourceError naming the record."""
        with self.path.open("rb") as file:
            total = os.fstat(file.fileno()).st_size
            text, first = _Text(file), 1
            for records in text.records():
                yield Objects(records, first, text.read, total)
                first += len(records)


class _Text:
    """The text of a file, decoded and taken from the front."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = getincrementaldecoder("utf-8-sig")()
        self._held, self._at, self._ended = "", 0, False
        self._record = 0
        self.read = 0
        """Bytes that were read of the file."""
        self._fresh = False
        """Whether nothing was taken yet of the block that was read last."""
        decoder = json.JSONDecoder(parse_constant=_no_constant)
        self._decode, self._decode_all = decoder.raw_decode, decoder.decode

    def records(self) -> Iterator[list[Record]]:
        """The records, about as many at a time as a block has."""
        opening = self._next_character()
        if opening == "{":
            self._record = 1
            yield [self._object()]
        elif opening == "[":
            self._at += 1
            yield from self._listed()
        else:
            raise SourceError("the JSON is neither a list of records nor an object: write [{…}, {…}]")
        if self._next_character():
            raise SourceError(f"something follows the JSON, after {self._record:,} records")

    def _listed(self) -> Iterator[list[Record]]:
        if self._next_character() == "]":
            self._at += 1
            return
        held, done = [], 0
        while True:
            self._next_character()
            if self._fresh and (many := self._many()):
                held += many
                self._record += len(many)
            else:
                self._record += 1
                held.append(self._object())
            mark = self._next_character()
            if mark not in (",", "]"):
                raise SourceError(
                    f"after record {self._record} there is {mark!a}, where a comma or the end of the list "
                    "should be"
                    if mark
                    else f"the JSON ends after record {self._record}, before its list is closed"
                )
            self._at += 1
            if mark == "]":
                yield held
                return
            if len(held) >= BATCH or self.read - done > BLOCK:
                yield held
                held, done = [], self.read

    def _many(self) -> list[Record]:
        """The records of a block at once, which is faster; none if they cannot be told apart so.

        They are cut where a record seems to end. If that is within a text or another value, what is before it
        is no valid JSON, and is read record by record.
        """
        self._fresh = False
        end = self._held.rfind("},", self._at) + 1
        if not end:
            return []
        try:
            found: list[Record] = self._decode_all(f"[{self._held[self._at : end]}]")
        except (ValueError, RecursionError):
            return []
        if set(map(type, found)) != {dict}:
            return []
        self._at = end
        return found

    def _object(self) -> Record:
        size = BLOCK
        while True:
            try:
                found, self._at = self._decode(self._held, self._at)
                break
            except RecursionError:
                raise SourceError(f"record {self._record} is nested too deeply") from None
            except json.JSONDecodeError as error:
                place = error.pos - self._at + 1
                if len(self._held) - self._at > LONGEST:
                    raise SourceError(
                        f"record {self._record} is longer than {LONGEST >> 20} MB, or not valid JSON: "
                        f"{error.msg}"
                    ) from None
                if not self._more(size):
                    raise SourceError(
                        f"record {self._record} is not valid JSON: {error.msg} at its character {place}"
                    ) from None
                size *= 2
            except ValueError as error:  # a number of thousands of digits, NaN
                raise SourceError(f"record {self._record}: {str(error)[:200]}") from None
        if not isinstance(found, dict):
            raise SourceError(f"record {self._record} is {kind_of(found)}, not an object")
        return found

    def _next_character(self) -> str:
        """The first character that is no space, "" at the end."""
        while True:
            self._at = _SPACE.match(self._held, self._at).end()  # type: ignore[union-attr]  # it matches
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more(BLOCK):
                return ""

    def _more(self, size: int) -> bool:
        """Read on; False at the end of the file."""
        if self._ended:
            return False
        data = self._file.read(size)
        self._ended = not data
        self.read += len(data)
        try:
            text = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError:
            raise SourceError(
                f"record {max(self._record, 1)} or one after it is not in UTF-8; save the file in it"
            ) from None
        self._held = self._held[self._at :] + text
        self._at = 0
        self._fresh = not self._ended
        return self._fresh


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


class JsonWriter:
    """Writes records to a file as one list."""

    def __init__(self, file: BinaryIO, paths: Sequence[Path]) -> None:
        self._file, self._paths = file, paths
        self._simple = all(len(path.steps) == 1 for path in paths)
        self._between = b"["

    def write(self, columns: Sequence[Column], _rows: int, first: int) -> None:
        """Raises SourceError for values that contradict each other's paths."""
        rows = zip(*(_values(column) for column in columns), strict=True)
        if self._simple:
            names = [path.steps[0] for path in self._paths]
            records = [dict(zip(names, row, strict=True)) for row in rows]
        else:
            records = [self._record(row, at) for at, row in enumerate(rows, first)]
        if records:
            self._file.write(self._between + json.dumps(records, allow_nan=False).encode()[1:-1])
            self._between = b",\n"

    def _record(self, row: Sequence[Any], number: int) -> Any:
        record: Record = {}
        try:
            for path, value in zip(self._paths, row, strict=True):
                path.write(record, value)
        except PathError as error:
            raise SourceError(f"record {number}: {error}") from None
        return record

    def end(self) -> None:
        self._file.write(b"[]" if self._between == b"[" else b"]")


def _values(column: Column) -> list[Any]:
    """A column as JSON has it: what is not finite is no number."""
    values: list[Any] = column if isinstance(column, list) else column.tolist()
    if isinstance(column, np.ndarray) and column.dtype.kind == "f" and not np.isfinite(column).all():
        return [value if math.isfinite(value) else None for value in values]
    if isinstance(column, np.ndarray) and column.dtype.kind == "O":
        return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    return values
