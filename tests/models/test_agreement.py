"""Every model against an independent implementation, on real data; `pytest -s` prints how far they agree.

The cases are in the files `agreement_*.py` beside this one, a family of models in each. A case is a tuple
(algorithm, data set, what is compared, tolerance, run); run(learned, tabulated) returns our numbers and
those of the independent implementation, which may differ by `tolerance` of the largest of them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.statistics import Moments, Table

Case = tuple[str, str, str, float, Callable[..., tuple[Any, Any]]]


def cases() -> list[Case]:
    """Those of all families."""
    found: list[Case] = []
    for path in sorted(Path(__file__).parent.glob("agreement_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.CASES
    return found


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[..., None]]:
    """Prints a row."""
    print(f"\n{'model':24} {'data':14} {'compared':42} {'difference':>10} {'allowed':>8}")

    def row(algorithm: str, data: str, compared: str, difference: float, tolerance: float) -> None:
        print(f"{algorithm:24} {data:14} {compared:42} {difference:10.1e} {tolerance:8.0e}")

    yield row
    print()


@pytest.mark.parametrize("case", cases(), ids=lambda case: "-".join(case[:3]))
def test_agreement(
    case: Case,
    table: Callable[..., None],
    learned: Callable[..., Moments],
    tabulated: Callable[[dict[str, Any]], Table],
) -> None:
    algorithm, data, compared, tolerance, run = case
    ours, theirs = (np.asarray(values, dtype=np.float64) for values in run(learned, tabulated))
    assert ours.shape == theirs.shape and np.all(np.isfinite(ours))
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    table(algorithm, data, compared, difference, tolerance)
    assert difference <= tolerance
