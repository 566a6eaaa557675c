"""Questions that statistics answer without a model: moments, tests, tables, collinearity, components."""

from federation.explore.drift import DRIFTS, Drift, drift
from federation.explore.metric import Metric
from federation.explore.metrics import METRICS, explore, find

__all__ = ["DRIFTS", "METRICS", "Drift", "Metric", "drift", "explore", "find"]
