"""Power sums of full blocks, at the magnitudes where another way of summing them begins."""

import numpy as np
import pytest

from federation.statistics.powers import POWER_BLOCK, PowerSums


@pytest.mark.parametrize("largest", [1, 2**20, 2**21, 2**21 + 1, 2**40 + 12345, 2**41, 2**41 + 2, 2**53])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, -1)])
def test_the_powers_of_a_full_block_are_those_of_python_integers(
    largest: int, signs: tuple[int, int]
) -> None:
    rng = np.random.default_rng(largest)
    integers = rng.integers(0, largest, POWER_BLOCK, endpoint=True)
    integers[: POWER_BLOCK // 2] = largest  # sums near their bounds
    integers *= rng.choice(signs, POWER_BLOCK)
    exact = integers.astype(object)
    found = PowerSums(POWER_BLOCK).sums(integers.astype(np.float64), float(largest))
    assert found == ((exact**3).sum(), (exact**4).sum())
