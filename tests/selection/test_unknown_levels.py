"""Levels that were never learned, in the rows by which models are chosen and judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from federation.assessment import assess
from federation.models import ModelError, fit
from federation.selection import select
from federation.statistics import Coded, Column, Moments, Schema, Table

ROWS = 240
NEW = [7, 31]
"""The rows of the validation table at a level that was never learned."""


def tables(*, kinds: bool = False) -> tuple[Moments, Table, Table]:
    """Statistics; rows to choose by with two of level "new"; and the same rows with these two missing."""
    rng = np.random.default_rng(8)
    x, place = rng.normal(size=2 * ROWS).round(3), rng.integers(0, 3, 2 * ROWS)
    y: Column = (2.0 * x + 3.0 * place + rng.normal(size=2 * ROWS)).round(3)
    if kinds:
        y = Coded.of(np.array(["low", "middle", "high"])[np.digitize(y, [2.0, 4.0])].tolist())
    words: list[str | None] = np.array(["north", "south", "west"])[place].tolist()
    whole = Table({"x": x, "place": Coded.of(words), "y": y})
    judged, missing = words[ROWS:], words[ROWS:]
    for row in NEW:
        judged[row], missing[row] = "new", None
    learned, rest = whole.slice(0, ROWS), whole.slice(ROWS).columns
    moments = Moments(Schema.infer(learned, 60)).learn(learned)
    return moments, *(Table({**rest, "place": Coded.of(of)}) for of in (judged, missing))


@pytest.mark.parametrize("algorithm", ["mlr", "ridge", "lsvr", "mlda", "bayes"])
def test_they_are_missing_values_by_which_to_choose(algorithm: str) -> None:
    """Whether subsets are scored together (numbers), by classes, or each by its own model."""
    moments, judged, missing = tables(kinds=algorithm in ("mlda", "bayes"))
    found = select(algorithm, moments, "y", ["x", "place"], judged)
    without = select(algorithm, moments, "y", ["x", "place"], missing)
    assert found.chosen.inputs == ("x", "place")
    assert found.score == without.score
    assert [c.score for c in found.candidates] == [c.score for c in without.candidates]
    (remark,) = found.remarks
    assert remark.startswith("validation: 2 of 240 rows have levels of 'place' that the model does not")
    assert without.remarks == ()
    model = fit(algorithm, moments, "y", ["x", "place"], **found.chosen.parameters)
    assert assess(model, "y", judged).scores == assess(model, "y", missing).scores
    assert any("('new')" in remark for remark in assess(model, "y", judged).remarks)
    with pytest.raises(ModelError, match="level 'new' was not there"):
        model.predict(judged)


def test_a_class_that_was_never_learned_is_an_error() -> None:
    moments, judged, _ = tables(kinds=True)
    truth: Any = judged.columns["y"]
    changed = [name if row > 9 else "never" for row, name in enumerate(truth.decode())]
    table = Table({**judged.columns, "y": Coded.of(changed)})
    found = select("mlda", moments, "y", ["x"], table, sml_model_assessment_type="accuracy")
    model = fit("mlda", moments, "y", ["x"])
    right = model.predict(table)["res"] == np.array(changed)
    assert not right[:10].any()
    assert found.score == right.mean()
    assert assess(model, "y", table).scores["accuracy"] == right.mean()
