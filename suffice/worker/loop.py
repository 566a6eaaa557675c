"""The loop of a worker: take an uplet, do it, post what came of it; as many at a time as it was told to.

A program's failure is posted and ends nothing. What the worker cannot judge (it stops, its disk is full)
gives the uplet back. While an uplet is worked on its task is pinged; one that is ours no longer is dropped.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from node.errors import NodeError
from node.sandbox import Limits, check_sandbox, interpreter_prefixes, remove_folder
from suffice.wire import AuthenticationFailed, CannotReachNode, NodeRefused, SufficeError
from suffice.worker.blobs import Blobs
from suffice.worker.calls import MorpheoCalls, Uplet
from suffice.worker.hearing import Hearing
from suffice.worker.learning import learn
from suffice.worker.predicting import predict
from suffice.worker.programs import Failed, Sandbox, Stopped
from suffice.worker.workplace import workplace

PING_SECONDS = 60.0

HEARD_POLL_SECONDS = 60.0
"""How often a worker looks that hears on NATS what becomes ready: hints may be lost."""

_MOST_LOGGED = 8000  # characters of what a program said


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """python: what runs a `main.py`; at_once: uplets at a time.

    most: uplets after which it ends; until_empty: it ends when nothing is ready and nothing under way here.
    post_output: what programs print is shown to those who may read the task, and they have seen private data.
    """

    python: Path
    limits: Limits
    at_once: int = 1
    most: int | None = None
    until_empty: bool = False
    poll_seconds: float = 5.0
    cache_bytes: int = 2 << 30
    post_output: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker did. given_back: uplets that it released, or that were taken from it."""

    done: int = 0
    failed: int = 0
    given_back: int = 0


class Worker:
    """One worker process. `run` blocks until the work is over or `stop` is called from another thread or a
    signal handler. tell: hears a line at every step; stopping: set by `stop`, so that the calls give up."""

    def __init__(
        self,
        calls: MorpheoCalls,
        settings: WorkerSettings,
        tell: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self._calls, self._settings, self._tell = calls, settings, tell
        self._stopping = stopping
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._changes = 0
        self._left = settings.most
        self._busy = 0
        self._outcome = Outcome()
        self._trouble: Exception | None = None

    def stop(self) -> None:
        """End what runs, give back what it worked on, and return from `run`."""
        self._stopping.set()

    def run(self) -> Outcome:
        """Work. Raises SufficeError, NodeError or OSError for what is no program's fault."""
        check_sandbox()
        prefixes = interpreter_prefixes(self._settings.python)
        with workplace() as place, Hearing(self._calls, self._wake, self._tell) as hearing:
            (place / "blobs").mkdir()
            settings = self._settings
            sandbox = Sandbox(settings.python, prefixes, settings.limits, self._stopping, place)
            blobs = Blobs(self._calls, place / "blobs", settings.cache_bytes)
            slots = [
                threading.Thread(target=self._slot, args=(place, blobs, sandbox, hearing), daemon=True)
                for _ in range(settings.at_once)
            ]
            for slot in slots:
                slot.start()
            for slot in slots:
                while slot.is_alive():
                    slot.join(0.1)  # in between, signals are heard
        if self._trouble is not None:
            raise self._trouble
        return self._outcome

    def _slot(self, place: Path, blobs: Blobs, sandbox: Sandbox, hearing: Hearing) -> None:
        try:
            while not self._stopping.is_set():
                seen = self._changes
                uplet = self._take()
                if uplet is not None:
                    self._do(uplet, place, blobs, sandbox)
                elif self._is_over():
                    break
                else:
                    self._wait(seen, HEARD_POLL_SECONDS if hearing.hears else self._settings.poll_seconds)
        except Exception as error:
            self._trouble = self._trouble or error
            self.stop()
        finally:
            self._wake()

    def _is_over(self) -> bool:
        with self._turn:
            return self._left == 0 or (self._settings.until_empty and self._busy == 0)

    def _take(self) -> Uplet | None:
        """The next uplet that this worker gets."""
        with self._turn:
            if self._left == 0:
                return None
            for uplet in _in_order(self._calls.ready()):
                if self._stopping.is_set():
                    break
                if self._calls.take(uplet):
                    self._busy += 1
                    self._left = None if self._left is None else self._left - 1
                    return uplet
            return None

    def _do(self, uplet: Uplet, place: Path, blobs: Blobs, sandbox: Sandbox) -> None:
        work = Path(mkdtemp(prefix="uplet-", dir=place))
        outcome = "given_back"
        try:
            with _pinging(self._calls, uplet, self._stopping) as lost:
                outcome = self._perform(uplet, blobs, replace(sandbox, stop=lost), work)
        finally:
            remove_folder(work)
            with self._turn:
                self._busy -= 1
                count = getattr(self._outcome, outcome) + 1
                self._outcome = replace(self._outcome, **{outcome: count})
            self._wake()

    def _perform(self, uplet: Uplet, blobs: Blobs, sandbox: Sandbox, work: Path) -> str:
        """Do it and post what came of it: done, failed or given_back."""
        what = _named(uplet)
        begun = time.monotonic()
        self._tell(f"{what}: begun")
        perform = learn if uplet.kind == "learnuplet" else predict
        try:
            result, said = perform(uplet, self._calls, blobs, sandbox, work)
            if said and self._settings.post_output:
                self._log(uplet, said[-_MOST_LOGGED:], "info")
            if not self._calls.holds(uplet):
                raise Stopped
            self._calls.post_result(uplet, result)
        except Stopped:
            return self._given_back(uplet, "stopped")
        except Failed as failure:
            return self._failed(uplet, failure)
        except (AuthenticationFailed, CannotReachNode, NodeError, OSError):
            # Not the program's fault, and the next uplet would fare no better.
            self._given_back(uplet, "given back: the worker is in trouble")
            raise
        except SufficeError as error:
            return self._failed(uplet, Failed(str(error)))
        perf = f", performance {result['perf']:.6g}" if "perf" in result else ""
        self._tell(f"{what}: done in {time.monotonic() - begun:.1f} s{perf}")
        return "done"

    def _failed(self, uplet: Uplet, failure: Failed) -> str:
        if not self._calls.holds(uplet):  # what it was refused may be due to that
            return self._given_back(uplet, failure.reason)
        self._tell(f"{_named(uplet)}: failed: {failure.reason}")
        if failure.said:
            self._tell(failure.said[-_MOST_LOGGED:])
        told = failure.reason
        if failure.said and self._settings.post_output:
            told += f"\n{failure.said[-_MOST_LOGGED:]}"
        self._log(uplet, told, "error")
        self._calls.post_result(uplet, {"status": "failed"})
        return "failed"

    def _log(self, uplet: Uplet, message: str, level: str) -> None:
        try:
            self._calls.log(uplet, message, level)
        except NodeRefused as error:  # it is a word beside the work
            self._tell(f"{_named(uplet)}: its log takes nothing: {error.message}")

    def _given_back(self, uplet: Uplet, why: str) -> str:
        self._tell(f"{_named(uplet)}: {why}")
        try:
            if self._calls.holds(uplet):
                self._calls.release(uplet)
            else:
                self._tell(f"{_named(uplet)}: it is not ours any more")
        except SufficeError as error:  # it goes stale
            self._tell(f"{_named(uplet)}: could not be given back ({error.message})")
        return "given_back"

    def _wake(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _wait(self, seen: int, seconds: float) -> None:
        """Until something changes or so many seconds have passed."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._changes == seen and not self._stopping.is_set() and time.monotonic() < until:
                self._changed.wait(min(0.2, seconds))  # a signal handler can only set a flag


class _Either:
    """Set as soon as one of two events is."""

    def __init__(self, first: threading.Event, second: threading.Event) -> None:
        self._events = (first, second)

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


@contextmanager
def _pinging(calls: MorpheoCalls, uplet: Uplet, stopping: threading.Event) -> Iterator[_Either]:
    """Ping an uplet's task within the context; the event is set if it is ours no more, or we stop."""
    over, lost = threading.Event(), threading.Event()

    def ping() -> None:
        while not over.wait(PING_SECONDS):
            try:
                if not calls.ping(uplet):
                    lost.set()
            except CannotReachNode:
                continue  # it may come back before the claim goes stale
            except SufficeError:
                lost.set()

    pinging = threading.Thread(target=ping, daemon=True)
    pinging.start()
    try:
        yield _Either(stopping, lost)
    finally:
        over.set()
        pinging.join()


def _in_order(uplets: list[Uplet]) -> list[Uplet]:
    """Predictions first, somebody waits for them; and in any order within a kind, so that many workers do not
    all reach for the same."""
    first = [uplet for uplet in uplets if uplet.kind == "preduplet"]
    then = [uplet for uplet in uplets if uplet.kind == "learnuplet"]
    random.shuffle(first)
    random.shuffle(then)
    return [*first, *then]


def _named(uplet: Uplet) -> str:
    if uplet.kind == "learnuplet":
        return f"learnuplet {uplet.uuid} (rank {uplet['rank']})"
    return f"preduplet {uplet.uuid}"
