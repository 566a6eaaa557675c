"""Names of things that people name."""

from __future__ import annotations

from typing import Any

from node.tracking.errors import NameTooShort

SHORTEST = 3
"""Characters of a name at least, without the spaces around it."""


def check_name(name: Any, thing: str) -> None:
    """Raises NameTooShort."""
    if not isinstance(name, str) or len(name.strip()) < SHORTEST:
        raise NameTooShort(
            f"{name!r} is too short for the name of a {thing}", f"use {SHORTEST} letters or more"
        )
