"""The shell around the job core: carries its instructions out and tells it what came of them.

Every change of status is queued in the store in the order in which the core decided it. A result is settled
(merged, stored) by the kind's own code in one transaction with the task's completion.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from node.errors import NodeError
from node.events import Events
from node.jobs import core, task_rows
from node.jobs.kinds import own_worker
from node.jobs.pipes import Message
from node.jobs.process import WorkerProcess
from node.store import Store
from node.tasks import Task, TaskStatus, now
from transport.tasks import end

_log = logging.getLogger(__name__)

Complete = Callable[[sa.Connection, dict[str, Any]], None]
"""Marks the task completed with this result, inside the transaction that keeps what it found."""


class TaskWork(Protocol):
    """What the node does for a task before and after its worker."""

    async def prepare(self, task: Task) -> tuple[Message, bytes]:
        """The request for the worker. Raises NodeError."""

    async def answer(self, task: Task, question: Message) -> Message:
        """The answer to what the worker asks while it runs."""

    async def settle(self, task: Task, result: dict[str, Any], blob: bytes, complete: Complete) -> None:
        """Keep what was found, calling `complete` in the same transaction. Raises NodeError."""


class JobRunner:
    """Runs the queued tasks of the store in worker processes, each with a folder of its own in `folder`."""

    def __init__(
        self,
        store: Store,
        events: Events,
        work: TaskWork,
        limit: int,
        idle_seconds: float,
        folder: Path,
        name: str,
    ) -> None:
        """name: the node's, with which those of its workers begin."""
        self._store, self._events, self._work, self._folder = store, events, work, folder
        self._core = core.JobCore(limit, idle_seconds)
        self._workers: dict[int, WorkerProcess] = {}
        self._on_worker: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._free = [own_worker(name, number) for number in reversed(range(limit))]
        self._results: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed: dict[str, asyncio.Event] = {}
        self._stopping = False
        self.live: dict[str, Task] = {}
        """Tasks that have not finished, with their progress."""

    async def start(self) -> None:
        """Queue again what was running when the node ended, and run what is queued."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)  # what a crash left there
        for task in await self._store.write(task_rows.requeue_interrupted):
            self.submit(task)

    async def stop(self) -> None:
        """End all workers. What was running stays so in the store and is queued again at the next start."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        for worker in self._workers.values():
            worker.kill()
        await asyncio.gather(*(worker.ended() for worker in list(self._workers.values())))
        await end(self._background)

    def submit(self, task: Task) -> None:
        """Run a task that is queued in the store."""
        self.live[task.id] = task
        timeout = task.parameters.get("timeout")
        self._feed(core.Submitted(task.id, task.priority, task.attempts, timeout))

    async def kill(self, task: str) -> None:
        """Stop a task, and wait until that is committed. Nothing happens to one that is being committed."""
        self._feed(core.KillRequested(task))
        await self._store.write(lambda _: None)  # behind the record of the stop

    def next_change(self, task: str) -> asyncio.Event:
        """Set when something about the task changes after this call; at once if it has finished.

        Take it before looking at the task, or a change in between is missed.
        """
        if task not in self.live:
            finished = asyncio.Event()
            finished.set()
            return finished
        return self._changed.setdefault(task, asyncio.Event())

    def worker_pids(self) -> list[int]:
        return [worker.pid for worker in self._workers.values() if worker.pid is not None]

    def busy(self) -> dict[str, int]:
        """The process ids of the workers that run tasks now, by the workers' names."""
        pids = {number: self._workers[number].pid for number in self._on_worker}
        return {self._names[number]: pid for number, pid in pids.items() if pid is not None}

    # --- events in, instructions out ----------------------------------------------------------------------

    def _feed(self, event: core.Event) -> None:
        if self._stopping:
            return
        instructions = self._core.handle(event, time.monotonic())
        takers = {given.task: given.worker for given in instructions if isinstance(given, core.Assign)}
        for instruction in instructions:
            match instruction:
                case core.StartWorker(worker):
                    self._start_worker(worker)
                case core.EndWorker(worker, kill):
                    self._on_worker.pop(worker, None)
                    self._workers[worker].kill() if kill else self._workers[worker].close()
                case core.Record():
                    self._record(instruction, takers.get(instruction.task))
                case core.Assign(worker, task):
                    self._on_worker[worker] = task
                    self._spawn(self._assign(worker, task))
                case core.Settle(task):
                    self._spawn(self._settle(task))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._core.next_deadline()
        if deadline is not None:
            delay = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._feed, core.Tick())

    def _start_worker(self, number: int) -> None:
        async def on_message(message: Message, blob: bytes) -> None:
            await self._on_message(number, message, blob)

        def on_exit(reason: str) -> None:
            del self._workers[number]
            self._free.append(self._names.pop(number))
            self._on_worker.pop(number, None)
            self._feed(core.WorkerLost(number, reason))

        self._names[number] = self._free.pop()
        worker = self._workers[number] = WorkerProcess(self._folder / str(number), on_message, on_exit)
        worker.start()

    async def _on_message(self, worker: int, message: Message, blob: bytes) -> None:
        if message["event"] == "ready":
            self._feed(core.WorkerReady(worker))
            return
        task = self._on_worker.get(worker)
        if task is None or self._stopping:
            return  # it was killed while this was on its way
        match message:
            case {"event": "progress", "current": current, "maximum": maximum}:
                if _percent(current, maximum) > _percent(self.live[task].current, self.live[task].maximum):
                    self._events.scalar(task, "progress", current, _percent(current, maximum))
                self._update(task, current=current, maximum=maximum)
                self._events.tell(task, "progress", {"current": current, "maximum": maximum})
            case {"event": "log", "message": text, "level": level}:
                self._events.log(task, text, level)
            case {"event": "scalar", "metric": metric, "iteration": iteration, "value": value}:
                self._events.scalar(task, metric, iteration, value)
            case {"event": "ask"}:
                await self._workers[worker].send(await self._work.answer(self.live[task], message))
            case {"event": "result", "result": result}:
                self._on_worker.pop(worker)
                self._results[task] = (result, blob)
                self._feed(core.Delivered(worker))
            case {"event": "error", "error": error}:
                self._on_worker.pop(worker)
                self._feed(core.Failed(worker, error))

    # --- instructions -------------------------------------------------------------------------------------

    def _record(self, record: core.Record, worker: int | None) -> None:
        values: dict[str, Any] = {"attempts": record.attempts}
        if record.status is TaskStatus.IN_PROGRESS:
            values["started"] = now()
        elif record.status is TaskStatus.QUEUED:
            values |= {"started": None, "current": 0, "maximum": 0}
        else:
            live = self.live[record.task]
            values |= {"error": record.error, "current": live.current, "maximum": live.maximum}
        taken = {} if worker is None else {"last_worker": self._names[worker], "last_worker_report": now()}
        committed = self._store.submit(
            lambda c: task_rows.move(c, record.task, record.status, **values, **taken)
        )
        if record.error is not None:
            self._events.log(record.task, record.error, "error")
        if not record.status.finished:
            self._update(record.task, status=record.status, **values)
        committed.add_done_callback(lambda done: self._recorded(record, done))

    def _recorded(self, record: core.Record, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            # The task is not lost: the store still has it, and the next start queues it again.
            _log.error("the state of task %s was not stored: %s", record.task, done.exception())
        self._events.tell_status(record.task, record.status, record.error)
        if record.status.finished:
            self._forget(record.task)

    async def _assign(self, worker: int, task: str) -> None:
        try:
            request, blob = await self._work.prepare(self.live[task])
            if self._on_worker.get(worker) == task:  # else it was killed meanwhile
                await self._workers[worker].send(request, blob)
        except Exception as error:  # also of what no frame can hold, of which nothing was sent then
            if self._on_worker.get(worker) == task:
                self._on_worker.pop(worker)
                self._feed(core.Failed(worker, _message(error)))

    async def _settle(self, task: str) -> None:
        result, blob = self._results.pop(task)
        live = self.live[task]

        def complete(connection: sa.Connection, answer: dict[str, Any]) -> None:
            task_rows.move(
                connection,
                task,
                TaskStatus.COMPLETED,
                result=answer,
                current=live.current,
                maximum=live.maximum,
            )
            self._events.keep_figures(connection, task, live.kind, answer.get("figures") or {})

        try:
            await self._work.settle(live, result, blob, complete)
        except Exception as error:
            self._feed(core.Settled(task, _message(error)))
            return
        self._feed(core.Settled(task))
        self._events.tell_status(task, TaskStatus.COMPLETED)
        self._forget(task)

    # --- what is known of live tasks ----------------------------------------------------------------------

    def _update(self, task: str, **values: Any) -> None:
        live = self.live.get(task)
        if live is not None:
            self.live[task] = replace(live, **values)
            self._signal(task)

    def _forget(self, task: str) -> None:
        """From now on the store knows best."""
        self.live.pop(task, None)
        self._signal(task)

    def _signal(self, task: str) -> None:
        event = self._changed.pop(task, None)
        if event is not None:
            event.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _percent(current: int, maximum: int) -> int:
    """How much is done, in whole percent: a job tells of it a hundred times at most."""
    return 100 * current // maximum if maximum > 0 else 0


def _message(error: Exception) -> str:
    if isinstance(error, NodeError):
        return f"{error.message}: {error.remedy}" if error.remedy else error.message
    _log.error("a task failed in a way that it should not", exc_info=error)
    return f"{type(error).__name__}: {error}"
