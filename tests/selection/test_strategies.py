"""Strategies know only gains: what they try, keep and leave is seen by sending them gains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from federation.models import ModelError
from federation.selection.options import Options, read_options
from federation.selection.strategies import STRATEGIES, Subset, expected


def followed(selector: str, inputs: int, gain: Callable[[Subset], float], **options: object) -> list[Subset]:
    """All subsets that a strategy asks for."""
    asked: list[Subset] = []
    strategy = STRATEGIES[selector](inputs, Options(**options))  # type: ignore[arg-type]
    wanted = next(strategy)
    while True:
        asked += wanted
        try:
            wanted = strategy.send([gain(subset) for subset in wanted])
        except StopIteration:
            return asked


def best(asked: list[Subset], gain: Callable[[Subset], float]) -> Subset:
    return max(asked, key=gain)


def of_members(*helpful: int) -> Callable[[Subset], float]:
    """A gain of 1 for each helpful member, a loss of 0.1 for any other."""
    return lambda subset: sum(1.0 if i in helpful else -0.1 for i in subset)


@pytest.mark.parametrize("selector", ["fw_bw", "simple", "brute", "iteration"])
def test_each_finds_what_helps(selector: str) -> None:
    gain = of_members(1, 4, 5)
    assert best(followed(selector, 7, gain), gain) == (1, 4, 5)


def test_forward_and_backward_leaves_what_became_useless() -> None:
    def gain(subset: Subset) -> float:
        """0 is best alone, but 1 and 2 together say all that it says."""
        members = set(subset)
        return (3.0 if {1, 2} <= members else 2.0 if 0 in members else 1.0) + 0.1 * len(members & {1, 2})

    asked = followed("fw_bw", 3, gain)
    assert (0, 1, 2) in asked
    assert best(asked, lambda subset: gain(subset) - 0.01 * len(subset)) == (1, 2)
    assert (1, 2) in asked[asked.index((0, 1, 2)) :]


def test_an_attribute_must_help_by_more_than_delta() -> None:
    gain = of_members(0, 1)
    assert best(followed("fw_bw", 3, gain, delta=0.5), gain) == (0, 1)
    asked = followed("fw_bw", 3, gain, delta=1.5)
    assert asked[:5] == [(0,), (1,), (2,), (0, 1), (0, 2)]
    assert (0, 1, 2) not in asked


def test_simple_tries_each_alone_and_then_each_once_more() -> None:
    gain = of_members(2)
    asked = followed("simple", 4, gain)
    assert asked[:4] == [(0,), (1,), (2,), (3,)]
    assert asked[4:] == [(0, 2), (1, 2), (2, 3)]
    assert len(asked) == expected(4, Options(selector="simple"))


def test_brute_force_tries_every_subset_once() -> None:
    asked = followed("brute", 8, of_members(1))
    assert len(asked) == len(set(asked)) == 255 == expected(8, Options(selector="brute"))
    with pytest.raises(ModelError, match="at most 17"):
        next(STRATEGIES["brute"](18, Options(selector="brute")))


def test_drawn_subsets_are_those_of_their_seed() -> None:
    gain = of_members(1, 2)
    first, again = (followed("iteration", 9, gain, seed=3, max_iterations=100) for _ in range(2))
    assert first == again
    assert len(first) == 100
    assert all(subset and subset == tuple(sorted(set(subset))) for subset in first)
    assert first != followed("iteration", 9, gain, seed=4, max_iterations=100)
    assert {len(subset) for subset in first} >= {1, 5, 8}


def test_nothing_that_can_be_fitted_ends_every_search() -> None:
    for selector in STRATEGIES:
        assert followed(selector, 5, lambda _: float("-inf"), max_iterations=20)


def test_options_are_read_from_text_under_symetryml_s_names() -> None:
    options, rest = read_options(
        {
            "selector_type": "selector_type_iteration",
            "selector_max_iterations": "7",
            "selector_max_seconds": "1.5",
            "rnd_seed": "12",
            "sml_model_assessment_type": "mcc",
            "autoselect_grid_type": "large",
            "missing": "mean",
        }
    )
    assert options == Options("iteration", "mcc", 7, 1.5, 12, "large", 0.0)
    assert rest == {"missing": "mean"}
    assert read_options({"selector_type": "brute"})[0].selector == "brute"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("selector_type", "selector_type_genetic", "fw_bw, simple, brute or iteration"),
        ("selector_max_iterations", "0", "1 or more"),
        ("selector_max_iterations", "1.5", "whole"),
        ("selector_max_seconds", "-1", "0 or more"),
        ("autoselect_grid_type", "huge", "tiny, small, normal or large"),
        ("sml_model_assessment_type", 3, "must be a name"),
    ],
)
def test_options_that_cannot_be_read_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_options({name: value})
