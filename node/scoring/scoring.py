"""Scoring a file: its records through a mapping into a model, and what the model gives into another file.

Runs in a worker process, a batch at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, Protocol

from node.errors import BadRequest
from node.scoring import fields
from node.scoring.counting import count_records
from node.scoring.csv_records import Cells
from node.scoring.fields import Column, Field
from node.scoring.mapping import Giving, Taking, filled, givings, put_together, read_rules, takings
from node.scoring.mime import Mime
from node.scoring.models import NodeModel
from node.scoring.onnx_model import OnnxModel
from node.scoring.paths import Path as FieldPath
from node.scoring.records import Batch, Records, Writer, open_records, writer
from node.scoring.script import opened
from node.sources import SourceError

Tell = Callable[[int, int], None]

CELLS: Final = 1 << 21
"""Values that are made at once, in and out: of short records, a block has very many."""

LARGEST: Final = 1 << 30
GROWTH: Final = 100
"""What is written may have LARGEST bytes, or so many times those of what it is made of if that is more."""

FREE_BYTES: Final = 256 << 20
"""What is left of the disk, whatever is written."""


class HasColumns(Protocol):
    """Values by path."""

    def column(self, path: FieldPath) -> Column | None: ...


class Model(Protocol):
    """What scores a batch of records."""

    def score(self, taken: Sequence[Field], columns: Sequence[Column], first: int, rows: int) -> Cells:
        """The columns that it gives, for a column of each field that it takes. `first`: the number of the
        first record. Raises SourceError naming record and field."""


def check(request: Mapping[str, Any]) -> None:
    """Raise BadRequest for what no file can satisfy: the request's mime type, schema or mappings."""
    _Job(request)


def inspect_file(request: Mapping[str, Any], source: Path) -> int:
    """How many records a file has that is to be scored as requested, before anything is paid or done for it.

    Raises BadRequest as `check` does, and SourceError for a file that is not what its mime type says, or
    whose header lacks a column; what its cells hold is not looked at.
    """
    job = _Job(request)
    if job.takings:
        job.records(source)
    return count_records(source, job.mime)


def score_file(request: Mapping[str, Any], source: Path, output: Path, tell: Tell) -> dict[str, Any]:
    """{"records", "results", "mime"}: how many were read, how many written, and the output's mime type.

    `output` appears when it is complete, or not at all. Raises BadRequest for a request that cannot be, and
    SourceError for a file that does not fit it, naming record and field.
    """
    job = _Job(request)
    part = output.with_name(f"{output.name}.part")
    try:
        told = job.run(source, part, tell)
        part.replace(output)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return told


class _Job:
    """What a request asks for, once it was seen to be sensible."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.mime = Mime.parse(request.get("mime"))
        self.taken, self.given = fields.shapes_of(request["schema"])
        self.takings = takings(read_rules(request.get("mapping"), "mapping"), self.taken)
        self.givings = givings(read_rules(request.get("output_mapping"), "outputMapping"), self.given)
        self.model = request["model"]
        if self.takings and not self.mime.structured:
            raise BadRequest(
                f"the model takes records, and there are none in {self.mime.type}",
                "send text/csv; header=present, text/csv; header=absent or application/json",
            )
        if self.taken.form is not None and not self.takings and self.mime.form != self.taken.form:
            # Passed through as it is, it would be counted, and paid for, as what it is not.
            takes = Mime.of(self.taken.form)
            raise BadRequest(f"the model takes {takes}, not {self.mime}", "send the file as that")
        form = self.given.form or self.mime.form
        self.result = Mime.of(form) if form is not None and self.givings else None
        if self.result is not None and self.result.form == "csv":
            self.givings = tuple(sorted(self.givings, key=_place))

    def run(self, source: Path, part: Path, tell: Tell) -> dict[str, Any]:
        match self.model["kind"]:
            case "script":
                return self._by_file(source, part, tell)
            case "onnx":
                return self._by_batches(OnnxModel(self.model), source, part, tell)
            case _:
                return self._by_batches(NodeModel(self.model), source, part, tell)

    def _by_batches(self, model: Model, source: Path, part: Path, tell: Tell) -> dict[str, Any]:
        """What a model gives for each batch, as it is read."""
        if self.result is None:
            raise BadRequest("the schema names no output", "name what the model gives")
        read = written = 0
        with part.open("wb") as file:
            out = self._writer(file, self.result)
            for batch, columns in self._batches(source):
                scored = model.score(self.taken.fields, columns, batch.first, batch.rows)
                out.write([_given(giving, scored) for giving in self.givings], scored.rows, batch.first)
                _check_room(file, batch.total)
                read += batch.rows
                written += scored.rows
                tell(batch.done, batch.total)
            out.end()
        return {"records": read, "results": written, "mime": str(self.result)}

    def _by_file(self, source: Path, part: Path, tell: Tell) -> dict[str, Any]:
        """What a script makes of the whole file. The first half of the progress is the file before it, the
        second half its output."""
        with (
            opened(self.model, part.parent) as script,
            TemporaryDirectory(dir=part.parent, ignore_cleanup_errors=True) as name,
        ):
            given, results = Path(name, "given"), Path(name, "results")
            results.mkdir()
            if self.takings:
                read = self._prepare(source, given, lambda done, total: tell(done, 2 * total))
            else:
                given, read = source, count_records(source, self.mime)
            made = script.run(given, results)
            if self.result is None:
                shutil.move(made, part)
                return {"records": read, "results": None, "mime": str(Mime.of_any(self.given.form))}
            try:
                written = self._rewrite(
                    made, part, self.result, lambda done, total: tell(total + done, 2 * total)
                )
            except SourceError as error:
                raise SourceError(f"the script's output: {error}") from None
        return {"records": read, "results": written, "mime": str(self.result)}

    def _prepare(self, source: Path, target: Path, tell: Tell) -> int:
        """The file as the script takes it: how many records it has."""
        form = self.taken.form or self.mime.form or "json"
        read = 0
        with target.open("wb") as file:
            out = writer(file, Mime.of(form), [field.path for field in self.taken.fields])
            for batch, columns in self._batches(source):
                held = zip(self.taken.fields, columns, strict=True)
                out.write(
                    [fields.for_file(field, column, batch.first, form) for field, column in held],
                    batch.rows,
                    batch.first,
                )
                _check_room(file, batch.total)
                read += batch.rows
                tell(batch.done, batch.total)
            out.end()
        return read

    def _rewrite(self, made: Path, target: Path, result: Mime, tell: Tell) -> int:
        """A script's output as it was asked for, seen to be what the schema says: how many records it has."""
        records = open_records(made, Mime.of(self.given.form or self.mime.form or "json"))
        filled_in = {giving.source for giving in self.givings if giving.default is not None}
        needed = [
            Field(field.path, field.type, field.optional or field.path in filled_in)
            for field in self.given.fields
        ]
        for field in needed:
            if not field.optional:
                records.check(field.path, field.path, "the model's schema")
        paths = [field.path for field in needed] + [giving.source for giving in self.givings]
        written, form = 0, result.form or "json"
        with target.open("wb") as file:
            out = self._writer(file, result)
            for batch in self._pieces(records, paths):
                checked = Checked({field.path: _checked(field, batch, form) for field in needed}, batch)
                out.write([_given(giving, checked) for giving in self.givings], batch.rows, batch.first)
                _check_room(file, batch.total)
                written += batch.rows
                tell(batch.done, batch.total)
            out.end()
        return written

    def _writer(self, file: BinaryIO, result: Mime) -> Writer:
        return writer(file, result, [giving.destination for giving in self.givings])

    def records(self, source: Path) -> Records:
        """The records of a file. Raises SourceError if it is known that it lacks a column."""
        records = open_records(source, self.mime)
        for taking in self.takings:
            for rule in taking.rules:
                if rule.default is None and not taking.field.optional:
                    records.check(rule.source, taking.field.path, rule.named)
        return records

    def _batches(self, source: Path) -> Iterator[tuple[Batch, list[Column]]]:
        """The records, and for each a column for every field that the model takes."""
        wanted = [rule.source for taking in self.takings for rule in taking.rules]
        for batch in self._pieces(self.records(source), wanted):
            yield batch, [_taken(taking, batch) for taking in self.takings]

    def _pieces(self, records: Records, wanted: Sequence[FieldPath]) -> Iterator[Batch]:
        """The records, as many at a time as the values that are made of them allow."""
        made = [rule.destination for taking in self.takings for rule in taking.rules]
        made += [giving.destination for giving in self.givings]
        rows = max(1, CELLS // (1 + sum(path.width for path in made)))
        for block in records.batches(wanted):
            yield from block.pieces(rows)


def _check_room(file: BinaryIO, given: int) -> None:
    """Raise SourceError if too much was written: a mapping can make very much of few bytes (`given`)."""
    most = max(LARGEST, GROWTH * given)
    if file.tell() > most:
        raise SourceError(
            f"the output is larger than {most >> 20:,} MB; map to fewer places, or split the file"
        )
    if shutil.disk_usage(Path(file.name).parent).free < FREE_BYTES:
        raise SourceError("the node's disk is full; submit the file again when it has more room")


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch of which some columns were seen to be of their types."""

    held: Mapping[FieldPath, Column]
    batch: Batch

    def column(self, path: FieldPath) -> Column | None:
        return self.held[path] if path in self.held else self.batch.column(path)


def _checked(field: Field, batch: Batch, form: str) -> Column:
    column = batch.column(field.path)
    return fields.for_file(field, [None] * batch.rows if column is None else column, batch.first, form)


def _taken(taking: Taking, batch: Batch) -> Column:
    """The values of a field of the model for a batch."""
    columns = []
    for rule in taking.rules:
        column = batch.column(rule.source)
        there = [None] * batch.rows if column is None else column
        columns.append(filled(there, rule.default, rule.destination.lists))
    return columns[0] if taking.whole else put_together(taking, columns, batch.rows)


def _given(giving: Giving, scored: HasColumns) -> Column:
    """The values of a field of the output for a batch."""
    column = scored.column(giving.source)
    if column is None:
        raise SourceError(f"the model gives no {giving.source}")
    return filled(column, giving.default, giving.destination.lists)


def _place(giving: Giving) -> int:
    """Which column of a CSV file without header a value goes to; those that have no number are last."""
    step = giving.destination.steps[0]
    return int(step) if isinstance(step, str) and step.isdecimal() and len(step) < 9 else 1 << 30
