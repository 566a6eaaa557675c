"""Levels that were not there when a model was fitted, in the rows by which it is judged.

A prediction refuses them, because nothing is known of them. Where a model is judged they are missing values,
as the next rows that it meets may have such levels too; and it is said how many there were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from federation.models.design import InputColumn
from federation.models.errors import listed
from federation.models.prediction import levels
from federation.statistics import Coded, Column, Table


def known_only(fitted: object, table: Table) -> tuple[Table, tuple[str, ...]]:
    """The table with missing values for levels that a model, or the sums for one, does not know.

    With it comes a remark for each category that has such levels.
    """
    changed: dict[str, Column] = {}
    remarks = []
    for category, known in _known_levels(fitted).items():
        if category not in table.columns:
            continue
        coded = levels(category, table)
        unknown = np.array([level != "" and level not in known for level in coded.levels] + [False])
        hidden = unknown[coded.codes]
        if hidden.any():
            changed[category] = Coded(np.where(hidden, -1, coded.codes), coded.levels)
            named = [coded.levels[at] for at in np.unique(coded.codes[hidden]).tolist()]
            remarks.append(
                f"{int(hidden.sum())} of {table.rows} rows have levels of {category!r} that the model does "
                f"not know ({listed(named, 5)}): they count as missing values"
            )
    return (Table({**table.columns, **changed}) if changed else table), tuple(remarks)


def _known_levels(fitted: Any) -> dict[str, set[str | None]]:
    """The levels of the categories that stand in a model as a whole."""
    references: Mapping[str, str | None] = getattr(fitted, "reference_levels", {})
    known: dict[str, set[str | None]] = {category: {level} for category, level in references.items()}
    for column in getattr(fitted, "columns", ()):
        if isinstance(column, InputColumn) and column.attribute in known:
            known[column.attribute].add(column.level)
    counted = getattr(fitted, "categories", ())  # of naive Bayes, with the probabilities of their levels
    return known | ({name: set(of) for name, of in counted.items()} if isinstance(counted, Mapping) else {})
