"""What tasks and models report: stored for queries, and handed to whoever listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from pydantic_core import to_json

from node.answers import LogLine
from node.events import batch as batches
from node.events import deleting, logs, owners, paging, plots, samples, scalars, series
from node.events.batch import Batch, Reported, Series
from node.events.kinds import SINGLE_ITERATION, TYPE_NAMES, Document, EventKind, Variants
from node.events.listening import Event, HeardKind, Listener, Listeners
from node.events.reporting import Added, report
from node.events.scrolls import Scrolls
from node.store import Store

T = TypeVar("T")
P = ParamSpec("P")

_SCALAR = TYPE_NAMES[EventKind.SCALAR]

SUMMARY = "Summary"
"""The metric under which ClearML's clients report single values."""

LOG_PAGE = 5000
"""Lines that are read at once where a whole log is."""

BESIDE = 200
"""Events from which a batch is sorted in a thread, so that no other request waits for it."""


class Events:
    """One store of events for every task and model."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners = Listeners()
        self.scrolls = Scrolls()

    # --- what the node's own jobs report ------------------------------------------------------------------

    def log(self, task: str, message: str, level: str = "info") -> None:
        """A line of a job's log, on its way to the store when this returns."""
        self._submit({"task": task, "type": "log", "msg": message, "level": level})

    def scalar(self, task: str, metric: str, iteration: int, value: float) -> None:
        """A job's figure, on its way to the store when this returns."""
        named = {"metric": metric, "variant": metric}
        self._submit({"task": task, "type": _SCALAR, "iter": iteration, "value": value} | named)

    def tell_status(self, task: str, status: str, error: str | None = None) -> None:
        """That a task's change of status is committed."""
        self.tell(task, "status", {"status": str(status), "error": error})

    def tell(self, task: str, kind: HeardKind, body: dict[str, Any]) -> None:
        """What is kept with the task itself and needs no storing here."""
        self._listeners.tell(task, kind, lambda: [Event(task, kind, time.time(), body)])

    def keep_figures(
        self, connection: sa.Connection, task: str, kind: str, figures: Mapping[str, Any]
    ) -> None:
        """The Plotly figures of a job's result as plots of its task, in the caller's transaction."""
        shared = {"task": task, "type": "plot", "metric": kind}
        events = [
            shared | {"variant": name, "plot_str": to_json(figure, inf_nan_mode="null").decode()}
            for name, figure in figures.items()
        ]
        if events:
            report(connection, batches.sort(events))

    def keep_value(self, connection: sa.Connection, task: str, name: str, value: float) -> None:
        """A figure of a task's result, which has no course, in the caller's transaction."""
        named = {"metric": SUMMARY, "variant": name, "iter": SINGLE_ITERATION}
        report(connection, batches.sort([{"task": task, "type": _SCALAR, "value": value} | named]))

    def _submit(self, event: dict[str, Any]) -> None:
        batch = batches.sort([event])
        future = self._store.submit(lambda c: report(c, batch))
        # A lost line is no failure of the job that said it.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._tell(batch)

    # --- what others report -------------------------------------------------------------------------------

    async def add(self, events: Sequence[Any], worker: str | None = None) -> Added:
        """Store events (`node.events.batch.sort` says of which form); when this returns they can be read.

        A point with the task, kind, metric, variant and iteration (and key, of images) of an earlier one
        takes its place. Events that are not as they should be, of unknown tasks and of published ones are
        left out and counted. Raises EmptyBatch, MixedBatch, NothingAdded.
        """
        if len(events) < BESIDE:
            return await self._add(batches.sort(events, worker))
        return await self._add(await asyncio.to_thread(batches.sort, events, worker))

    async def _add(self, batch: Batch) -> Added:
        added = await self._store.write(lambda c: report(c, batch))
        self._tell(batch)
        return added

    # --- listening ----------------------------------------------------------------------------------------

    def listen(
        self, tasks: Iterable[str] | None = None, kinds: Iterable[str] | None = None
    ) -> AbstractContextManager[Listener]:
        """A listener to all events from now on; one that lags loses the oldest, and is told so."""
        return self._listeners.listen(tasks, kinds)

    def _tell(self, batch: Batch) -> None:
        for series_, reported in batch.series.items():
            kind: HeardKind = "scalar" if series_.kind is EventKind.SINGLE else series_.kind.value  # type: ignore[assignment]
            self._listeners.tell(series_.task, kind, partial(_points_heard, series_, reported, kind))
        for line in batch.logs:
            self._listeners.tell(line[0], "log", partial(_line_heard, line))

    # --- reading ------------------------------------------------------------------------------------------

    async def metrics(
        self, tasks: Sequence[str], kinds: Sequence[EventKind]
    ) -> dict[str, dict[str, list[str]]]:
        """{task: {metric: [variant, ...]}} of what was reported as these kinds, sorted."""
        found = [stored for kind in kinds for stored in paging.REPORTED[kind]]
        return await self._read(series.metrics_of, tasks, found)

    async def curves(
        self, tasks: Sequence[str], axis: scalars.Axis, samples_: int, metrics: Sequence[Variants] = ()
    ) -> list[scalars.Curve]:
        """The scalars of tasks or models along an axis, at most about `samples_` points each (0: all)."""
        return await self._read(scalars.curves, tasks, axis, samples_, metrics)

    async def points(
        self, place: scalars.PointsPlace, size: int, *, count: bool = False
    ) -> tuple[scalars.Points, scalars.PointsPlace]:
        """The next `size` points of a metric, as they were reported, and where one is then."""
        return await self._read(scalars.points, place, size, count=count)

    async def latest(self, task: str) -> list[scalars.Latest]:
        """The last value of every series of scalars."""
        return await self._read(scalars.latest, task)

    async def single_values(self, tasks: Sequence[str]) -> dict[str, list[scalars.SingleValue]]:
        """What was reported as one value, by task or model."""
        return await self._read(scalars.single_values, tasks)

    async def page(
        self, reading: paging.Reading, size: int, *, count: bool = False
    ) -> tuple[list[Document], paging.Reading, int | None]:
        """The next `size` events, where one is then, and if that is asked how many there are in all."""

        def read(connection: sa.Connection) -> tuple[list[Document], paging.Reading, int | None]:
            found, after = paging.page(connection, reading, size)
            return found, after, paging.count(connection, reading) if count else None

        return await self._store.read(read)

    async def last_plots(self, reading: plots.LastPlots) -> tuple[list[Document], int, plots.LastPlots]:
        """The next of the last plots, how many there are on all pages, and where one is then."""
        return await self._read(plots.last_plots, reading)

    async def courses(
        self, places: plots.Courses, count: int, *, earlier: bool
    ) -> tuple[list[list[plots.Iterations]], plots.Courses]:
        """For each course its next `count` iterations, and where one is then."""

        def read(connection: sa.Connection) -> tuple[list[list[plots.Iterations]], plots.Courses]:
            found = [plots.course(connection, at, places.kind, count, earlier=earlier) for at in places.each]
            return [page for page, _ in found], plots.Courses(places.kind, tuple(at for _, at in found))

        return await self._store.read(read)

    async def sample(
        self,
        task: str,
        kind: EventKind,
        metric: str,
        variant: str | None = None,
        iteration: int | None = None,
        *,
        own_metric: bool = True,
    ) -> samples.Sample | None:
        """The latest image of a metric and variant, or plots of a metric, at or before an iteration."""
        return await self._read(samples.at, task, kind, metric, variant, iteration, own_metric=own_metric)

    async def step(
        self, here: samples.Position, *, earlier: bool, next_iteration: bool = False
    ) -> samples.Sample | None:
        """The neighbour of a sample; None if there is none that way."""
        return await self._read(samples.step, here, earlier=earlier, next_iteration=next_iteration)

    async def log_page(
        self, task: str, size: int, *, earlier: bool, beyond: int | None = None
    ) -> tuple[list[logs.LogEvent], int]:
        """The next lines beyond a time in unix ms, and how many lines there are in all."""

        def read(connection: sa.Connection) -> tuple[list[logs.LogEvent], int]:
            found = logs.page(connection, task, size, earlier=earlier, beyond=beyond)
            return found, logs.count(connection, task)

        return await self._store.read(read)

    async def log_pages(self, task: str) -> AsyncIterator[list[logs.LogEvent]]:
        """The whole log, page by page, in order."""
        after = None
        while lines := await self._read(logs.slice_of, task, LOG_PAGE, descending=False, after=after):
            yield lines
            after = (lines[-1].timestamp, lines[-1].number)

    async def log_lines(self, task: str) -> list[LogLine]:
        """A job's whole log, with the lines that are on their way."""
        await self._store.write(lambda _: None)
        found = await self._read(logs.every, task)
        return [LogLine(line.timestamp / 1000, line.level or "", line.message) for line in found]

    # --- deleting -----------------------------------------------------------------------------------------

    async def delete(self, owner: str, *, of_model: bool = False, allow_locked: bool = False) -> bool:
        """Everything that a task or model reported, unless it is locked; the space is free when this returns.
        Returns whether there was anything. Raises what `owners.check_open` does."""

        def check(connection: sa.Connection) -> list[int]:
            owners.check_open(connection, owner, of_model=of_model, allow_locked=allow_locked)
            return deleting.series_numbers(connection, [owner])

        # Bit by bit, so that no other write waits long behind it, and the rest in one piece.
        for number in await self._store.write(check):
            while await self._store.write(lambda c, number=number: deleting.thin_out(c, number)):  # type: ignore[misc]
                pass
        deleted = await self._store.write(lambda c: deleting.delete(c, [owner]))
        await self._store.reclaim()
        return deleted > 0

    async def clear_log(
        self,
        task: str,
        before: int | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        *,
        allow_locked: bool = False,
    ) -> int:
        """Delete a task's log lines before a time in unix ms; returns how many. Raises what
        `owners.check_open` does."""

        def clear(connection: sa.Connection) -> int:
            owners.check_open(connection, task, of_model=False, allow_locked=allow_locked)
            return logs.clear(connection, task, before, include, exclude)

        return await self._store.write(clear)

    async def names(self, ids: Sequence[str], *, of_models: bool = False) -> dict[str, str]:
        """What tasks or models are called. Raises UnknownTask, UnknownModel."""
        return await self._store.read(lambda c: owners.names(c, ids, of_models=of_models))

    async def _read(
        self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **options: P.kwargs
    ) -> T:
        return await self._store.read(lambda c: work(c, *args, **options))


def _points_heard(series_: Series, reported: Reported, kind: HeardKind) -> Iterator[Event]:
    """What listeners hear of a series: the values of scalars; of what is larger, where it is to be found."""
    for row in reported.rows:
        body: dict[str, Any] = {"metric": series_.metric, "variant": series_.variant, "iteration": row[0]}
        if kind == "scalar":
            body["value"] = row[1]
        yield Event(series_.task, kind, row[-1] / 1000, body)


def _line_heard(line: tuple[str, int, str | None, str | None, str | None, str]) -> Iterator[Event]:
    task, stamp, level, _, _, message = line
    yield Event(task, "log", stamp / 1000, {"level": level, "message": message})
