"""The histograms of numeric attributes, as models take them: of inputs that have values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from federation.models.errors import ModelError
from federation.statistics import Moments, StatisticsError
from federation.statistics.distribution import Buckets, buckets


def filled_buckets(moments: Moments, names: Sequence[str]) -> Buckets:
    """The buckets of numeric attributes; raises `ModelError` without histograms, or if one has no values."""
    try:
        found = buckets(moments, names)
    except StatisticsError as error:
        raise ModelError(error.message, error.remedy) from error
    empty = np.flatnonzero(np.diff(found.starts) == 0)
    if empty.size:
        raise ModelError(f"{names[empty[0]]!r} is missing in every row", "leave it out")
    return found
