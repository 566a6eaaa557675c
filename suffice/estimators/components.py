"""Estimators of numbers by way of components of the columns, and by a machine that penalises its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from suffice.estimators.regression import LinearRegressor


@dataclass(eq=False, repr=False)
class PartialLeastSquares(LinearRegressor):
    """Partial least squares for one target: scikit-learn's `PLSRegression`.

    Parameters
    ----------
    n_components : how many components; as many as there are features, if these are fewer.
    scale : whether to divide the columns by their standard deviations.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "plsq"
    n_components: int = 2
    _: KW_ONLY
    scale: bool = True
    missing: str = "listwise"

    def _options(self) -> dict[str, Any]:
        components = min(self.n_components, self.n_features_in_)
        return {"missing": self.missing, "standardize": self.scale, "q": components, "oneq": True}


@dataclass(eq=False, repr=False)
class PrincipalComponentRegression(LinearRegressor):
    """Least squares on the leading principal components: scikit-learn's `PCA`, then `LinearRegression`.

    Parameters
    ----------
    n_components : how many components; None takes as many as have the lowest AICc.
    scale : whether to divide the columns by their standard deviations first.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "pcr"
    _called: ClassVar[Mapping[str, str]] = {"n_components": "q", "scale": "standardize"}
    n_components: int | None = None
    _: KW_ONLY
    scale: bool = True
    missing: str = "listwise"


@dataclass(eq=False, repr=False)
class ProximalSVR(LinearRegressor):
    """Linear proximal support vector regression: ridge whose intercept is penalised as well.

    Parameters
    ----------
    nu : the weight of the errors, above 0.
    missing : "listwise" or "mean", as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "lsvr"
    _called: ClassVar[Mapping[str, str]] = {"nu": "sml_model_svm_nu"}
    nu: float = 1.0
    _: KW_ONLY
    missing: str = "listwise"
