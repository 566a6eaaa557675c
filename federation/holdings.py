"""What a member holds: the latest contribution of each member to each project, and what it must not take
again.

Newer is (epoch, sequence) compared in this order: a member that joins anew counts its sequence from one, but
in a later epoch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from federation.contribution import Contribution
from federation.errors import RemoteProtocolError
from federation.slot import project_token
from federation.wire import Fields, fields_of

_FIELDS: Fields = {
    "project": str,
    "node_id": str,
    "epoch": int,
    "sequence": int,
    "signature": bytes,
    "digest": bytes,
    "received": float,
}


@dataclass(frozen=True, slots=True)
class Held:
    """The latest message in one statistics slot. `signature` covers every byte of it, so an equal signature
    is an equal message. `contribution` is None if it was authentic and yet could not be used."""

    epoch: int
    sequence: int
    signature: bytes
    contribution: Contribution | None
    received: float


class Holdings:
    """`Held` by (project token, node id)."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Held] = {}

    def get(self, token: str, node_id: str) -> Held | None:
        return self._held.get((token, node_id))

    def put(self, token: str, node_id: str, held: Held) -> Contribution | None:
        """Takes the newer message of a slot; returns the contribution that it replaces."""
        before = self._held.get((token, node_id))
        self._held[token, node_id] = held
        return None if before is None else before.contribution

    def remove(self, token: str, node_id: str) -> None:
        del self._held[token, node_id]

    def items(self) -> Iterator[tuple[str, str, Held]]:
        """(token, node id, held), safe against changes while iterating."""
        return iter([(token, node_id, held) for (token, node_id), held in self._held.items()])

    def of_member(self, node_id: str) -> Iterator[tuple[str, Contribution]]:
        """(token, contribution) of one member."""
        for token, sender, held in self.items():
            if sender == node_id and held.contribution is not None:
                yield token, held.contribution

    def of_project(self, project: str) -> dict[str, Contribution]:
        """Contribution by node id, in the canonical order."""
        token = project_token(project)
        found = {
            node_id: held.contribution
            for (slot_token, node_id), held in self._held.items()
            if slot_token == token and held.contribution is not None
        }
        return dict(sorted(found.items()))

    def to_list(self) -> list[dict[str, Any]]:
        """The index for a snapshot: all but the contributions themselves, which the node stores beside it."""
        return [
            {
                "project": token,
                "node_id": node_id,
                "epoch": held.epoch,
                "sequence": held.sequence,
                "signature": held.signature,
                "digest": b"" if held.contribution is None else held.contribution.digest,
                "received": held.received,
            }
            for (token, node_id), held in self._held.items()
        ]

    @classmethod
    def from_list(cls, index: Iterable[object], records: Iterable[bytes]) -> "Holdings":
        """The holdings of a snapshot, with the records that the node stored.

        A record that is missing or is not the one of the index is simply not held: its message is taken again
        when its slot is read, but nothing older is.
        """
        stored = _by_digest(records)
        holdings = cls()
        for value in index:
            entry = fields_of(value, "snapshot", _FIELDS)
            contribution = stored.get(entry["digest"])
            lost = contribution is None and entry["digest"] != b""
            holdings.put(
                entry["project"],
                entry["node_id"],
                Held(
                    entry["epoch"],
                    entry["sequence"] - lost,
                    b"" if lost else entry["signature"],
                    contribution,
                    entry["received"],
                ),
            )
        return holdings


def _by_digest(records: Iterable[bytes]) -> Mapping[bytes, Contribution]:
    stored: dict[bytes, Contribution] = {}
    for record in records:
        try:
            contribution = Contribution.parse(record)
        except RemoteProtocolError:
            continue  # a damaged record is a missing one
        stored[contribution.digest] = contribution
    return stored
