"""scikit-learn's own checks of what calls itself an estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from suffice import estimators

ALL = [getattr(estimators, name)() for name in estimators.__all__]

EXPECTED_FAILURES: dict[str, dict[str, str]] = {}
"""Estimator, then check, then the reason."""


def expected_failures(estimator: Any) -> dict[str, str]:
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


@parametrize_with_checks(ALL, expected_failed_checks=expected_failures)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_is_an_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
