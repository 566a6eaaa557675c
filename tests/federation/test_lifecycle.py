"""The tables, alone."""

import pytest

from federation.errors import LocalProtocolError
from federation.lifecycle import LISTENS, TRANSITIONS, Event, State, after, listens
from federation.slot import LENGTHS, charter_slot, is_slot, project_token, statistics_slot


def test_every_state_has_its_row():
    assert TRANSITIONS.keys() == LISTENS.keys() == set(State)


def test_a_membership_begins_is_wished_away_and_ends():
    state = State.JOINING
    for event, then in (
        (Event.ADMITTED, State.MEMBER),
        (Event.WISHED, State.LEAVING),
        (Event.REMOVED, State.LEFT),
    ):
        state = after(state, event)
        assert state is then


@pytest.mark.parametrize("state", [State.LEFT, State.REJECTED])
def test_an_end_is_an_end(state):
    assert not any(listens(state, admin, kind) for admin in (True, False) for kind in LENGTHS)
    for event in Event:
        with pytest.raises(LocalProtocolError, match=f"a node that is {state.value} cannot be {event.value}"):
            after(state, event)


def test_only_the_admin_hears_requests_and_wishes():
    for kind in ("join", "leave"):
        assert [state for state in State if listens(state, False, kind)] == []
        assert [state for state in State if listens(state, True, kind)] == [State.MEMBER]


def test_slots_are_tuples_of_tokens():
    assert charter_slot(3) == ("charter", "00000003")
    assert statistics_slot("flights 2013", "ab") == ("statistics", project_token("flights 2013"), "ab")
    assert is_slot(statistics_slot("päße", "0" * 32))
    assert not any(
        is_slot(slot) for slot in ((), ("charter", "a.b"), ("charter", "x" * 65), ("charter", "a\n"))
    )
