"""Where those who read page by page are: opaque ids for places, few and for a while."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from node.tracking.errors import UnknownScroll

P = TypeVar("P")

LIFETIME = 3600.0
"""Seconds for which a place is kept."""

MOST = 10_000
"""Places kept at most; the oldest goes first."""


class Scrolls:
    """Places by id. They outlive no restart: a page asked for after one begins anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: OrderedDict[str, tuple[float, object]] = OrderedDict()

    def keep(self, place: object) -> str:
        """The id under which a place is found again. Every place has its own: a page that was lost on its
        way can be asked for again."""
        name = secrets.token_hex(16)
        self._places[name] = (self._clock() + LIFETIME, place)
        if len(self._places) > MOST:
            self._places.popitem(last=False)
        return name

    def find(self, scroll: str, kind: type[P]) -> P:
        """The place, which must be one of this kind. Raises UnknownScroll."""
        until, place = self._places.get(scroll, (0.0, None))
        if not isinstance(place, kind) or until < self._clock():
            self.clear(scroll)
            raise UnknownScroll(f"there is no scroll {scroll[:64]!r}", "begin again without a scroll id")
        return place

    def clear(self, scroll: str) -> None:
        """Forget a place; nothing happens if there is none."""
        self._places.pop(scroll, None)
