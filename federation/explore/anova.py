"""One-way analysis of variance: do the means of several samples differ?

Samples are several columns, or one column in the groups that the targets make: 0/1 columns, or a whole
category for its levels. SSb and SSw are the sums of squares between and within samples, Ssgamma their total;
Df… the degrees of freedom, MS… the mean squares, F = MSb/MSw and P its upper tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from scipy import special

from federation.explore.metric import Metric
from federation.explore.samples import parts, whole
from federation.explore.sums import real
from federation.models.errors import ModelError
from federation.statistics import Moments


def anova(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """SSb SSw Dfb Dfw MSb MSw F P Ssgamma Dfgamma; raises `ModelError` without two samples that vary."""
    if targets and len(inputs) > 1:
        raise ModelError(
            "anova has groups, and several attributes beside them",
            "name one attribute by groups, or several attributes without groups",
        )
    samples = parts(moments, inputs[0], targets) if targets else [whole(moments, name) for name in inputs]
    if len(samples) < 2:
        raise ModelError(
            "anova compares two samples or more", "name several attributes, or one attribute by groups"
        )
    count = sum(sample.count for sample in samples)
    total = sum((sample.total for sample in samples), Fraction(0))
    within = sum((sample.scatter for sample in samples), Fraction(0))
    between = sum((sample.total * sample.mean for sample in samples), Fraction(0)) - total**2 / count
    df_between, df_within = len(samples) - 1, count - len(samples)
    if df_within < 1 or within <= 0:
        raise ModelError("nothing varies within the samples", "name attributes that vary, or learn more rows")
    mean_between, mean_within = between / df_between, within / df_within
    f = real(mean_between / mean_within)
    return {
        "SSb": real(between),
        "SSw": real(within),
        "Dfb": float(df_between),
        "Dfw": float(df_within),
        "MSb": real(mean_between),
        "MSw": real(mean_within),
        "F": f,
        "P": float(special.fdtrc(df_between, df_within, f)),
        "Ssgamma": real(between + within),
        "Dfgamma": float(df_between + df_within),
    }


METRICS: Final = (
    Metric(
        "anova", "whether several means differ: columns, or a column by groups", anova, (1, None), (0, None)
    ),
)
