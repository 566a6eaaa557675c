"""Transformers: principal components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from suffice.estimators.learned import Learned

FloatArray = NDArray[np.float64]


@dataclass(eq=False, repr=False)
class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Learned):  # type: ignore[misc]
    """Principal components of the covariance matrix, or of the correlation matrix.

    Parameters
    ----------
    n_components : how many to keep; all if None.
    correlation : whether to standardise the columns first.
    missing : as for `LinearRegression`.
    """

    _algorithm: ClassVar[str] = "pca"
    _called: ClassVar[Mapping[str, str]] = {"n_components": "dimensions"}
    n_components: int | None = None
    _: KW_ONLY
    correlation: bool = False
    missing: str = "listwise"

    @property
    def components_(self) -> FloatArray:
        """Weights of the columns in each component, (components, columns)."""
        return np.array(self.model_.components)

    @property
    def explained_variance_(self) -> FloatArray:
        """The components' variances, largest first."""
        return np.array(self.model_.explained_variance)

    @property
    def explained_variance_ratio_(self) -> FloatArray:
        """Their shares of the total variance."""
        return np.array(self.model_.explained_ratio)

    @property
    def mean_(self) -> FloatArray:
        """The columns' means."""
        return np.array([column.mean for column in self.model_.columns])

    @property
    def n_components_(self) -> int:
        """How many components there are."""
        return len(self.model_.components)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def transform(self, X: Any) -> FloatArray:
        """The rows' scores on the components, (rows, components)."""
        table = self._inputs(X)
        return np.column_stack(list(self.model_.predict(table).values()))

    def inverse_transform(self, X: Any) -> FloatArray:
        """Scores back as columns, (rows, columns): the rows themselves if all components were kept."""
        scales = np.array([self.model_.scales[term] for term in self.model_.terms])
        return np.asarray(np.asarray(X) @ self.components_ * scales + self.mean_)
