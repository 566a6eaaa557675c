"""Quadratic discriminant analysis: every class with a covariance of its own, from statistics split by class.

A row x scores δ_k = ln π_k - ½ ln |C_k| - ½ (x - m_k)·C_k⁻¹(x - m_k) with the class's mean m_k, covariance
C_k and share π_k of the rows (Hastie, Tibshirani and Friedman, "The elements of statistical learning", 4.3).
C_k divides by the class's rows less 1, or less another number (scikit-learn divides by the rows). Second
moments of a class are in the statistics only if the project keeps its classes apart: if the target splits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.models.algorithm import MISSING, Algorithm, Parameter, flag, whole
from federation.models.classes import Target, outcome, target_of
from federation.models.design import InputColumn, columns_of, design, require_varying
from federation.models.errors import ModelError
from federation.models.normal import log_determinant, squared_distances, whitening
from federation.models.prediction import design_matrix
from federation.models.record import to_record
from federation.statistics import SEPARATOR, Missing, Moments, Table

FloatArray = NDArray[np.float64]
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class MqdaModel:
    """A fitted discriminant of k classes with means class_means[k] and covariances C_k, columns in the order
    of terms. factors[k] (p, p) is such that factors[k]·factors[k]ᵀ is C_k⁻¹; log_determinants[k] = ln |C_k|.
    counts are the rows of each class, priors their shares. numeric: the classes are the numbers 0 and 1.
    """

    algorithm: str
    target: str
    classes: tuple[str, ...]
    numeric: bool
    terms: tuple[str, ...]
    class_means: Matrix
    factors: tuple[Matrix, ...]
    log_determinants: tuple[float, ...]
    counts: tuple[int, ...]
    priors: tuple[float, ...]
    rows: int
    reference_levels: Mapping[str, str]
    means: Mapping[str, float]
    ddof: int
    missing: str
    columns: tuple[InputColumn, ...]
    separator: str = SEPARATOR

    def predict(self, table: Table) -> dict[str, NDArray[Any]]:
        """{"res": the likeliest class, `target$class`: its probability, …}; see `classes.outcome`.

        Missing values and errors: see `prediction.weighted_sum`.
        """
        rows = design_matrix(self.columns, table, self.reference_levels)
        scores = np.empty((len(rows), len(self.classes)))
        parts = zip(self.class_means, self.factors, self.log_determinants, self.priors, strict=True)
        for at, (mean, factor, determinant, prior) in enumerate(parts):
            distances = squared_distances(rows - np.array(mean), np.array(factor))
            scores[:, at] = np.log(prior) - 0.5 * (determinant + distances)
        return outcome(self.target, self.classes, scores, numeric=self.numeric, separator=self.separator)[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `models.from_dict`."""
        return to_record(self)


def fit_mqda(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    *,
    missing: Missing = "listwise",
    ddof: int = 1,
) -> MqdaModel:
    """Discriminate the levels of the category that splits the schema, or one of them from the others.

    Covariances divide by the class's rows less `ddof`. Raises `ModelError` for another target,
    if a class has too few rows or columns that are constant or dependent in it, and everything that
    `design.design` refuses.
    """
    found = target_of(moments, target, inputs)
    parts = by_class(moments, found)
    columns, reference_levels = columns_of(moments, inputs, missing)
    terms = tuple(column.term for column in columns)
    if ddof < 0:
        raise ModelError(f"ddof is {ddof}", "choose 0 or more")
    fitted = [_class(part, terms, missing, ddof, label) for label, part in parts.items()]
    counts = tuple(rows for rows, _, _ in fitted)
    return MqdaModel(
        separator=moments.schema.separator,
        algorithm="mqda",
        target=target,
        classes=found.classes,
        numeric=found.numeric,
        terms=terms,
        class_means=_matrix(np.array([mean for _, mean, _ in fitted])),
        factors=tuple(_matrix(factor) for _, _, factor in fitted),
        log_determinants=tuple(log_determinant(factor) for _, _, factor in fitted),
        counts=counts,
        priors=tuple(count / sum(counts) for count in counts),
        rows=sum(counts),
        reference_levels=reference_levels,
        means={column.term: column.mean for column in columns},
        ddof=ddof,
        missing=missing,
        columns=columns,
    )


def by_class(moments: Moments, target: Target) -> dict[str, Moments]:
    """The statistics of each class, in order; raises `ModelError` if they are not kept apart."""
    split = moments.schema.split
    if target.category is None or target.category != split:
        apart = f"keeps the classes of {split!r} apart" if split else "does not keep classes apart"
        raise ModelError(
            f"mqda needs the covariance of each class, but the project {apart}",
            f"make it with statistics "
            f"split by {(target.category or target.name)!r}, a category, and learn it again; or fit mlda",
        )
    parts = moments.parts()
    if target.level is None:
        return {label: parts[label] for label in target.classes}
    others = [part for label, part in parts.items() if label != target.level]
    if target.level not in parts or not others:
        raise ModelError(f"target {target.name!r} has one class only", "learn rows of the other class")
    return {target.classes[0]: reduce(add, others), target.classes[1]: parts[target.level]}


def _class(
    part: Moments, terms: Sequence[str], missing: Missing, ddof: int, label: str
) -> tuple[int, FloatArray, FloatArray]:
    """Rows, mean (p,) and whitening factor (p, p) of one class."""
    try:
        sums = design(part, None, terms, missing)
        require_varying(sums)
        least = max(len(terms), ddof) + 1
        if sums.rows < least:
            raise ModelError(
                f"{sums.rows} rows for {len(terms)} columns",
                f"at least {least} are needed; leave inputs out, learn more rows, or fit mlda",
            )
        return sums.rows, sums.means.hi, whitening(sums.scatter, float(sums.rows - ddof), sums.terms)
    except ModelError as error:
        raise ModelError(f"class {label!r}: {error.message}", error.remedy) from error


def _matrix(values: FloatArray) -> Matrix:
    return tuple(map(tuple, values.tolist()))


def _mqda(
    moments: Moments,
    target: str,
    inputs: Sequence[str],
    /,
    *,
    sml_det_norm_use: bool = True,
    **options: Any,
) -> MqdaModel:
    del sml_det_norm_use  # the logarithm of a determinant is one number, however it is come by
    return fit_mqda(moments, target, inputs, **options)


ALGORITHMS: Final = (
    Algorithm(
        "mqda",
        "quadratic discriminant analysis; needs a project split by the target",
        _mqda,
        MqdaModel,
        (
            MISSING,
            Parameter("ddof", whole, "the covariances divide by the class's rows less ddof (1 without it)"),
            Parameter(
                "sml_det_norm_use",
                flag,
                "true or false: determinants are always sums of logarithms, and neither overflow nor vanish",
            ),
        ),
    ),
)
