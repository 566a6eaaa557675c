"""The one error of models and exploration, and how names are listed in its messages."""

from __future__ import annotations

from collections.abc import Sequence

from federation.statistics.errors import RefusedError


class ModelError(RefusedError):
    """A model or answer that the statistics cannot give."""

    def __init__(self, message: str, remedy: str) -> None:
        """There is always something to be done about it."""
        super().__init__(message, remedy)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
