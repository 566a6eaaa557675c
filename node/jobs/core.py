"""Which task runs when, and on which worker: decisions only.

`handle(event, now)` takes what happened and returns what to do, synchronously: no I/O, no clock, no await.
The shell (`node.jobs.runner`) carries the instructions out, and what comes of them is the next event; so any
history can be replayed from its list of events. What a task *does* is not known here.

A task passes through three stages: waiting, running on a worker, settling (its result has arrived whole and
is being committed). A worker is starting, idle, busy, or ending.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from node.tasks import TaskStatus

MAX_ATTEMPTS = 3
"""Workers that may die over one task before it is given up."""

MAX_FAILED_STARTS = 3
"""Workers in a row that end before they are ready, until we stop trying for the tasks at hand."""


# --- events -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task is to be run. timeout: seconds of running, None for no limit."""

    task: str
    priority: int = 0
    attempts: int = 0
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerReady:
    worker: int


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker's process has ended, for whatever reason."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The worker has delivered the task's whole result."""

    worker: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The task itself failed on its worker, which goes on living."""

    worker: int
    error: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The result was committed together with the task's completion, or (error) refused."""

    task: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class KillRequested:
    task: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event: TypeAlias = Submitted | WorkerReady | WorkerLost | Delivered | Failed | Settled | KillRequested | Tick


# --- instructions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartWorker:
    worker: int


@dataclass(frozen=True, slots=True)
class EndWorker:
    """End it at once if `kill` (it is busy with something unwanted), else by closing its pipe."""

    worker: int
    kill: bool


@dataclass(frozen=True, slots=True)
class Assign:
    worker: int
    task: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Commit the result that this worker delivered."""

    task: str


@dataclass(frozen=True, slots=True)
class Record:
    """Make this status of a task durable."""

    task: str
    status: TaskStatus
    attempts: int
    error: str | None = None


Instruction: TypeAlias = StartWorker | EndWorker | Assign | Settle | Record


# --- state ------------------------------------------------------------------------------------------------


class Stage(Enum):
    WAITING = auto()
    RUNNING = auto()
    SETTLING = auto()


class WorkerState(Enum):
    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    ENDING = auto()


@dataclass(slots=True)
class _Job:
    task: str
    priority: int
    order: int
    attempts: int
    timeout: float | None
    stage: Stage = Stage.WAITING
    deadline: float | None = None


@dataclass(slots=True)
class _Worker:
    state: WorkerState = WorkerState.STARTING
    task: str | None = None
    idle_since: float = 0.0


class JobCore:
    """The state of the queue and of the workers. limit: workers at most; idle ones stay idle_seconds."""

    def __init__(self, limit: int, idle_seconds: float) -> None:
        self.limit = limit
        self.idle_seconds = idle_seconds
        self.jobs: dict[str, _Job] = {}
        self.workers: dict[int, _Worker] = {}
        self._waiting: list[tuple[int, int, str]] = []  # a heap: highest priority first, then oldest
        self._submitted = 0
        self._started = 0
        self._failed_starts = 0

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """What to do about `event`. now: seconds on any clock that never goes back."""
        out: list[Instruction] = []
        match event:
            case Submitted():
                self._submit(event)
            case WorkerReady(worker):
                self._ready(worker, now)
            case WorkerLost(worker, reason):
                self._lost(worker, reason, out)
            case Delivered(worker):
                job = self._release(worker, now)
                job.stage = Stage.SETTLING
                out.append(Settle(job.task))
            case Failed(worker, error):
                self._finish(self._release(worker, now), TaskStatus.FAILED, error, out)
            case Settled(task, error):
                self._settled(task, error, out)
            case KillRequested(task):
                self._kill(task, out)
            case Tick():
                self._expire(now, out)
        self._dispatch(now, out)
        return out

    def stage(self, task: str) -> Stage | None:
        """Where an unfinished task is; None for any other."""
        job = self.jobs.get(task)
        return job.stage if job else None

    def next_deadline(self) -> float | None:
        """When the next Tick has something to do; None if time alone changes nothing."""
        times = [job.deadline for job in self.jobs.values() if job.deadline is not None]
        times += [
            worker.idle_since + self.idle_seconds
            for worker in self.workers.values()
            if worker.state is WorkerState.IDLE
        ]
        return min(times, default=None)

    def _submit(self, event: Submitted) -> None:
        assert event.task not in self.jobs, f"task {event.task} was submitted twice"  # noqa: S101
        self._submitted += 1
        job = _Job(event.task, event.priority, self._submitted, event.attempts, event.timeout)
        self.jobs[event.task] = job
        self._enqueue(job)

    def _enqueue(self, job: _Job) -> None:
        job.stage = Stage.WAITING
        job.deadline = None
        heapq.heappush(self._waiting, (-job.priority, job.order, job.task))

    def _ready(self, worker: int, now: float) -> None:
        self._failed_starts = 0
        record = self.workers[worker]
        if record.state is WorkerState.STARTING:
            record.state = WorkerState.IDLE
            record.idle_since = now

    def _release(self, worker: int, now: float) -> _Job:
        """The job of a busy worker, which is idle from now on."""
        record = self.workers[worker]
        assert record.state is WorkerState.BUSY, f"worker {worker} is {record.state}, not busy"  # noqa: S101
        assert record.task is not None  # noqa: S101
        job = self.jobs[record.task]
        job.deadline = None
        record.state, record.task, record.idle_since = WorkerState.IDLE, None, now
        return job

    def _lost(self, worker: int, reason: str, out: list[Instruction]) -> None:
        record = self.workers.pop(worker)
        if record.state is WorkerState.STARTING:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                self._failed_starts = 0
                for job in [job for job in self.jobs.values() if job.stage is Stage.WAITING]:
                    self._finish(job, TaskStatus.FAILED, f"no worker process could be started: {reason}", out)
        elif record.state is WorkerState.BUSY and record.task is not None:
            job = self.jobs[record.task]
            job.attempts += 1
            if job.attempts < MAX_ATTEMPTS:
                self._enqueue(job)
                out.append(Record(job.task, TaskStatus.QUEUED, job.attempts))
            else:
                error = f"its worker process ended {job.attempts} times over it, last: {reason}"
                self._finish(job, TaskStatus.FAILED, error, out)

    def _finish(self, job: _Job, status: TaskStatus, error: str | None, out: list[Instruction]) -> None:
        del self.jobs[job.task]
        out.append(Record(job.task, status, job.attempts, error))

    def _settled(self, task: str, error: str | None, out: list[Instruction]) -> None:
        if error is None:
            del self.jobs[task]  # completed in the very transaction that committed the result
        else:
            self._finish(self.jobs[task], TaskStatus.FAILED, error, out)

    def _kill(self, task: str, out: list[Instruction]) -> None:
        job = self.jobs.get(task)
        if job is None or job.stage is Stage.SETTLING:
            return  # too late: what is being committed is not torn up
        self._end_worker_of(task, out)
        self._finish(job, TaskStatus.STOPPED, None, out)

    def _end_worker_of(self, task: str, out: list[Instruction]) -> None:
        for number, worker in self.workers.items():
            if worker.task == task:
                worker.state, worker.task = WorkerState.ENDING, None
                out.append(EndWorker(number, kill=True))

    def _expire(self, now: float, out: list[Instruction]) -> None:
        for job in list(self.jobs.values()):
            if job.deadline is not None and now >= job.deadline:
                self._end_worker_of(job.task, out)
                self._finish(job, TaskStatus.FAILED, f"it ran longer than its {job.timeout:g} s", out)
        for number, worker in self.workers.items():
            if worker.state is WorkerState.IDLE and now >= worker.idle_since + self.idle_seconds:
                worker.state = WorkerState.ENDING
                out.append(EndWorker(number, kill=False))

    def _dispatch(self, now: float, out: list[Instruction]) -> None:
        idle = sorted(n for n, worker in self.workers.items() if worker.state is WorkerState.IDLE)
        for number in idle:
            job = self._next_waiting()
            if job is None:
                return
            heapq.heappop(self._waiting)
            job.stage = Stage.RUNNING
            job.deadline = None if job.timeout is None else now + job.timeout
            worker = self.workers[number]
            worker.state, worker.task = WorkerState.BUSY, job.task
            out += [Record(job.task, TaskStatus.IN_PROGRESS, job.attempts), Assign(number, job.task)]
        waiting = sum(job.stage is Stage.WAITING for job in self.jobs.values())
        starting = sum(worker.state is WorkerState.STARTING for worker in self.workers.values())
        for _ in range(min(waiting - starting, self.limit - len(self.workers))):
            self._started += 1
            self.workers[self._started] = _Worker()
            out.append(StartWorker(self._started))

    def _next_waiting(self) -> _Job | None:
        """The job at the head of the queue; entries of jobs that were stopped meanwhile are dropped."""
        while self._waiting:
            _, order, task = self._waiting[0]
            job = self.jobs.get(task)
            if job is not None and job.stage is Stage.WAITING and job.order == order:
                return job
            heapq.heappop(self._waiting)
        return None

    def validate(self) -> None:
        """Raise AssertionError if the state contradicts itself; for tests."""
        running = sorted(job.task for job in self.jobs.values() if job.stage is Stage.RUNNING)
        busy = sorted(
            worker.task or "" for worker in self.workers.values() if worker.state is WorkerState.BUSY
        )
        assert running == busy, f"running {running}, but the workers are busy with {busy}"  # noqa: S101
        assert len(self.workers) <= self.limit, "too many workers"  # noqa: S101
        queued = {task for _, _, task in self._waiting}
        waiting = {job.task for job in self.jobs.values() if job.stage is Stage.WAITING}
        assert waiting <= queued, f"lost from the queue: {waiting - queued}"  # noqa: S101
        if waiting and len(self.workers) < self.limit:
            starting = [w for w in self.workers.values() if w.state is WorkerState.STARTING]
            assert len(starting) >= len(waiting), "work waits although a worker could be started"  # noqa: S101
        assert not (waiting and any(w.state is WorkerState.IDLE for w in self.workers.values()))  # noqa: S101
