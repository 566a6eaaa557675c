"""The places where the federation's state is kept: which slots exist, and the tokens of their names.

Everything that travels is the latest value of a slot, so a lost, doubled or reordered message cannot change
the outcome. A slot is a tuple of tokens below the federation; each matches `[A-Za-z0-9_-]{1,64}`, so that a
node can map it to a subject of its bus. Who may write where:

    charter    <number>            the admin
    welcome    <invitation>        the admin: its answers to the join requests of one invitation
    join       <invitation>        whoever holds the invitation
    leave      <node>              that member
    statistics <project> <node>    that member
"""

import re
from hashlib import sha256

Slot = tuple[str, ...]

CHARTER = "charter"
WELCOME = "welcome"
JOIN = "join"
LEAVE = "leave"
STATISTICS = "statistics"

# Tokens per kind of slot, the kind included.
LENGTHS = {CHARTER: 2, WELCOME: 2, JOIN: 2, LEAVE: 2, STATISTICS: 3}

MAX_EPOCH = 99_999_999  # what fits into the eight digits of a charter's slot

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_PLAIN_PROJECT = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,63}\Z")


def charter_slot(number: int) -> Slot:
    return (CHARTER, f"{number:08d}")


def welcome_slot(invitation: str) -> Slot:
    return (WELCOME, invitation)


def join_slot(invitation: str) -> Slot:
    return (JOIN, invitation)


def leave_slot(node_id: str) -> Slot:
    return (LEAVE, node_id)


def statistics_slot(project: str, node_id: str) -> Slot:
    return (STATISTICS, project_token(project), node_id)


def project_token(project: str) -> str:
    """The project's name where it is a token by itself, else `_` and a hash of it.

    Names that start with `_` are hashed too, so that no name can look like the hash of another.
    """
    if _PLAIN_PROJECT.match(project):
        return project
    return "_" + sha256(project.encode()).hexdigest()[:40]


def is_token(token: object) -> bool:
    return isinstance(token, str) and _TOKEN.match(token) is not None


def is_slot(slot: Slot) -> bool:
    """Whether the tuple names a slot of this protocol."""
    return bool(slot) and all(map(is_token, slot)) and LENGTHS.get(slot[0]) == len(slot)
