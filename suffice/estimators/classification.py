"""Estimators of classes: linear and quadratic discriminants, naive Bayes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from federation.models.prediction import design_matrix
from federation.statistics import Schema, Table
from suffice.estimators.learned import LearnedClass

FloatArray = NDArray[np.float64]


class Classifier(ClassifierMixin, LearnedClass):  # type: ignore[misc]
    """A model that gives each class a probability; a base of the estimators here."""

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row, (rows,)."""
        levels, rows = np.unique(self.model_.predict(self._inputs(X))["res"], return_inverse=True)
        return np.array([self._labels.get(level, level) for level in levels.tolist()])[rows]

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities in the order of `classes_`, (rows, classes)."""
        table = self._inputs(X)
        answers = self.model_.predict(table)
        never = np.zeros(table.rows)  # a class whose every row has a missing value, if those are left out
        return np.column_stack([answers.get(f"{self.target_}${level}", never) for level in self._levels()])

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Their logarithms."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))


@dataclass(eq=False, repr=False)
class LinearDiscriminantAnalysis(Classifier):
    """Linear discriminants of two or more classes, each as probable as its share of the rows.

    Parameters
    ----------
    ddof : the covariance within the classes divides by rows - ddof; 0, as scikit-learn does, or None for
        the number of classes.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "mlda"
    _: KW_ONLY
    ddof: int | None = 0
    missing: str = "listwise"

    @property
    def coef_(self) -> FloatArray:
        """Weights of the columns in `decision_function`, (classes, columns), or (1, columns) for two."""
        return self._of_decision(self._weights())

    @property
    def intercept_(self) -> FloatArray:
        """(classes,), or (1,) for two."""
        means = np.array([column.mean for column in self.model_.columns])
        return self._of_decision(np.array(self.model_.intercepts)[self._order()] - self._weights() @ means)

    def decision_function(self, X: Any) -> FloatArray:
        """Log-posteriors up to a term of each row, (rows, classes); for two classes the log-odds, (rows,)."""
        model = self.model_
        centre = np.array([column.mean for column in model.columns])
        centred = design_matrix(model.columns, self._inputs(X), model.reference_levels) - centre
        scores = centred @ self._weights().T + np.array(model.intercepts)[self._order()]
        return np.asarray(scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores)

    def _weights(self) -> FloatArray:
        return np.array(self.model_.weights)[self._order()]

    def _order(self) -> list[int]:
        """Where the classes stand in the model, in the order of `classes_`."""
        return [self.model_.classes.index(level) for level in self._levels()]

    @staticmethod
    def _of_decision(values: FloatArray) -> FloatArray:
        return values[1:] - values[:1] if len(values) == 2 else values


@dataclass(eq=False, repr=False)
class QuadraticDiscriminantAnalysis(Classifier):
    """Discriminants with a covariance for each class. Its statistics are kept apart by class.

    Parameters
    ----------
    ddof : a class's covariance divides by its rows - ddof; 0, as scikit-learn does.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "mqda"
    _: KW_ONLY
    ddof: int = 0
    missing: str = "listwise"

    def _schema(self, table: Table, known: Schema | None = None) -> Schema:
        return replace(super()._schema(table, known), split=self.target_)


@dataclass(eq=False, repr=False)
class NaiveBayes(Classifier):
    """Naive Bayes: numbers are normal within a class, 0/1 attributes and categories are counted.

    A missing value says nothing of its row.

    Parameters
    ----------
    laplace_factor : added to the count of every level.
    var_smoothing : this share of the largest variance is added to every variance.
    """

    _algorithm: ClassVar[str] = "bayes"
    _: KW_ONLY
    laplace_factor: float = 1.0
    var_smoothing: float = 1e-9
