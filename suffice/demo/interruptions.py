"""Ctrl-C at any moment, and nothing left behind: signals that raise once, and never while clearing up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


class Interruptions:
    """Turns the first signal into one ``KeyboardInterrupt``; later ones are ignored.

    An exception may strike between any two instructions, so also just as a ``finally`` begins. Since it
    strikes once only, a ``finally`` around another one cannot be hit again: that is where
    :func:`clearing_up` clears up.
    """

    def __init__(self) -> None:
        self._armed = False
        self._pending = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise KeyboardInterrupt
        self._pending = True

    def arm(self) -> None:
        """From here on a signal strikes, also one that came before."""
        self._armed = True
        self._strike_if_pending()

    def disarm(self) -> None:
        self._armed = False

    @contextlib.contextmanager
    def held_off(self) -> Iterator[None]:
        """A signal inside strikes at the end: for what must be done whole (start *and* remember)."""
        self._armed = False
        try:
            yield
        finally:
            self._armed = True
        self._strike_if_pending()

    def _strike_if_pending(self) -> None:
        if self._pending:
            self._armed = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """The signals come here instead of to the interpreter; main thread only."""
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def clearing_up(play: Callable[[Interruptions], T], clear: Callable[[], None]) -> T:
    """Run ``play``; whatever ends it, be it a signal at any instruction, ``clear`` runs to its end."""
    signals = Interruptions()
    with signals.handled():
        try:
            try:
                signals.arm()
                return play(signals)
            finally:
                signals.disarm()
        finally:
            clear()
