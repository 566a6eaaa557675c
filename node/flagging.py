"""Flagging the rows of a table, or of a whole file, whose score by a model is extreme.

Runs in a worker process. Of a file nothing is held but the scores.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import Moments, Schema
from node.predicting import outputs_of
from node.project_options import ProjectOptions
from node.sources import Source, SourceError

MOST_TOLD: Final = 100_000
"""Rows whose flags are part of a result; those of more are in a file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """score: which of the model's outputs, None for the one that is its score; figures: whether to draw."""

    score: str | None
    figures: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """From a task's parameters."""
        return cls(given.get("score"), bool(given.get("figures")))


def flag_file(
    model: Mapping[str, Any],
    inputs: Sequence[str],
    source: Source,
    known: Schema,
    options: ProjectOptions,
    wanted: Wanted,
    *,
    output: str | None = None,
    imputing: Moments | None = None,
    tell: Callable[[int, int], None],
) -> dict[str, Any]:
    """As `flag`, of a file's rows; `output` is a CSV of the flags of them all.

    Raises SourceError, also for more than MOST_TOLD rows without an output, and ModelError.
    """
    key, parts = "", [np.empty(0)]
    for batch, outputs in outputs_of(model, inputs, source, known, options, imputing):
        key = score_key(model, outputs, wanted.score)
        parts.append(outputs[key])
        tell(batch.done, batch.total)
    if not key:
        raise SourceError(f"{source.path.name} has no rows")
    scores = np.concatenate(parts)
    if output is None and scores.size > MOST_TOLD:
        raise SourceError(
            f"{source.path.name} has {scores.size:,} rows, and flags of {MOST_TOLD:,} are told at most: "
            "name an output for them"
        )
    return _told(scores, key, wanted.figures, output)


def flag(model: Mapping[str, Any], outputs: Mapping[str, NDArray[Any]], wanted: Wanted) -> dict[str, Any]:
    """{"rows", "score", "limit", "columns", "output"}, and "figures" if wanted.

    score is the output judged, limit what an extreme one passes (None: too few rows to say), columns are
    those of `federation.assessment.Flags`, of the first MOST_TOLD rows. Raises ModelError.
    """
    key = score_key(model, outputs, wanted.score)
    return _told(outputs[key], key, wanted.figures, None)


def score_key(model: Mapping[str, Any], outputs: Mapping[str, NDArray[Any]], named: str | None) -> str:
    """Which of a model's outputs is its score: the one named, what an evt model watches, ecod's, or "res".

    Raises ModelError if that is not an output of numbers.
    """
    from federation.models.errors import ModelError, listed

    watched = model["key"] if model["algorithm"] == "evt" and model["base"] is not None else None
    key = named or watched or ("ecodscore" if "ecodscore" in outputs else "res")
    having = [name for name, values in outputs.items() if values.dtype.kind == "f"]
    if key not in having:
        raise ModelError(
            f"the model has no numbers {key!r} to flag rows by", f"its scores are {listed(having)}"
        )
    return key


def _told(scores: NDArray[np.float64], key: str, draw: bool, output: str | None) -> dict[str, Any]:
    from federation.assessment import flags, flags_figure

    found = flags(scores)
    columns = found.columns()
    if output is not None:
        _write(output, columns)
    told = {name: values[:MOST_TOLD].tolist() for name, values in columns.items()}
    result = {"rows": scores.size, "score": key, "limit": found.limit, "columns": told, "output": output}
    return result | ({"figures": {"anomalies": flags_figure(found.to_dict())}} if draw else {})


def _write(output: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """The columns as a CSV, which appears when it is complete."""
    part = Path(f"{output}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
        part.replace(output)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
