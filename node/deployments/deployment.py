"""What a deployment is: versions of a model that score files, keys that select it, and a price."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from node.errors import BadRequest

MOST_GROUP: Final = 1_000_000_000
MOST_PRICE: Final = 1_000_000_000
"""Records of a group, and units that a group may cost."""

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
_NUMBER: Final = re.compile(r"(.*?)(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of what is deployed, which never changes but for `active`.

    kind: model, onnx or script. origin: what it was made of. schema: {"input_type", "input", "output_type",
    "output"}, as `node.scoring` has it.
    """

    deployment: str
    version: str
    kind: str
    active: bool
    owner: str
    created: float
    origin: dict[str, Any]
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed model. Each group of up to `group_size` records costs `price` units of $0.001.

    versions: the newest first; current: the one that scores if a job names none, None if there is none.
    """

    name: str
    owner: str
    group_size: int
    price: int
    created: float
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version | None:
        return next((version for version in self.versions if version.active), None)

    def cost(self, records: int) -> tuple[int, int]:
        """Groups and units of so many records."""
        groups = -(-records // self.group_size)
        return groups, groups * self.price


def check_terms(group_size: int, price: int) -> None:
    """Raise BadRequest for a group without records, and for numbers out of range."""
    if not 1 <= group_size <= MOST_GROUP:
        raise BadRequest(
            f"a group of {group_size} records is not possible", f"give 1 to {MOST_GROUP:,} records"
        )
    if not 0 <= price <= MOST_PRICE:
        raise BadRequest(
            f"a price of {price} units is not possible", f"give 0 to {MOST_PRICE:,} units of $0.001"
        )


def check_version(version: str) -> None:
    """Raise BadRequest unless this can name a version."""
    if not _VERSION.fullmatch(version):
        raise BadRequest(
            f"{version[:80]!r} cannot name a version", "give up to 64 letters, digits, dots, such as 0.0.1"
        )


def following(version: str | None) -> str:
    """The version after one: its last number, one higher."""
    if version is None:
        return "0.0.1"
    found = _NUMBER.fullmatch(version)
    return f"{version}.1" if found is None else f"{found[1]}{int(found[2]) + 1}"
