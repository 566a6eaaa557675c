"""Estimators of classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin

from federation.models import ModelError
from suffice.estimators.learned import LearnedClass

FloatArray = NDArray[np.float64]


class LinearDiscriminantAnalysis(ClassifierMixin, LearnedClass):  # type: ignore[misc]
    """Fisher's discriminant of two classes, each as probable as its share of the rows.

    The covariance within the classes is divided by rows less classes (scikit-learn's estimator divides by
    rows), which moves probabilities a little, and no decision between classes of equal size.

    Parameters
    ----------
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "lda"

    def __init__(self, *, missing: str = "listwise") -> None:
        self.missing = missing

    def _target(self) -> str:
        levels = self._levels()
        if len(levels) != 2:
            raise ModelError(
                "Only binary classification is supported. "
                f"There are rows of {len(levels)} class{'es' * (len(levels) != 1)}, not of two."
            )
        return f"{self.target_}${levels[1]}"

    @property
    def coef_(self) -> FloatArray:
        """Weights of the columns in `decision_function`, (1, columns)."""
        return np.array([self.model_.weights])

    @property
    def intercept_(self) -> FloatArray:
        """(1,)."""
        return np.array([-self.model_.z0_prior])

    def decision_function(self, X: Any) -> FloatArray:
        """The logarithm of the odds of the second class, (rows,)."""
        scores = self.model_.predict(self._inputs(X))["resZ"]
        return np.asarray(scores - self.model_.z0_prior)

    def predict(self, X: Any) -> NDArray[Any]:
        """The more probable class of each row, (rows,)."""
        return np.asarray(self.classes_[(self.decision_function(X) > 0.0).astype(int)])

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities in the order of `classes_`, (rows, classes)."""
        second = expit(self.decision_function(X))
        return np.column_stack([1.0 - second, second])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
