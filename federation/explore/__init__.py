"""Questions that statistics answer without a model: one attribute, two attributes."""

from federation.explore.bivariate import bivariate
from federation.explore.univariate import univariate

__all__ = ["bivariate", "univariate"]
