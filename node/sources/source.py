"""What a table in a file is to the rest of the node: columns, a sample, parts; and how its errors are named.

Rows are numbered from 1, without the header, in every message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from federation.statistics import Attribute, LearnError, Schema
from node.sources.dates import column_of


class SourceError(ValueError):
    """A file that cannot be read as a table; the message names file, column and row where there is one."""


class Source(Protocol):
    """A table in a file. delimiter: between the cells of a row, where rows are told as text."""

    path: Path
    names: tuple[str, ...]
    delimiter: str

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


def columns_of(source: Source, schema: Schema) -> list[tuple[str, Attribute | None]]:
    """The columns that are read to learn by this schema, each with its attribute; None for one of dates."""
    found: dict[str, Attribute | None] = {}
    for attribute in schema.attributes:
        if not attribute.counted:
            continue
        if attribute.name in source.names:
            found[attribute.name] = attribute
        elif (column := column_of(attribute.name)) is not None:
            found[column] = None
    return list(found.items())


_ROW = re.compile(r"Row #(\d+): ")
_COLUMN = re.compile(r"In CSV column #(\d+): ")


class naming:  # noqa: N801 (reads as a word of the `with` statement)
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
