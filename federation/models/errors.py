"""The one error of models and exploration, and how names are listed in its messages."""

from __future__ import annotations

from collections.abc import Sequence


class ModelError(ValueError):
    """A model or answer that the statistics cannot give; the message names what is wrong and the remedy."""


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
