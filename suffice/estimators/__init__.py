"""Estimators that follow scikit-learn's conventions and learn `Moments`: the extra `sklearn`.

They are fitted to sums instead of rows, so they add rows, forget rows, and start from a federation's
statistics; scikit-learn is imported here and nowhere else.
"""

from suffice.estimators.classification import LinearDiscriminantAnalysis
from suffice.estimators.decomposition import PCA
from suffice.estimators.regression import LinearRegression, Ridge

__all__ = ["PCA", "LinearDiscriminantAnalysis", "LinearRegression", "Ridge"]
