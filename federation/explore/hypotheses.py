"""Tests of one or two means, variances or proportions, under SymetryML's keys.

Two samples are two columns (inputs, or an input and a target), or one column in two groups: two 0/1 columns
as targets, or one category with two levels. p-values are two-sided. Variances are the unbiased ones, and the
…s1, …s2 of an answer their square roots. z tests take the normal law, with the variances as if known; `t` is
Student's test with the pooled variance, `tu` that of Welch (1947) with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from scipy import special

from federation.explore.metric import Metric, needed
from federation.explore.samples import Sample, indicator, is_category, parts, whole
from federation.explore.sums import real
from federation.models.algorithm import Parameter, number
from federation.models.errors import ModelError
from federation.statistics import Moments


def ztest(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """z = (mean₁ - mean₂)/√(s₁²/n₁ + s₂²/n₂)."""
    a, b = two_samples(moments, inputs, targets)
    z = _ratio(a.mean - b.mean, a.variance / a.count + b.variance / b.count, a, b)
    return _described("z", a, b) | {"z": z, "zp": normal_p(z)}


def ttest(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """Student's test of equal variances (t, tdf, tp) and Welch's of unequal ones (tu, tdfu, tpu)."""
    a, b = two_samples(moments, inputs, targets)
    difference, df = a.mean - b.mean, a.count + b.count - 2
    error_a, error_b = a.variance / a.count, b.variance / b.count
    pooled = (a.scatter + b.scatter) / df
    t = _ratio(difference, pooled * (Fraction(1, a.count) + Fraction(1, b.count)), a, b)
    welch = _ratio(difference, error_a + error_b, a, b)
    welch_df = real((error_a + error_b) ** 2 / (error_a**2 / (a.count - 1) + error_b**2 / (b.count - 1)))
    return _described("t", a, b) | {
        "t": t,
        "tdf": float(df),
        "tp": student_p(t, df),
        "tu": welch,
        "tdfu": welch_df,
        "tpu": student_p(welch, welch_df),
    }


def ftest(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """f = s₁²/s₂², with n₁ - 1 and n₂ - 1 degrees of freedom."""
    a, b = two_samples(moments, inputs, targets)
    if b.variance == 0:
        raise ModelError(f"{b.name!r} is constant", "name an attribute that varies")
    f = real(a.variance / b.variance)
    df_a, df_b = a.count - 1, b.count - 1
    p = 2.0 * min(float(special.fdtr(df_a, df_b, f)), float(special.fdtrc(df_a, df_b, f)))
    return _described("f", a, b) | {"fdf1": float(df_a), "fdf2": float(df_b), "f": f, "fp": min(p, 1.0)}


def ztestp(moments: Moments, inputs: Sequence[str], targets: Sequence[str], /) -> dict[str, float]:
    """z = (p₁ - p₂)/√(p(1 - p)(1/n₁ + 1/n₂)) of two proportions, p being that of both together."""
    names = [*inputs, *targets]
    if len(names) == 2 and not any(is_category(moments, name) for name in names):
        for name in names:
            indicator(moments, name)
    else:
        indicator(moments, names[0])
    a, b = two_samples(moments, inputs, targets)
    share = (a.total + b.total) / (a.count + b.count)
    z = _ratio(a.mean - b.mean, share * (1 - share) * (Fraction(1, a.count) + Fraction(1, b.count)), a, b)
    return {"z": z, "zp": normal_p(z)}


def ztestmu(
    moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /, mu: float | None = None
) -> dict[str, float]:
    """z = (mean - mu)/(s/√n)."""
    z = _from_known(moments, inputs[0], mu)
    return {"z": z, "zp": normal_p(z)}


def ttestmu(
    moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /, mu: float | None = None
) -> dict[str, float]:
    """t = (mean - mu)/(s/√n), with n - 1 degrees of freedom."""
    t = _from_known(moments, inputs[0], mu)
    return {"t": t, "tp": student_p(t, whole(moments, inputs[0]).count - 1)}


def ftestmu(
    moments: Moments, inputs: Sequence[str], _targets: Sequence[str], /, sigma: float | None = None
) -> dict[str, float]:
    """f = s²/sigma²; (n - 1)·f follows chi-square with n - 1 degrees of freedom."""
    known = needed("sigma", sigma)
    if known <= 0.0:
        raise ModelError(f"sigma is {known}", "give a standard deviation above 0")
    sample = whole(moments, inputs[0])
    f, df = real(sample.variance / Fraction(known) ** 2), sample.count - 1
    p = 2.0 * min(float(special.chdtr(df, df * f)), float(special.chdtrc(df, df * f)))
    return {"f": f, "fp": min(p, 1.0)}


def two_samples(moments: Moments, inputs: Sequence[str], targets: Sequence[str]) -> tuple[Sample, Sample]:
    """The two samples that a question names; raises `ModelError` if it does not name two."""
    names = [*inputs, *targets]
    if len(names) == 2 and not is_category(moments, names[1]):
        return whole(moments, names[0]), whole(moments, names[1])
    groups = names[1:]
    if len(inputs) == 2 and targets:
        raise ModelError("two attributes are two samples already", "leave the targets out, or one attribute")
    found = parts(moments, names[0], groups)
    if len(found) != 2:
        raise ModelError(
            f"there are {len(found)} samples, not two",
            "name two attributes, or one attribute and two groups "
            "(0/1 attributes or levels, or a category with two levels)",
        )
    return found[0], found[1]


def normal_p(z: float) -> float:
    """P(|Z| > |z|) of the standard normal law."""
    return 2.0 * float(special.ndtr(-abs(z)))


def student_p(t: float, df: float) -> float:
    """P(|T| > |t|) of Student's law."""
    return 2.0 * float(special.stdtr(df, -abs(t)))


def _from_known(moments: Moments, name: str, mu: float | None) -> float:
    """(mean - mu)/(s/√n)."""
    known = Fraction(needed("mu", mu))
    sample = whole(moments, name)
    return _ratio(sample.mean - known, sample.variance / sample.count, sample)


def _ratio(difference: Fraction, squared_error: Fraction, *samples: Sample) -> float:
    """difference/√squared_error, the quotient being exact before its root is taken."""
    if squared_error <= 0:
        names = " and ".join(repr(sample.name) for sample in samples)
        raise ModelError(
            f"{names} {'is' if len(samples) == 1 else 'are'} constant", "name attributes that vary"
        )
    return math.sqrt(real(difference**2 / squared_error)) * (1.0 if difference >= 0 else -1.0)


def _described(letter: str, a: Sample, b: Sample) -> dict[str, float]:
    return {
        f"{letter}n1": float(a.count),
        f"{letter}n2": float(b.count),
        f"{letter}m1": real(a.mean),
        f"{letter}m2": real(b.mean),
        f"{letter}s1": math.sqrt(real(a.variance)),
        f"{letter}s2": math.sqrt(real(b.variance)),
    }


_MU: Final = Parameter("mu", number, "the known mean (needed)")
METRICS: Final = (
    Metric("ztest", "whether two means differ, by the normal law", ztest, (1, 2), (0, 2)),
    Metric("ztestp", "whether two proportions (of 0/1 attributes) differ", ztestp, (1, 2), (0, 2)),
    Metric(
        "ztestmu",
        "whether a mean differs from mu, by the normal law",
        ztestmu,
        (1, None),
        (0, 0),
        (_MU,),
        True,
    ),
    Metric("ttest", "whether two means differ, by Student's and by Welch's test", ttest, (1, 2), (0, 2)),
    Metric(
        "ttestmu",
        "whether a mean differs from mu, by Student's test",
        ttestmu,
        (1, None),
        (0, 0),
        (_MU,),
        True,
    ),
    Metric("ftest", "whether two variances differ", ftest, (1, 2), (0, 2)),
    Metric(
        "ftestmu",
        "whether a standard deviation differs from sigma",
        ftestmu,
        (1, None),
        (0, 0),
        (Parameter("sigma", number, "the known standard deviation (needed)"),),
        True,
    ),
)
