"""Records in CSV: read in batches of columns of text through pyarrow, and written.

Cells are parted by a comma or what the mime type says, quoted as in RFC 4180, in UTF-8 with or without a byte
order mark; empty lines are no records and an empty cell is no value. Without a header, columns are called
1, 2, …. Several columns of one name are a list, from the left.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import IO, Any, BinaryIO, Final

import numpy as np

from node.scoring.fields import Column, Told, is_text_array
from node.scoring.mime import Mime
from node.scoring.paths import Path, Selector
from node.sources import SourceError
from node.sources.files import require_pyarrow

BLOCK: Final = 1 << 20
"""Bytes that are parsed at a time; the longest record, about. pyarrow reads some 32 blocks ahead."""

LONGEST_HEADER: Final = 1 << 20
MOST_COLUMNS: Final = 10_000
_ROW: Final = re.compile(r"Row #(\d+): ")
_MARKS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Cells:
    """Consecutive records as columns. first: the number of the first; done of total: bytes of the file."""

    columns: Mapping[str, Sequence[Column]]
    first: int
    rows: int
    done: int
    total: int

    def pieces(self, rows: int) -> Iterator[Cells]:
        """The same, so many records at a time."""
        for at in range(0, self.rows, rows):
            part = {
                name: [held[at : at + rows] for held in columns] for name, columns in self.columns.items()
            }
            yield Cells(part, self.first + at, min(rows, self.rows - at), self.done, self.total)

    def column(self, path: Path) -> Column | None:
        """The values at a path, None if there are no such columns. Raises SourceError if they are of another
        form."""
        named = self.columns.get(path.header)
        if named is not None and len(named) == 1:
            return named[0]
        if named is not None:
            raise SourceError(
                f"there are {len(named)} columns {path.header[:80]!r}, which are a list: write {path}[0] or "
                f"{path}[*]"
            )
        *base, selector = path.steps
        if not isinstance(selector, Selector):
            return None
        beside = self.columns.get(Path(tuple(base)).header) if base else None
        if beside is None:
            return None
        if not selector.many:
            return beside[selector.start] if selector.start < len(beside) else None
        rows = zip(*(column.tolist() for column in beside), strict=True)
        return Told(selected(selector, _without_end(list(row))) for row in rows)


def selected(selector: Selector, items: list[Any]) -> list[Any]:
    end = None if selector.last is None else selector.last + 1
    return items[selector.start : end : selector.step]


def _without_end(items: list[Any]) -> list[Any]:
    """A list without the empty cells behind it."""
    while items and items[-1] is None:
        items.pop()
    return items


class CsvRecords:
    """A file of records. names: its columns, of which several may be called the same."""

    def __init__(self, path: FilePath, mime: Mime) -> None:
        require_pyarrow()
        self.path, self.mime = path, mime
        with path.open("rb") as file:
            self.total = os.fstat(file.fileno()).st_size
            self._start, first = _first_row(file, mime)
            if len(first) > MOST_COLUMNS:
                raise SourceError(f"the file has {len(first):,} columns, and {MOST_COLUMNS:,} are the most")
            if mime.header:
                self.names = [name or f"column {at}" for at, name in enumerate(first, 1)]
                self._start = file.tell()
            else:
                self.names = [str(at) for at in range(1, len(first) + 1)]

    def check(self, path: Path, field: Path, named: str) -> None:
        """Raise SourceError if there is no column for a field that needs one."""
        if not self.names:
            return  # the file is empty, which a file without a header may be
        empty = Cells(self._grouped([np.empty(0)] * len(self.names)), 1, 0, 0, 0)
        if empty.column(path) is None:
            shown = ", ".join(name[:80] for name in self.names[:20])
            marks = [mark for mark in ",;\t|" if mark != self.mime.delimiter and mark in self.names[0]]
            hint = f"; map another to {field}" if named == "the model's input" else ""
            if len(self.names) == 1 and marks:
                mark = "tab" if marks[0] == "\t" else f'"{marks[0]}"'
                hint = (
                    f"; it seems to be separated by {marks[0]!r}: say so in the mime type, delimiter={mark}"
                )
            raise SourceError(f"the file has no column {path}, needed by {named}; it has {shown}{hint}")

    def batches(self, wanted: Sequence[Path] | None = None) -> Iterator[Cells]:
        """The records; of the columns only those that paths lead to. Raises SourceError naming the record."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        if not self.names:
            return
        places = range(len(self.names)) if wanted is None else self._places(wanted)
        keys = [str(at) for at in range(len(self.names))]
        chosen = [keys[at] for at in places] or keys[:1]
        with pa.OSFile(str(self.path)) as file:
            file.seek(self._start)
            if self._start == self.total:
                return
            first = 1
            try:
                reader = arrow_csv.open_csv(
                    file,
                    arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=keys),
                    arrow_csv.ParseOptions(delimiter=self.mime.delimiter, newlines_in_values=True),
                    arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(keys, pa.string()),
                        include_columns=chosen,
                        strings_can_be_null=True,
                        null_values=[""],
                    ),
                )
                done = self._start
                for batch in reader:  # one for each block
                    done = min(done + BLOCK, self.total)
                    if batch.num_rows:
                        held = dict(zip(chosen, batch.columns, strict=True))
                        columns = self._grouped([held.get(key) for key in keys])
                        yield Cells(columns, first, batch.num_rows, done, self.total)
                        first += batch.num_rows
            except pa.ArrowInvalid as error:
                raise self._named(str(error), first) from None

    def _places(self, wanted: Sequence[Path]) -> list[int]:
        """The columns that paths may lead to: of their own name, or of what is before their last selector."""
        names = {path.header for path in wanted}
        names |= {Path(path.steps[:-1]).header for path in wanted if isinstance(path.steps[-1], Selector)}
        return [at for at, name in enumerate(self.names) if name in names]

    def _grouped(self, columns: Sequence[Column | None]) -> dict[str, list[Column]]:
        found: dict[str, list[Column]] = {}
        for name, column in zip(self.names, columns, strict=True):
            if column is not None:
                found.setdefault(name, []).append(column)
        return found

    def _named(self, message: str, first: int) -> SourceError:
        row = _ROW.search(message)
        record = f"record {row[1]}" if row else f"record {first} or after it"
        if "invalid UTF8" in message:
            return SourceError(f"{record}: it is not in UTF-8; save the file in that encoding")
        if "straddling" in message or "block size" in message:
            return SourceError(f"{record}: a record is longer than {BLOCK >> 20} MB; is a quote not closed?")
        counts = re.search(r"Expected (\d+) columns, got (\d+)", message)
        if counts:
            norm = "the header" if self.mime.header else "the first"
            return SourceError(
                f"{record} has {counts[2]} cells, where {norm} has {counts[1]}; is a quote not closed, or a "
                "delimiter not in quotes?"
            )
        return SourceError(f"{record}: {message[:200]}")


def _first_row(file: BinaryIO, mime: Mime) -> tuple[int, list[str]]:
    """Where the first row begins and its cells; the file stands behind it."""
    mark = file.read(3)
    if mark[:2] in _MARKS or b"\x00" in mark:
        raise SourceError("the file is not in UTF-8, but perhaps in UTF-16; save it in UTF-8")
    start = 3 if mark == b"\xef\xbb\xbf" else 0
    file.seek(start)

    def lines() -> Iterator[str]:
        while line := file.readline(LONGEST_HEADER + 1):
            if file.tell() > LONGEST_HEADER:
                raise SourceError(
                    f"the first line does not end within {LONGEST_HEADER >> 20} MB; is the file CSV?"
                )
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise SourceError("the first line is not in UTF-8; save the file in that encoding") from None

    rows = csv.reader(lines(), delimiter=mime.delimiter, strict=True)
    try:
        for row in rows:
            if row:
                return start, row
    except csv.Error as error:
        raise SourceError(f"the first line cannot be read as CSV: {error}") from None
    if mime.header:
        raise SourceError("the file is empty: there should be a header")
    return start, []


class CsvWriter:
    """Writes records to a file. A list goes into several columns of one name, as many as its path says, or as
    the first record has."""

    def __init__(self, file: BinaryIO, mime: Mime, paths: Sequence[Path]) -> None:
        self._file, self._mime, self._paths = file, mime, paths
        self._widths: list[int] | None = None

    def write(self, columns: Sequence[Column], rows: int, first: int) -> None:
        """Raises SourceError for a list that does not fit its columns."""
        if self._widths is None:
            self._widths = [_width(path, column) for path, column in zip(self._paths, columns, strict=True)]
            if self._mime.header:
                self._write_rows([self._headings()])
        if any(path.lists for path in self._paths):
            columns = self._spread(columns, first)
        if rows and columns and all(not isinstance(column, list) for column in columns):
            self._write_arrays(columns)
        else:
            self._write_rows(zip(*(_cells(column) for column in columns), strict=True))

    def end(self) -> None:
        if self._widths is None:
            self.write([[] for _ in self._paths], 0, 1)

    def _headings(self) -> list[str]:
        found: list[str] = []
        for path, width in zip(self._paths, self._widths or (), strict=True):
            named = Path(path.steps[:-1]) if path.lists else path
            found += [named.header] * width
        return found

    def _spread(self, columns: Sequence[Column], first: int) -> list[Column]:
        found: list[Column] = []
        for path, column, width in zip(self._paths, columns, self._widths or (), strict=True):
            if not path.lists:
                found.append(column)
                continue
            selector = path.steps[-1]
            assert isinstance(selector, Selector)  # noqa: S101
            rows = []
            for at, items in enumerate(column):
                row = [None] * width
                items = items or []
                if len(items) > len(selector.positions) or (
                    items and selector.positions[len(items) - 1] >= width
                ):
                    raise SourceError(
                        f"record {first + at}: {path} has {len(items)} values, more than there are columns "
                        f"({width}, as in the first record)"
                    )
                for position, item in zip(selector.positions, items, strict=False):
                    row[position] = item
                rows.append(row)
            found += [[row[at] for row in rows] for at in range(width)]
        return found

    def _write_arrays(self, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv as arrow_csv

        arrays = [_array(column) for column in columns]
        special = f'["\r\n{re.escape(self._mime.delimiter)}]'
        quoted = (len(arrays) == 1 and _has_empty(arrays[0])) or any(
            pa.types.is_string(array.type) and pc.any(pc.match_substring_regex(array, special)).as_py()
            for array in arrays
        )
        if quoted:  # pyarrow would put every text in quotes; a row of one empty cell has to be
            texts = [array.cast(pa.string()).to_pylist() for array in arrays]
            self._write_rows(zip(*texts, strict=True))
            return
        batch = pa.record_batch(arrays, names=[str(at) for at in range(len(arrays))])
        options = arrow_csv.WriteOptions(
            include_header=False, quoting_style="none", delimiter=self._mime.delimiter, batch_size=1 << 14
        )
        arrow_csv.write_csv(batch, self._file, options)

    def _write_rows(self, rows: Any) -> None:
        text = _Encoded(self._file)
        csv.writer(text, delimiter=self._mime.delimiter, lineterminator="\n").writerows(rows)


class _Encoded:
    """What csv.writer writes to: bytes of UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode(errors="replace"))


def _width(path: Path, column: Column) -> int:
    """How many columns of a CSV file a path's values take."""
    if not path.lists:
        return 1
    selector = path.steps[-1]
    if path.lists > 1 or not isinstance(selector, Selector) or not selector.many:
        raise SourceError(
            f"CSV has no place for {path}, which is more than a list of values: map it, or use JSON"
        )
    if selector.last is not None:
        return selector.last + 1
    longest = len(column[0] or []) if len(column) else 0
    return selector.positions[longest - 1] + 1 if longest else 1


def _array(column: Column) -> Any:
    import pyarrow as pa

    if is_text_array(column):
        return column
    if column.dtype.kind == "f":
        finite = np.isfinite(column)
        return pa.array(column, mask=None if finite.all() else ~finite)
    if column.dtype.kind in "OU":
        return pa.array(column.tolist(), pa.string())
    return pa.array(column)


def _has_empty(array: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    return bool(
        array.null_count or (pa.types.is_string(array.type) and pc.any(pc.equal(array, "")).as_py() is True)
    )


def _cells(column: Column) -> list[Any]:
    values: list[Any] = column if isinstance(column, list) else column.tolist()
    kinds = set(map(type, values))
    if bool in kinds:
        return [("false", "true")[value] if isinstance(value, bool) else value for value in values]
    if float in kinds and not all(math.isfinite(value) for value in values if isinstance(value, float)):
        return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    return values
