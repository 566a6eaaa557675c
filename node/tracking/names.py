"""Names of things that people name."""

from __future__ import annotations

from typing import Any

from node.tracking.errors import BadFieldValue, NameTooShort

SHORTEST = 3
"""Characters of a name at least, without the spaces around it."""

LONGEST = 1000
"""Characters of a name at most: what is found by an index must fit in one of its pages."""


def check_name(name: Any, thing: str) -> None:
    """Raises NameTooShort, and BadFieldValue for one that is too long."""
    if not isinstance(name, str) or len(name.strip()) < SHORTEST:
        raise NameTooShort(
            f"{name!r} is too short for the name of a {thing}", f"use {SHORTEST} letters or more"
        )
    if len(name) > LONGEST:
        raise BadFieldValue(f"the name of a {thing} has {len(name)} characters", f"use {LONGEST} at most")
