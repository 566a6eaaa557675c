"""The names of everything on the bus: pure functions from tokens to subjects, and who may use which.

    suffice.<federation>.state.<slot...>            the latest value of a slot (its manifest)
    suffice.<federation>.chunk.<slot...>.<a|b>.<i>  the chunks of a large value
    suffice.<federation>.changed.<slot...>          the server's word that a value was committed
    suffice.<federation>.events.<node>.<kind>       passing events, at most once
    suffice.uplets.<node>.<train|prediction>        work that waits for a worker, at most once

Chunks stand beside the state and not below it, so that whoever watches a federation's state is not sent
every chunk of it. A token is 1 to 64 of `A-Za-z0-9_-`; a pattern may also hold `*` (one token) and end in
`>` (one token or more), as in NATS.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ROOT = "suffice"
STATE, CHUNK, CHANGED, EVENTS = "state", "chunk", "changed", "events"
UPLETS = "uplets"
MAX_TOKENS = 12

# What each role writes and reads, as slots: "{node}" and "{invitation}" stand for the peer's own token.
MEMBER_WRITES = (("leave", "{node}"), ("statistics", "*", "{node}"))
INVITEE_WRITES = (("join", "{invitation}"),)
INVITEE_READS = (("join", "{invitation}"), ("welcome", "{invitation}"), ("charter", "*"))

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_KINDS = (STATE, CHUNK, CHANGED, EVENTS)


class SubjectError(ValueError):
    """A token, subject or pattern that the bus does not carry."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The subjects that a peer may publish to and subscribe to; patterns as in NATS."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    def __or__(self, other: "Permissions") -> "Permissions":
        """Both together: a node that is in two federations of one server."""
        return Permissions(
            tuple(dict.fromkeys(self.publish + other.publish)),
            tuple(dict.fromkeys(self.subscribe + other.subscribe)),
        )


def token(text: str) -> str:
    """`text` itself if it is a token, else `SubjectError`."""
    if not _TOKEN.match(text):
        raise SubjectError(f"{text[:80]!r} is no token of a subject: use 1 to 64 of A-Z a-z 0-9 _ -")
    return text


def state(federation: str, *slot: str) -> str:
    """The subject under which a slot's latest value is put and got."""
    return _subject(federation, STATE, map(token, slot))


def state_pattern(federation: str, *slot: str) -> str:
    """As `state`, but tokens may be `*` and the last one `>`."""
    return check_pattern(_subject(federation, STATE, slot))


def events(federation: str, node: str, kind: str) -> str:
    return _subject(federation, EVENTS, map(token, (node, kind)))


def events_pattern(federation: str, node: str = "*", kind: str = "*") -> str:
    return check_pattern(_subject(federation, EVENTS, (node, kind)))


def uplets(node: str, topic: str) -> str:
    """Where a node says that work of a topic (train, prediction) waits for a worker."""
    return ".".join((ROOT, UPLETS, token(node), token(topic)))


def uplets_pattern(node: str) -> str:
    """The pattern that matches all work of a node."""
    return ".".join((ROOT, UPLETS, token(node), "*"))


def everything(federation: str) -> str:
    """The pattern that matches all that passes in a federation."""
    return f"{ROOT}.{token(federation)}.>"


def slot_of(subject: str) -> tuple[str, tuple[str, ...]]:
    """The federation and the slot that a state subject stands for."""
    federation, kind, rest = _split(subject)
    if kind != STATE:
        raise SubjectError(f"{subject[:200]!r} is not the subject of a state")
    return federation, tuple(map(token, rest))


def chunks(subject: str, side: str) -> str:
    """What the subjects of a value's chunks on side a or b begin with; the chunk's index follows."""
    return f"{_sibling(subject, CHUNK)}.{token(side)}."


def changed(pattern: str) -> str:
    """Where the server announces commits to the state subjects that `pattern` matches."""
    return _sibling(pattern, CHANGED)


def federation_of(pattern: str) -> str:
    """The federation that a state subject or pattern lies in."""
    federation, kind, _ = _split(pattern)
    if kind != STATE:
        raise SubjectError(f"{pattern[:200]!r} does not lie in the state of a federation")
    return token(federation)


def stream(federation: str) -> str:
    """The name of the JetStream stream that holds a federation's state."""
    return f"{ROOT}_{token(federation)}"


def stream_subjects(federation: str) -> tuple[str, str]:
    return f"{ROOT}.{token(federation)}.{STATE}.>", f"{ROOT}.{token(federation)}.{CHUNK}.>"


def inbox(key: str) -> str:
    """The prefix of the subjects on which the holder of a bus key (its public NKEY) gets its replies."""
    return f"_INBOX.{token(key)}"


def check_subject(subject: str) -> str:
    """`subject` itself if every part of it is a token, else `SubjectError`."""
    for part in _parts(subject):
        token(part)
    return subject


def check_pattern(pattern: str) -> str:
    """`pattern` itself if every part of it is a token, `*`, or `>` at the end, else `SubjectError`."""
    parts = _parts(pattern)
    for place, part in enumerate(parts):
        if part != "*" and not (part == ">" and place == len(parts) - 1):
            token(part)
    return pattern


def is_literal(pattern: str) -> bool:
    return not ({"*", ">"} & set(pattern.split(".")))


def matches(pattern: str, subject: str) -> bool:
    """Whether NATS delivers what is published to `subject` to a subscriber of `pattern`."""
    wanted, given = pattern.split("."), subject.split(".")
    for place, part in enumerate(wanted):
        if part == ">":
            return len(given) > place
        if place >= len(given) or part not in ("*", given[place]):
            return False
    return len(wanted) == len(given)


def admin_permissions() -> Permissions:
    """Everything: the admin's node made the server, the streams and the users."""
    return Permissions((">",), (">",))


def member_permissions(federation: str, node: str, key: str) -> Permissions:
    """Reads all of its federation; writes its own slots and events; hears its own inbox.

    Arguments: the federation's token, the node's id (a token) and its bus key (public NKEY).
    """
    own = [state_pattern(federation, *_fill(slot, node=node)) for slot in MEMBER_WRITES]
    gets = f"$JS.API.DIRECT.GET.{stream(federation)}"
    publish = (*_writes(own), f"{ROOT}.{token(federation)}.{EVENTS}.{token(node)}.>", gets, f"{gets}.>")
    return Permissions(publish, (everything(federation), f"{inbox(key)}.>"))


def invitee_permissions(federation: str, invitation: str, key: str) -> Permissions:
    """Writes its join slot, reads the answer and the charters, one by one: it may not list what there is."""
    own = [state_pattern(federation, *_fill(slot, invitation=invitation)) for slot in INVITEE_WRITES]
    reads = [state_pattern(federation, *_fill(slot, invitation=invitation)) for slot in INVITEE_READS]
    gets = f"$JS.API.DIRECT.GET.{stream(federation)}"
    chunks = [f"{_sibling(subject, CHUNK)}.*.*" for subject in reads]
    publish = (*_writes(own), *(f"{gets}.{subject}" for subject in (*reads, *chunks)))
    return Permissions(publish, (*map(changed, reads), f"{inbox(key)}.>"))


def hearer_permissions(node: str, key: str) -> Permissions:
    """Hears which work of a node waits, and its own inbox, which is also all that it may write to: a list of
    nothing would be no limit."""
    own = f"{inbox(key)}.>"
    return Permissions((own,), (uplets_pattern(node), own))


def _writes(patterns: Iterable[str]) -> list[str]:
    return [subject for own in patterns for subject in (own, f"{_sibling(own, CHUNK)}.*.*")]


def _fill(slot: tuple[str, ...], **own: str) -> tuple[str, ...]:
    return tuple(part.format(**{name: token(value) for name, value in own.items()}) for part in slot)


def _subject(federation: str, kind: str, rest: Iterable[str]) -> str:
    parts = [ROOT, token(federation), kind, *rest]
    if len(parts) < 4:
        raise SubjectError("a slot has at least one token")
    return ".".join(_within(parts))


def _split(pattern: str) -> tuple[str, str, list[str]]:
    root, federation, kind, *rest = [*_parts(check_pattern(pattern)), "", "", ""]
    rest = rest[:-3]
    if root != ROOT or kind not in _KINDS or not rest:
        raise SubjectError(f"{pattern[:200]!r} is not {ROOT}.<federation>.<{'|'.join(_KINDS)}>.<...>")
    return federation, kind, rest


def _sibling(pattern: str, kind: str) -> str:
    federation, old, rest = _split(pattern)
    if old != STATE:
        raise SubjectError(f"{pattern[:200]!r} does not lie in the state of a federation")
    return ".".join((ROOT, federation, kind, *rest))


def _parts(pattern: str) -> list[str]:
    return _within(pattern.split("."))


def _within(parts: list[str]) -> list[str]:
    if len(parts) > MAX_TOKENS:
        raise SubjectError(f"a subject has at most {MAX_TOKENS} tokens, not {len(parts)}")
    return parts
