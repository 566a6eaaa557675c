"""Confusion matrices: how often each class was taken for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.assessment.pairs import check_shapes


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """counts[i, j] rows of class i were taken for class j; classes name both axes, in order."""

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return int(self.counts.sum())


def confusion(truth: ArrayLike, predicted: ArrayLike) -> Confusion:
    """The confusion matrix of the classes that occur in truth or prediction, both (rows,).

    Raises `AssessmentError` for empty arrays or arrays of different lengths.
    """
    actual, given = np.asarray(truth), np.asarray(predicted)
    check_shapes(actual.shape, given.shape)
    if actual.dtype.kind in "fiub" and given.dtype.kind in "fiub":
        together: NDArray[Any] = np.concatenate([actual, given]).astype(np.int64)
    else:
        together = np.concatenate([_names(actual), _names(given)])
    classes, codes = np.unique(together, return_inverse=True)
    pairs = codes[: actual.size] * len(classes) + codes[actual.size :]
    counts = np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), len(classes))
    return Confusion(tuple(map(str, classes.tolist())), counts.astype(np.int64))


def _names(values: NDArray[Any]) -> NDArray[np.str_]:
    """Classes as text; 0/1 labels that are floats without their fraction."""
    if values.dtype.kind == "f":
        values = values.astype(np.int64)
    return values.astype(np.str_)
