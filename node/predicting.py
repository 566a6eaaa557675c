"""Predicting a whole file: its rows as they stand, with the model's outputs beside them, into another file.

Runs in a worker process, a batch at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from numpy.typing import NDArray

from federation.statistics import Moments, Schema
from node import modelling
from node.project_options import ProjectOptions
from node.sources import Batch, Source, SourceError, guess_schema, joined, read_batches
from node.sources.lines import csv_line, lines_of

SUFFIX: Final = "_Result"
"""What SymetryML calls a prediction's column: its key and this."""

SAMPLE: Final = 128
"""Lines of the result that are told when it is done."""


MOST_TOKENS: Final = 1_000_000
"""Tokens of one sequence that are held at once to predict what follows each."""


def predict_file(
    model: Mapping[str, Any],
    inputs: Sequence[str],
    source: Source,
    known: Schema,
    options: ProjectOptions,
    *,
    output: str | None = None,
    imputing: Moments | None = None,
    tell: Callable[[int, int], None],
) -> dict[str, Any]:
    """{"rows", "output", "names", "sample"}: how many rows, where they are, and the first of them as text.

    `output` appears when it is complete. Inputs that the file lacks are refused; raises SourceError and
    ModelError naming column and row.
    """
    lines = lines_of(source)
    delimiter = source.delimiter
    heading, rows = next(lines), 0
    sample: list[str] = []
    names: list[str] = []
    part = None if output is None else Path(f"{output}.part")
    try:
        with nullcontext() if part is None else part.open("w", encoding="utf-8", newline="") as file:
            for batch, outputs in outputs_of(model, inputs, source, known, options, imputing):
                if not names:
                    names = [f"{key}{SUFFIX}" for key in outputs]
                    heading = f"{heading}{delimiter}{csv_line(names, delimiter)}"
                    _write(file, [heading])
                together = _beside(lines, outputs, batch.table.rows, delimiter)
                if len(sample) < SAMPLE:
                    first = list(islice(together, SAMPLE - len(sample)))
                    sample += first
                    _write(file, first)
                _write(file, together)
                rows += batch.table.rows
                tell(batch.done, batch.total)
        if part is not None and output is not None:
            part.replace(output)
    finally:
        if part is not None:
            with suppress(FileNotFoundError):
                part.unlink()
    told, *cells = csv.reader([heading, *sample], delimiter=delimiter)
    return {"rows": rows, "output": output, "names": told, "sample": cells}


def outputs_of(
    model: Mapping[str, Any],
    inputs: Sequence[str],
    source: Source,
    known: Schema,
    options: ProjectOptions,
    imputing: Moments | None = None,
) -> Iterator[tuple[Batch, dict[str, NDArray[Any]]]]:
    """A file's batches and the model's outputs for their rows. Raises SourceError naming column and row."""
    columns = list(dict.fromkeys(modelling.attribute_of(name, known) for name in inputs))
    letters: dict[str, str] | None = None
    if options.order is not None:
        columns = list(model.get("columns") or source.names)
        known, letters = Schema(()), options.told(columns, {})
    elif options.encoding is not None or options.powers is not None:
        known = options.before(known.restrict([name for name in columns if name in known]))
        columns = list(known.names)
    schema, _ = guess_schema(source, columns, letters, known)
    batches = read_batches(source, schema)
    if options.order is not None and len(columns) == 1:
        batches = _one_batch(batches, source.path.name)
    for batch in batches:
        try:
            outputs, model = modelling.advance(model, options.levels_of(batch.table), inputs, imputing)
        except ValueError as error:
            raise SourceError(f"{source.path.name}, {_in_file(str(error), batch.first)}") from None
        yield batch, outputs


def _in_file(error: str, first: int) -> str:
    """An error of a batch with the number that its row has in the file."""
    return re.sub(r"(?<=', row )\d+(?=:)", lambda row: str(int(row[0]) + first - 1), error, count=1)


def _one_batch(batches: Iterator[Batch], name: str) -> Iterator[Batch]:
    """A file that is one sequence, at once: what follows a row depends on those before it."""
    parts: list[Batch] = []
    for batch in batches:
        parts.append(batch)
        if batch.first + batch.table.rows - 1 > MOST_TOKENS:
            raise SourceError(
                f"{name} has more than the {MOST_TOKENS:,} tokens of a sequence that are predicted at most: "
                "give its last part"
            )
    if parts:
        yield Batch(joined([part.table for part in parts]), 1, parts[-1].done, parts[-1].total)


def _beside(lines: Iterator[str], outputs: Mapping[str, Any], rows: int, delimiter: str) -> Iterator[str]:
    """Each row of the file with its predictions; NaN, which is no prediction, is an empty cell."""
    values = zip(*(column.tolist() for column in outputs.values()), strict=True)
    for line, cells in zip(islice(lines, rows), values, strict=True):
        shown = ["" if cell != cell else cell for cell in cells]
        yield f"{line}{delimiter}{csv_line(shown, delimiter)}"


def _write(file: IO[str] | None, lines: Sequence[str] | Iterator[str]) -> None:
    if file is not None:
        file.writelines(f"{line}\n" for line in lines)
