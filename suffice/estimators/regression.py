"""Estimators of numbers: linear regression and its penalised kin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from federation.models import INTERCEPT
from suffice.estimators.learned import LearnedNumber

FloatArray = NDArray[np.float64]


class LinearRegressor(RegressorMixin, LearnedNumber):  # type: ignore[misc]
    """A linear combination of the columns; a base of the estimators here."""

    @property
    def coef_(self) -> FloatArray:
        """Slopes in the order of `terms_`, which are the features if there is no category among them."""
        coef = self.model_.coef
        return np.array(coef[1:] if self.model_.terms[0] == INTERCEPT else coef)

    @property
    def intercept_(self) -> float:
        """The value where all columns are zero; 0.0 if none was fitted."""
        return float(self.model_.coef[0]) if self.model_.terms[0] == INTERCEPT else 0.0

    def predict(self, X: Any) -> FloatArray:
        """The expected target of each row, (rows,)."""
        table = self._inputs(X)
        return np.asarray(self.model_.predict(table)["res"])


@dataclass(eq=False, repr=False)
class LinearRegression(LinearRegressor):
    """Ordinary least squares, with standard errors and tests in `model_`.

    Parameters
    ----------
    fit_intercept : whether to fit one or go through zero.
    missing : "listwise" leaves rows with a missing value out, "pairwise" uses what each pair of columns has,
        "mean" puts the column's mean in their place.
    """

    _algorithm: ClassVar[str] = "mlr"
    _called: ClassVar[Mapping[str, str]] = {"fit_intercept": "intercept"}
    _: KW_ONLY
    fit_intercept: bool = True
    missing: str = "listwise"


@dataclass(eq=False, repr=False)
class Ridge(LinearRegressor):
    """Least squares with a squared penalty: that of scikit-learn's `Ridge` with the same alpha.

    Parameters
    ----------
    alpha : the penalty, above 0.
    standardize : whether to penalise the coefficients of standardised columns.
    fit_intercept, missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "ridge"
    _called: ClassVar[Mapping[str, str]] = {"fit_intercept": "intercept"}
    alpha: float = 1.0
    _: KW_ONLY
    standardize: bool = False
    fit_intercept: bool = True
    missing: str = "listwise"


@dataclass(eq=False, repr=False)
class ElasticNet(LinearRegressor):
    """Penalties on absolute and on squared coefficients: scikit-learn's `ElasticNet`, to its minimum.

    Parameters
    ----------
    alpha : the penalty, 0 or more.
    l1_ratio : the mixture, from 0 (ridge) to 1 (lasso).
    standardize : whether to penalise the coefficients of standardised columns.
    fit_intercept, missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "elasticnet"
    _called: ClassVar[Mapping[str, str]] = {"fit_intercept": "centerY", "alpha": "lambda", "l1_ratio": "eta"}
    alpha: float = 1.0
    _: KW_ONLY
    l1_ratio: float = 0.5
    standardize: bool = False
    fit_intercept: bool = True
    missing: str = "listwise"


@dataclass(eq=False, repr=False)
class Lasso(LinearRegressor):
    """A penalty on absolute coefficients, which selects columns: scikit-learn's `Lasso`, to its minimum.

    Parameters
    ----------
    alpha : the penalty, 0 or more.
    standardize, fit_intercept, missing : as for `ElasticNet`.
    """

    _algorithm: ClassVar[str] = "lasso"
    _called: ClassVar[Mapping[str, str]] = {"fit_intercept": "centerY", "alpha": "lambda"}
    alpha: float = 1.0
    _: KW_ONLY
    standardize: bool = False
    fit_intercept: bool = True
    missing: str = "listwise"
