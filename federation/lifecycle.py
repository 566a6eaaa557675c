"""The life of one membership, as tables: which states there are, what moves between them, what each listens
to.

This file does not know how a message is checked or what it changes; `member` does, and asks here.

    JOINING --admitted--> MEMBER --wished--> LEAVING
       |                     |                  |
    rejected              removed            removed
       v                     v                  v
    REJECTED               LEFT               LEFT

Admission and removal are seen in a charter (is this node in its roster?), never in a message of their own: so
there is no message whose loss could leave a node in doubt.
"""

from enum import StrEnum

from federation.errors import LocalProtocolError
from federation.slot import CHARTER, JOIN, LEAVE, STATISTICS, WELCOME


class State(StrEnum):
    JOINING = "joining"
    MEMBER = "member"
    LEAVING = "leaving"
    REJECTED = "rejected"
    LEFT = "left"


class Event(StrEnum):
    ADMITTED = "admitted"
    REJECTED = "rejected"
    WISHED = "wished to leave"
    REMOVED = "removed"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.JOINING: {Event.ADMITTED: State.MEMBER, Event.REJECTED: State.REJECTED},
    State.MEMBER: {Event.WISHED: State.LEAVING, Event.REMOVED: State.LEFT},
    State.LEAVING: {Event.REMOVED: State.LEFT},
    State.REJECTED: {},
    State.LEFT: {},
}

# Kinds of slots that a state takes an interest in. The others are not wrong (a node may watch everything),
# they are somebody else's business and are passed over in silence.
LISTENS: dict[State, frozenset[str]] = {
    State.JOINING: frozenset({CHARTER, WELCOME, STATISTICS}),
    State.MEMBER: frozenset({CHARTER, STATISTICS}),
    State.LEAVING: frozenset({CHARTER, STATISTICS}),
    State.REJECTED: frozenset(),
    State.LEFT: frozenset(),
}

ADMIN_LISTENS = frozenset({CHARTER, STATISTICS, JOIN, LEAVE})


def after(state: State, event: Event) -> State:
    """The next state. Raises `LocalProtocolError` where the table has none."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise LocalProtocolError(f"a node that is {state.value} cannot be {event.value}") from None


def listens(state: State, is_admin: bool, kind: str) -> bool:
    return kind in (ADMIN_LISTENS if is_admin and state is State.MEMBER else LISTENS[state])
