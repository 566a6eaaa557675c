"""Sums that are kept up to date by exchange are the sums made anew, to the bit."""

import operator
from contextlib import suppress
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests_federation_tools import moments_of, schema_of

from federation.contribution import Contribution
from federation.errors import FusionError, RemoteProtocolError
from federation.fusion import RunningSum


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcdef"),
            st.tuples(st.sampled_from(["0.1", "0.01", "other"]), st.lists(st.integers(-99, 99), max_size=3)),
            min_size=1,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_running_sum_is_the_sum(states):
    """Whoever comes, goes or changes, and whatever schemas and units they bring."""
    running = RunningSum()
    for state in states:
        moments = {
            name: moments_of(values, schema_of(distance="1") if unit == "other" else schema_of(delay=unit))
            for name, (unit, values) in sorted(state.items())
        }
        parts = {name: Contribution.of("flights", 1, part) for name, part in moments.items()}
        fresh = reduce(operator.add, moments.values())
        assert running.of(parts, {}).digest() == fresh.digest()


def test_one_change_among_many_costs_one_exchange(moments, monkeypatch):
    running = RunningSum()
    parts = {str(n): Contribution.of("flights", 1, moments([float(n)])) for n in range(50)}
    running.of(parts, {})
    parts["7"] = Contribution.of("flights", 2, moments([1.0, 2.0]))
    opened = []
    plain = Contribution.open
    monkeypatch.setattr(Contribution, "open", lambda self: opened.append(self) or plain(self))
    running.of(parts, {})
    assert len(opened) == 2


def test_there_is_no_sum_of_nothing():
    with pytest.raises(FusionError):
        RunningSum().of({}, {})


def test_a_contribution_is_its_record(moments):
    contribution = Contribution.of("flights", 3, moments([1.0, 2.0]))
    again = Contribution.parse(contribution.record)
    assert again == contribution
    assert (again.version, again.rows, again.open()) == (3, 2, moments([1.0, 2.0]))
    assert again.moments_digest == Contribution.of("flights", 4, moments([1.0, 2.0])).moments_digest


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_other_bytes_are_no_contribution(data):
    with pytest.raises(RemoteProtocolError):
        Contribution.parse(data).open()


@settings(deadline=None)
@given(st.data())
def test_a_changed_record_is_refused_or_reads_as_something_else(data):
    """Never an exception of another kind: the moments' own reader is behind the same door."""
    record = bytearray(Contribution.of("flights", 3, moments_of([1.0, 2.0])).record)
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RemoteProtocolError):
        Contribution.parse(bytes(record)).open()
