"""Targets that are classes, and the sums of the inputs between and within the classes.

A target is a whole category, whose levels are the classes, or a 0/1 attribute or one indicator
`category$level`, whose classes are 0 and 1. What the statistics know of one attribute in each class is in
`within_class`; how a model turns scores into an answer stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from federation.models.design import InputColumn, category_and_level, check_names, design
from federation.models.errors import ModelError, listed
from federation.models.linear_algebra import DEPENDENT
from federation.models.wide_arithmetic import add, negate, pick, times, wide
from federation.statistics import AttributeType, DoubleDouble, Missing, Moments
from federation.statistics.double_double import divide

FloatArray = NDArray[np.float64]

ZERO_ONE = ("0", "1")


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be told apart. `category` makes the classes: all its levels, or, if `level` is given, that
    level (class 1) and the others (class 0); it is None for a 0/1 attribute."""

    name: str
    classes: tuple[str, ...]
    category: str | None
    level: str | None

    @property
    def numeric(self) -> bool:
        """Whether the classes are the numbers 0 and 1."""
        return self.category is None or self.level is not None


@dataclass(frozen=True, slots=True)
class ClassSums:
    """Sums of p columns in k classes, in real units.

    counts (k,) rows of each class; shifts (k, p): the classes' means less means (p,), those of all rows;
    within (p, p): centred sums of products within classes, pooled; squares (p,): those of all rows.
    """

    target: Target
    columns: tuple[InputColumn, ...]
    reference_levels: dict[str, str]
    rows: int
    counts: FloatArray
    means: DoubleDouble
    shifts: DoubleDouble
    within: DoubleDouble
    squares: FloatArray

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.term for column in self.columns)

    def require_varying(self) -> None:
        """Raise `ModelError` naming the columns that are constant within every class."""
        within = np.diagonal(self.within.hi)
        require_varying_within(self.target.name, self.terms, within, self.squares, self.rows)


def require_varying_within(
    target: str, terms: Sequence[str], within: FloatArray, squares: FloatArray, rows: int
) -> None:
    """Raise `ModelError` naming the columns whose squares (p,) are next to nothing within the classes."""
    # What rounding leaves of the sum over all rows is no variance.
    still = [
        term
        for term, value, total in zip(terms, within, squares, strict=True)
        if not value > DEPENDENT * total
    ]
    if still:
        verb = "is" if len(still) == 1 else "are"
        raise ModelError(
            f"{listed(still)} {verb} constant within every class of {target!r} in the {rows} rows used",
            "leave out what does not vary",
        )


def target_of(moments: Moments, name: str, inputs: Sequence[str]) -> Target:
    """What `name` means as a target; raises `ModelError` for fewer than two classes and for bad names."""
    schema = moments.schema
    check_names(schema, name, inputs, classes=True)
    if name in schema and schema[name].type is AttributeType.CATEGORY:
        classes = tuple(moments.level_counts(name))
        if len(classes) < 2:
            only = f"one class only, {classes[0]!r}" if classes else "no rows"
            raise ModelError(f"target {name!r} has {only}", "learn rows of other classes")
        return Target(name, classes, name, None)
    if name in schema:
        if schema[name].type is not AttributeType.BINARY:
            raise ModelError(
                f"target {name!r} is of type {schema[name].type.value}",
                "classes are the levels of a category "
                "(T) or the values of a 0/1 attribute (B); choose such a target",
            )
        return Target(name, ZERO_ONE, None, None)
    found = category_and_level(schema, name)
    if found is None:
        raise ModelError(f"attribute {name!r} is unknown", f"the statistics have {listed(schema.names)}")
    return Target(name, ZERO_ONE, *found)


def class_sums(
    moments: Moments, name: str, inputs: Sequence[str], missing: Missing = "listwise"
) -> ClassSums:
    """Sums of the inputs (as in `design.design`) within the classes of a target.

    Raises `ModelError` if fewer than two classes have rows, and for everything that `design.design` refuses.
    """
    target = target_of(moments, name, inputs)
    if target.numeric:
        sums = design(moments, name, inputs, missing)
        ones = times(wide(np.array(float(sums.rows))), sums.target_mean)
        zeros = add(wide(np.array(float(sums.rows))), negate(ones))
        counts = DoubleDouble(np.array([zeros.hi, ones.hi]), np.array([zeros.lo, ones.lo]))
        # Σ (x - x̄) over the rows of class 1; what is above the mean there is below it in class 0.
        cross = DoubleDouble(
            np.stack([-sums.cross.hi, sums.cross.hi]), np.stack([-sums.cross.lo, sums.cross.lo])
        )
        columns, references, means, scatter = sums.columns, sums.reference_levels, sums.means, sums.scatter
    else:
        sums = design(moments, None, [name, *inputs], missing, drop_reference=False)
        indicators = [at for at, column in enumerate(sums.columns) if column.attribute == name]
        target = Target(name, tuple(str(sums.columns[at].level) for at in indicators), name, None)
        kept, references = _without_references(sums.columns, inputs)
        at, to = np.array(indicators), np.array(kept, dtype=np.intp)
        counts = times(wide(np.full(len(at), float(sums.rows))), pick(sums.means, at))
        cross = pick(sums.scatter, *np.ix_(at, to))
        means, scatter = pick(sums.means, to), pick(sums.scatter, *np.ix_(to, to))
        columns = tuple(sums.columns[place] for place in kept)
    # Counts are whole; rounding of the mean must not make a class of 1e-30 rows.
    present = counts.hi > 1e-9
    if present.sum() < 2:
        only = [label for label, there in zip(target.classes, present, strict=True) if there]
        raise ModelError(
            f"target {name!r} has one class only in the {sums.rows} rows used ({listed(only)})",
            "learn rows of other classes",
        )
    shifts = divide(cross, DoubleDouble(counts.hi[:, None], counts.lo[:, None]))
    squares = np.diagonal(scatter.hi)
    for shift, sum_ in zip(_rows(shifts), _rows(cross), strict=True):  # Σ n m mᵀ, m = shift and n·m = cross
        between = times(
            DoubleDouble(shift.hi[:, None], shift.lo[:, None]), DoubleDouble(sum_.hi[None], sum_.lo[None])
        )
        scatter = add(scatter, negate(between))
    return ClassSums(target, columns, references, sums.rows, counts.hi, means, shifts, scatter, squares)


def outcome(
    target: str, classes: Sequence[str], scores: FloatArray, *, numeric: bool, separator: str
) -> tuple[dict[str, NDArray[np.generic]], FloatArray]:
    """What a classifier answers, from scores (rows, k) that are log-posteriors up to a term of each row.

    "res" is the likeliest class, a number where the classes are 0 and 1, else its name; `target$class` the
    probability of each. Of 0 and 1 there is also "resZ", the log-odds of 1, which rank rows whose
    probabilities float64 cannot tell apart. Also returns the probabilities (rows, k) themselves.
    """
    posterior = special.softmax(scores, axis=1)
    best = scores.argmax(axis=1)
    labels = np.array([0.0, 1.0]) if numeric else np.array(classes)
    answers: dict[str, NDArray[np.generic]] = {"res": labels[best]}
    answers |= {f"{target}{separator}{label}": posterior[:, at] for at, label in enumerate(classes)}
    if numeric:
        answers["resZ"] = scores[:, 1] - scores[:, 0]
    return answers, posterior


def _without_references(
    columns: Sequence[InputColumn], inputs: Sequence[str]
) -> tuple[list[int], dict[str, str]]:
    """The places of the inputs' columns without each category's first level, and those levels."""
    expanded = {column.attribute for column in columns if column.level is not None} & set(inputs)
    references: dict[str, str] = {}
    kept = []
    for at, column in enumerate(columns):
        if column.attribute in expanded and column.attribute not in references:
            references[column.attribute] = str(column.level)
        elif column.attribute in inputs or column.term in inputs:
            kept.append(at)
    alone = expanded - {columns[at].attribute for at in kept}
    if alone:
        raise ModelError(f"category {min(alone)!r} has one level in the rows used", "leave it out")
    return kept, references


def _rows(a: DoubleDouble) -> list[DoubleDouble]:
    return [pick(a, row) for row in range(len(a.hi))]
