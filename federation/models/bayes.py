"""Naive Bayes: every attribute independent of the others within a class.

A continuous attribute is normal in each class with the mean and variance (divided by n) of the class's rows;
a 0/1 attribute is 1 with probability (ones + λ)/(rows + 2λ); a category has level l with probability
(rows_l + λ)/(rows + λ·levels), λ being Laplace's correction. Class k of a row has the posterior
π_k·Π p(x_j | k) up to a factor, π_k the class's share of the rows (Hand and Yu, "Idiot's Bayes: not so stupid
after all?", 2001). Each attribute is taken from the rows in which it and the target are present, and left out
of the product where it is missing at prediction, which is what the model itself says of such a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import Algorithm, Parameter, flag, number
from federation.models.classes import Target, outcome, target_of
from federation.models.design import InputColumn, category_and_level
from federation.models.errors import ModelError, listed
from federation.models.prediction import levels, numbers, require_columns
from federation.models.record import to_record
from federation.models.within_class import (
    class_counts,
    indicator_within,
    levels_within,
    numeric_within,
    of_all_rows,
)
from federation.statistics import SEPARATOR, AttributeType, Moments, Table

FloatArray = NDArray[np.float64]

SMOOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class BayesModel:
    """Per attribute the distribution in each class, in the order of `classes`.

    normal: of a continuous attribute (means, variances), smoothing included; binary: of a 0/1 attribute or
    indicator `category$level` the probabilities of 1; categories: of each level its probabilities. priors are
    the classes' shares of the rows with a class, counts their numbers.
    """

    algorithm: str
    target: str
    classes: tuple[str, ...]
    numeric: bool
    priors: tuple[float, ...]
    counts: tuple[int, ...]
    normal: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    binary: Mapping[str, tuple[float, ...]]
    categories: Mapping[str, Mapping[str, tuple[float, ...]]]
    rows: int
    laplace_factor: float
    columns: tuple[InputColumn, ...]
    separator: str = SEPARATOR

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """{"res": the likeliest class, "Prob": its probability, …}; see `classes.outcome` for the others.

        Raises `ModelError` for columns that the table lacks or of the wrong kind, infinite values, values
        other than 0 and 1 of a 0/1 attribute, and levels that were not there when the model was fitted.
        """
        scores = np.log(np.array(self.priors)) + np.zeros((table.rows, 1))
        for _, terms in self.evidence(table):
            scores += terms
        answers, posterior = outcome(
            self.target, self.classes, scores, numeric=self.numeric, separator=self.separator
        )
        return {"res": answers.pop("res"), "Prob": posterior.max(axis=1)} | answers

    def evidence(self, table: Table) -> Iterator[tuple[str, FloatArray]]:
        """What each input says for itself: ln p(value | class), shape (rows, classes), 0 where it is missing.

        Raises `ModelError` as `predict` does.
        """
        require_columns([*(column.attribute for column in self.columns), *self.categories], table)
        for column in self.columns:
            if column.term in self.normal:
                yield column.term, _normal(numbers(column.attribute, table), *self.normal[column.term])
            else:
                yield column.term, _binary(column, table, self.binary[column.term])
        for category, probabilities in self.categories.items():
            coded = levels(category, table, set(probabilities))
            nothing = (1.0,) * len(self.classes)
            lines = [probabilities.get(level, nothing) for level in coded.levels]
            yield category, np.log(np.array([*lines, nothing]))[coded.codes]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_bayes(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    laplace_factor: float = 1.0,
    var_smoothing: float = SMOOTHING,
) -> BayesModel:
    """Naive Bayes for the classes of `target`, as `classes.target_of` understands it.

    An input is a numeric attribute, a category, or one indicator `category$level`. var_smoothing times the
    largest variance of a continuous input is added to every variance, as scikit-learn does. Raises
    `ModelError` if only one class has rows, if an input is missing in every row of a class, does not vary in
    one, or has a probability of 0 (laplace_factor=0), and if the statistics lack sums that are needed.
    """
    if laplace_factor < 0.0 or var_smoothing < 0.0:
        raise ModelError("laplace_factor and var_smoothing must not be negative", "give 0 or more")
    found = target_of(moments, target, inputs)
    counts = class_counts(moments, found)
    if sum(count > 0 for count in counts) < 2:
        raise ModelError(f"target {target!r} has one class only", "learn rows of other classes")
    names = _Inputs.of(moments, inputs)
    cells = {name: levels_within(moments, found, name) for name in names.categories}
    return BayesModel(
        separator=moments.schema.separator,
        algorithm="bayes",
        target=target,
        classes=found.classes,
        numeric=found.numeric,
        priors=tuple(count / sum(counts) for count in counts),
        counts=counts,
        normal=_normals(moments, found, names.continuous, var_smoothing),
        binary=_ones(moments, found, names, laplace_factor),
        categories={name: _levels(name, found, counts, laplace_factor) for name, counts in cells.items()},
        rows=sum(counts),
        laplace_factor=laplace_factor,
        columns=names.columns,
    )


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The inputs by kind; columns are those of all but the categories."""

    continuous: tuple[str, ...]
    binary: tuple[str, ...]
    indicators: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[InputColumn, ...]

    @classmethod
    def of(cls, moments: Moments, inputs: Sequence[str]) -> _Inputs:
        schema = moments.schema
        kinds = {name: schema[name].type if name in schema else None for name in inputs}
        numeric = [name for name in inputs if name in schema and schema[name].numeric]
        means = dict(zip(numeric, of_all_rows(moments, numeric).means()[0].tolist(), strict=True))
        columns = []
        for name, kind in kinds.items():
            if kind is None:
                attribute, level = category_and_level(schema, name) or (name, "")
                counts = moments.level_counts(attribute)
                share = counts.get(level, 0) / max(1, sum(counts.values()))
                columns.append(InputColumn(name, attribute, level, share))
            elif kind is not AttributeType.CATEGORY:
                columns.append(InputColumn(name, name, None, means[name]))

        def those(kind: AttributeType | None) -> tuple[str, ...]:
            return tuple(name for name in inputs if kinds[name] is kind)

        return cls(
            those(AttributeType.CONTINUOUS),
            those(AttributeType.BINARY),
            those(None),
            those(AttributeType.CATEGORY),
            tuple(columns),
        )


def _normals(
    moments: Moments, target: Target, names: Sequence[str], smoothing: float
) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Means and variances in each class, of each continuous input."""
    if not names:
        return {}
    sums = numeric_within(moments, target, names)
    _require_rows(names, target, sums.counts.to_float())
    largest = of_all_rows(moments, names).variances().max()
    variances = sums.variances() + smoothing * largest
    beyond = np.flatnonzero(~np.isfinite(variances).all(axis=0))
    if beyond.size:
        raise ModelError(
            f"the squares of {names[beyond[0]]!r} exceed the range of float64", "use a larger unit"
        )
    still = ~(variances > 0.0)
    if still.any():
        name, kinds = _first(names, target, still)
        raise ModelError(
            f"{name!r} is constant in class {kinds}", "leave it out, or give a positive var_smoothing"
        )
    each = zip(sums.means().T.tolist(), variances.T.tolist(), strict=True)
    return {name: (tuple(means), tuple(spread)) for name, (means, spread) in zip(names, each, strict=True)}


def _ones(moments: Moments, target: Target, names: _Inputs, laplace: float) -> dict[str, tuple[float, ...]]:
    """Probabilities of 1 in each class, of each 0/1 attribute and indicator."""
    named = (*names.binary, *names.indicators)
    sums = numeric_within(moments, target, names.binary)
    indicators = [indicator_within(moments, target, name) for name in names.indicators]
    shape = (len(indicators), 2, len(target.classes))
    further = np.array(indicators, dtype=np.float64).reshape(shape).transpose(1, 2, 0)
    counts = np.hstack([sums.counts.to_float(), further[0]])
    ones = np.hstack([sums.totals.to_float(), further[1]])
    _require_rows(named, target, counts)
    _require_possible(named, target, np.minimum(ones, counts - ones) + laplace)
    probabilities = (ones + laplace) / (counts + 2.0 * laplace)
    return dict(zip(named, map(tuple, probabilities.T.tolist()), strict=True))


def _levels(
    name: str, target: Target, cells: Mapping[str, tuple[int, ...]], laplace: float
) -> dict[str, tuple[float, ...]]:
    """Probabilities of each level in each class."""
    counts = np.array(list(cells.values()), dtype=np.float64).reshape(len(cells), len(target.classes))
    totals = counts.sum(axis=0)
    _require_rows([name], target, totals[:, None])
    _require_possible([name], target, (counts + laplace).min(axis=0)[:, None])
    probabilities = (counts + laplace) / (totals + laplace * len(cells))
    return dict(zip(cells, map(tuple, probabilities.tolist()), strict=True))


def _normal(values: FloatArray, means: Sequence[float], variances: Sequence[float]) -> FloatArray:
    """ln of the normal density in each class (rows, k); 0 where the value is missing."""
    return log_density((values[:, None] - np.array(means)) ** 2, np.array(variances))


def log_density(squares: FloatArray, variances: FloatArray) -> FloatArray:
    """ln of normal densities from squared distances from the mean; 0 for a missing one."""
    terms: FloatArray = -0.5 * (np.log(2.0 * np.pi * variances) + squares / variances)
    return np.where(np.isnan(squares), 0.0, terms)


def _binary(column: InputColumn, table: Table, probabilities: Sequence[float]) -> FloatArray:
    """ln of the probability of each row's value in each class (rows, k); 0 where it is missing."""
    ones = np.array(probabilities)
    lines: FloatArray = np.log(np.array([1.0 - ones, ones, np.ones_like(ones)]))
    if column.level is not None:
        coded = levels(column.attribute, table)
        kinds = [2 if level == "" else int(level == column.level) for level in coded.levels]
        return np.take(lines, np.array([*kinds, 2])[coded.codes], axis=0)
    values = numbers(column.attribute, table)
    wrong = np.flatnonzero(~np.isnan(values) & (values != 0.0) & (values != 1.0))
    if wrong.size:
        raise ModelError(
            f"column {column.attribute!r}, row {wrong[0] + 1}: {values[wrong[0]]:g} is neither 0 nor 1, "
            "as the model knows the attribute",
            "leave the cell empty, or learn the attribute as a number",
        )
    return np.take(lines, np.where(np.isnan(values), 2.0, values).astype(np.intp), axis=0)


def _first(names: Sequence[str], target: Target, bad: NDArray[np.bool_]) -> tuple[str, str]:
    """The first input that is bad in a class, bad being (k, m), and the classes in which it is."""
    at = int(np.flatnonzero(bad.any(axis=0))[0])
    return names[at], listed([target.classes[k] for k in np.flatnonzero(bad[:, at])])


def _require_rows(names: Sequence[str], target: Target, counts: FloatArray) -> None:
    if (counts <= 0.0).any():
        name, kinds = _first(names, target, counts <= 0.0)
        raise ModelError(f"{name!r} is missing in every row of class {kinds}", "leave it out")


def _require_possible(names: Sequence[str], target: Target, lowest: FloatArray) -> None:
    """What each input's rarest value weighs in each class (k, m)."""
    if (lowest <= 0.0).any():
        name, kinds = _first(names, target, lowest <= 0.0)
        raise ModelError(
            f"{name!r} has a value that never occurs in class {kinds}", "give a positive laplace_factor"
        )


def _bayes(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    /,
    *,
    use_log_likelihood: bool = True,
    **options: Any,
) -> BayesModel:
    del use_log_likelihood  # the posterior is one number, by logarithms or not
    return fit_bayes(moments, target, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "bayes",
        "naive Bayes: normal for continuous inputs, counts for 0/1 ones and categories",
        _bayes,
        BayesModel,
        (
            Parameter("laplace_factor", number, "what is added to each count of a value (1 without it)"),
            Parameter(
                "var_smoothing",
                number,
                "share of the largest variance that is added to every variance (1e-9 without it)",
            ),
            Parameter(
                "use_log_likelihood",
                flag,
                "true or false: products are always taken as sums of logarithms, which changes no result",
            ),
        ),
    ),
)
