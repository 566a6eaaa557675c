"""The fused project: the exact sum of the roster's latest contributions, and who is in it.

Integers subtract as exactly as they add, so a sum is kept and only what changed is exchanged in it: a new
contribution among two hundred costs one subtraction and one addition.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.contribution import Contribution
from federation.errors import FusionError
from federation.statistics import Moments, StatisticsError


@dataclass(frozen=True, slots=True)
class Included:
    """A contribution that is in an answer: whose, which version, how many rows."""

    node_id: str
    name: str
    version: int
    rows: int


@dataclass(frozen=True, slots=True)
class Fused:
    """The sum for a project, what is in it (sorted by node id), and the quorum it satisfied in which
    epoch."""

    project: str
    moments: Moments
    contributions: tuple[Included, ...]
    needed: int
    epoch: int


class RunningSum:
    """The sum of one project's contributions."""

    def __init__(self) -> None:
        self._parts: Mapping[str, Contribution] = {}
        self._total: Moments | None = None

    def of(self, parts: Mapping[str, Contribution], names: Mapping[str, str]) -> Moments:
        """The sum of `parts` (by node id, at least one). `names` are for the error.

        Raises `FusionError` if two members give an attribute different types.
        """
        if self._total is None or not self._exchangeable(parts):
            self._total, self._parts = None, {}
        total = self._total
        for node_id, old in self._parts.items():
            if total is not None and not _same(parts.get(node_id), old):
                total = total - old.open()
        for node_id, new in parts.items():
            if not _same(self._parts.get(node_id), new):
                total = _add(total, new, names.get(node_id, node_id))
        if total is None:
            raise FusionError("there is nothing to sum")
        self._total, self._parts = total, dict(parts)
        return total

    def _exchangeable(self, parts: Mapping[str, Contribution]) -> bool:
        """Whether exchanging parts gives the bits of a new sum, and is less work.

        The sum's schema is the union of its parts'. With the same set of schemas before and after it stays
        what it is; otherwise an attribute or a finer unit of a part that went would be left behind.
        """
        before = {part.schema for part in self._parts.values()}
        changed = sum(not _same(part, self._parts.get(node_id)) for node_id, part in parts.items())
        return before == {part.schema for part in parts.values()} and 2 * changed < len(parts)


def _same(one: Contribution | None, other: Contribution | None) -> bool:
    return one is not None and other is not None and one.digest == other.digest


def _add(total: Moments | None, part: Contribution, name: str) -> Moments:
    moments = part.open()
    if total is None:
        return moments
    try:
        return total + moments
    except StatisticsError as error:
        raise FusionError(
            f"project {part.project!r}: the contribution of {name!r} contradicts the others: {error}. "
            "Give the project a schema, or expel the member"
        ) from None
