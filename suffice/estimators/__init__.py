"""Estimators that follow scikit-learn's conventions and learn `Moments`: the extra `sklearn`.

They are fitted to sums instead of rows, so they add rows, forget rows, and start from a federation's
statistics; scikit-learn is imported here and nowhere else.
"""

from suffice.estimators.classification import (
    LinearDiscriminantAnalysis,
    NaiveBayes,
    QuadraticDiscriminantAnalysis,
)
from suffice.estimators.components import PartialLeastSquares, PrincipalComponentRegression, ProximalSVR
from suffice.estimators.decomposition import PCA
from suffice.estimators.regression import ElasticNet, Lasso, LinearRegression, Ridge

__all__ = [
    "PCA",
    "ElasticNet",
    "Lasso",
    "LinearDiscriminantAnalysis",
    "LinearRegression",
    "NaiveBayes",
    "PartialLeastSquares",
    "PrincipalComponentRegression",
    "ProximalSVR",
    "QuadraticDiscriminantAnalysis",
    "Ridge",
]
