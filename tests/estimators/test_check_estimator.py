"""Every check that scikit-learn has for estimators, on every estimator of ours.

Only its check of arrays of other libraries is left out: they are an experiment of SciPy's that has to be
switched on before SciPy is imported, and numbers are counted in NumPy here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from suffice import estimators

ALL = [getattr(estimators, name)() for name in estimators.__all__]


def checks() -> Iterator[Any]:
    for estimator in ALL:
        for checked, check in estimator_checks_generator(estimator):
            name = check.func.__name__
            if "array_api" not in name:
                yield pytest.param(checked, check, id=f"{type(estimator).__name__}-{name}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_it_is_an_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
