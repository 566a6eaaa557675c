"""Estimators of numbers by way of components of the columns, and by a machine that penalises its errors."""

from __future__ import annotations

from typing import Any, ClassVar

from suffice.estimators.regression import LinearRegressor


class PartialLeastSquares(LinearRegressor):
    """Partial least squares for one target: scikit-learn's `PLSRegression`.

    Parameters
    ----------
    n_components : how many components; as many as there are features, if these are fewer.
    scale : whether to divide the columns by their standard deviations.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "plsq"

    def __init__(self, n_components: int = 2, *, scale: bool = True, missing: str = "listwise") -> None:
        self.n_components = n_components
        self.scale = scale
        self.missing = missing

    def _options(self) -> dict[str, Any]:
        return {
            "missing": self.missing,
            "q": min(self.n_components, self.n_features_in_),
            "oneq": True,
            "standardize": self.scale,
        }


class PrincipalComponentRegression(LinearRegressor):
    """Least squares on the leading principal components: scikit-learn's `PCA`, then `LinearRegression`.

    Parameters
    ----------
    n_components : how many components; None takes as many as have the lowest AICc.
    scale : whether to divide the columns by their standard deviations first.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "pcr"

    def __init__(
        self, n_components: int | None = None, *, scale: bool = True, missing: str = "listwise"
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.missing = missing

    def _options(self) -> dict[str, Any]:
        return {"missing": self.missing, "q": self.n_components, "standardize": self.scale}


class ProximalSVR(LinearRegressor):
    """Linear proximal support vector regression: ridge whose intercept is penalised as well.

    Parameters
    ----------
    nu : the weight of the errors, above 0.
    missing : "listwise" or "mean", as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "lsvr"

    def __init__(self, nu: float = 1.0, *, missing: str = "listwise") -> None:
        self.nu = nu
        self.missing = missing

    def _options(self) -> dict[str, Any]:
        return {"missing": self.missing, "sml_model_svm_nu": self.nu}
