"""Scoring a file: its records through a mapping into a model, and what the model gives into another file.

Runs in a worker process, a batch at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from node.errors import BadRequest
from node.scoring import fields
from node.scoring.csv_records import Cells
from node.scoring.fields import Column, Field
from node.scoring.mapping import Giving, Taking, filled, givings, put_together, read_rules, takings
from node.scoring.mime import Mime
from node.scoring.models import NodeModel
from node.scoring.records import Batch, open_records, writer
from node.sources import SourceError

Tell = Callable[[int, int], None]


class Model(Protocol):
    """What scores a batch of records."""

    def score(self, taken: Sequence[Field], columns: Sequence[Column], first: int, rows: int) -> Cells:
        """The columns that it gives, for a column of each field that it takes. `first`: the number of the
        first record. Raises SourceError naming record and field."""


def check(request: Mapping[str, Any]) -> None:
    """Raise BadRequest for what no file can satisfy: the request's mime type, schema or mappings."""
    _Job(request)


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
        form = self.given.form or self.mime.form
        self.result = Mime.of(form) if form is not None and self.givings else None
        if self.result is not None and self.result.form == "csv":
            self.givings = tuple(sorted(self.givings, key=_place))

    def run(self, source: Path, part: Path, tell: Tell) -> dict[str, Any]:
        model = _model_of(self.model)
        assert self.result is not None  # noqa: S101
        read = written = 0
        with part.open("wb") as file:
            out = writer(file, self.result, [giving.destination for giving in self.givings])
            for batch, columns in self._batches(source):
                scored = model.score(self.taken.fields, columns, batch.first, batch.rows)
                out.write([_given(giving, scored) for giving in self.givings], scored.rows, batch.first)
                read += batch.rows
                written += scored.rows
                tell(batch.done, batch.total)
            out.end()
        return {"records": read, "results": written, "mime": str(self.result)}

    def _batches(self, source: Path) -> Iterator[tuple[Batch, list[Column]]]:
        """The records, and for each a column for every field that the model takes."""
        records = open_records(source, self.mime)
        wanted = []
        for taking in self.takings:
            for rule in taking.rules:
                wanted.append(rule.source)
                if rule.default is None and not taking.field.optional:
                    records.check(rule.source, taking.field.path, rule.named)
        for batch in records.batches(wanted):
            yield batch, [_taken(taking, batch) for taking in self.takings]


def _model_of(model: Mapping[str, Any]) -> Model:
    if model["kind"] == "model":
        return NodeModel(model)
    raise BadRequest(f"there are no models of the kind {str(model['kind'])[:80]!r}", "use model")


def _taken(taking: Taking, batch: Batch) -> Column:
    """The values of a field of the model for a batch."""
    columns = []
    for rule in taking.rules:
        column = batch.column(rule.source)
        there = [None] * batch.rows if column is None else column
        columns.append(filled(there, rule.default, rule.destination.lists))
    return columns[0] if taking.whole else put_together(taking, columns, batch.rows)


def _given(giving: Giving, scored: Batch) -> Column:
    """The values of a field of the output for a batch."""
    column = scored.column(giving.source)
    if column is None:
        raise SourceError(f"the model gives no {giving.source}")
    return filled(column, giving.default, giving.destination.lists)


def _place(giving: Giving) -> int:
    """Which column of a CSV file without header a value goes to; those that have no number are last."""
    step = giving.destination.steps[0]
    return int(step) if isinstance(step, str) and step.isdecimal() and len(step) < 9 else 1 << 30
