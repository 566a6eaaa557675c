"""The job core alone: events in, instructions out."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.jobs.core import (
    MAX_ATTEMPTS,
    Assign,
    Delivered,
    EndWorker,
    Failed,
    JobCore,
    KillRequested,
    Record,
    Settle,
    Settled,
    Stage,
    StartWorker,
    Submitted,
    Tick,
    WorkerLost,
    WorkerReady,
    WorkerState,
)
from node.tasks import TRANSITIONS, IllegalTransitionError, TaskStatus, check_transition

Q, R, S, F = TaskStatus.QUEUED, TaskStatus.IN_PROGRESS, TaskStatus.STOPPED, TaskStatus.FAILED


@pytest.fixture
def core() -> JobCore:
    return JobCore(limit=1, idle_seconds=60)


def test_a_task_starts_a_worker_runs_and_is_settled(core: JobCore) -> None:
    assert core.handle(Submitted("a"), 0) == [StartWorker(1)]
    assert core.handle(WorkerReady(1), 1) == [Record("a", R, 0), Assign(1, "a")]
    assert core.handle(Delivered(1), 2) == [Settle("a")]
    assert core.stage("a") is Stage.SETTLING
    assert core.handle(Settled("a"), 3) == []
    assert core.stage("a") is None


def test_a_warm_worker_is_used_again_and_ended_when_idle(core: JobCore) -> None:
    run(core, Submitted("a"), WorkerReady(1), Delivered(1), Settled("a"))
    assert core.handle(Submitted("b"), 10) == [Record("b", R, 0), Assign(1, "b")]
    assert core.handle(Delivered(1), 20) == [Settle("b")]
    assert core.next_deadline() == 80
    assert core.handle(Tick(), 79) == []
    assert core.handle(Tick(), 80) == [EndWorker(1, kill=False)]


def test_higher_priority_runs_earlier_and_equal_priority_in_order(core: JobCore) -> None:
    run(core, Submitted("a"), Submitted("b"), Submitted("c", priority=5))
    events = [WorkerReady(1), Delivered(1), Delivered(1)]
    instructions = [instruction for event in events for instruction in core.handle(event, 0)]
    assert [i.task for i in instructions if isinstance(i, Assign)] == ["c", "a", "b"]


def test_killing_a_running_task_ends_its_worker_and_the_next_task_gets_a_new_one(core: JobCore) -> None:
    run(core, Submitted("a"), Submitted("b"), WorkerReady(1))
    assert core.handle(KillRequested("a"), 0) == [EndWorker(1, kill=True), Record("a", S, 0)]
    assert core.handle(WorkerLost(1, "signal 9"), 0) == [StartWorker(2)]


def test_killing_a_waiting_task_leaves_the_workers_alone(core: JobCore) -> None:
    run(core, Submitted("a"), Submitted("b"), WorkerReady(1))
    assert core.handle(KillRequested("b"), 0) == [Record("b", S, 0)]


def test_a_result_that_is_being_committed_cannot_be_killed(core: JobCore) -> None:
    run(core, Submitted("a"), WorkerReady(1), Delivered(1))
    assert core.handle(KillRequested("a"), 0) == []


def test_a_task_whose_worker_dies_is_tried_again_but_not_for_ever(core: JobCore) -> None:
    run(core, Submitted("a"))
    for attempt in range(1, MAX_ATTEMPTS):
        core.handle(WorkerReady(attempt), 0)
        assert core.handle(WorkerLost(attempt, "signal 11"), 0) == [
            Record("a", Q, attempt),
            StartWorker(attempt + 1),
        ]
    core.handle(WorkerReady(MAX_ATTEMPTS), 0)
    [record] = core.handle(WorkerLost(MAX_ATTEMPTS, "signal 11"), 0)
    assert record == Record("a", F, 3, "its worker process ended 3 times over it, last: signal 11")


def test_an_error_of_the_task_is_not_retried(core: JobCore) -> None:
    run(core, Submitted("a"), WorkerReady(1))
    assert core.handle(Failed(1, "no such column"), 0) == [Record("a", F, 0, "no such column")]


def test_a_task_that_runs_too_long_is_ended(core: JobCore) -> None:
    run(core, Submitted("a", timeout=5), WorkerReady(1))
    assert core.next_deadline() == 5
    assert core.handle(Tick(), 4.9) == []
    assert core.handle(Tick(), 5) == [
        EndWorker(1, kill=True),
        Record("a", F, 0, "it ran longer than its 5 s"),
    ]


def test_a_refused_commit_fails_the_task(core: JobCore) -> None:
    run(core, Submitted("a"), WorkerReady(1), Delivered(1))
    assert core.handle(Settled("a", "more was forgotten than learned"), 0) == [
        Record("a", F, 0, "more was forgotten than learned")
    ]


def test_workers_that_never_come_up_fail_the_tasks_instead_of_being_started_for_ever(core: JobCore) -> None:
    run(core, Submitted("a"), WorkerLost(1, "exit 1"), WorkerLost(2, "exit 1"))
    assert core.handle(WorkerLost(3, "exit 1"), 0) == [
        Record("a", F, 0, "no worker process could be started: exit 1")
    ]


def run(core: JobCore, *events) -> None:
    for event in events:
        core.handle(event, 0)


def test_only_neighbouring_states_of_a_task_are_allowed() -> None:
    assert TRANSITIONS.keys() == {Q, R}
    check_transition(Q, R)
    with pytest.raises(IllegalTransitionError, match="published cannot become queued"):
        check_transition(TaskStatus.PUBLISHED, Q)


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens in whatever order: every task ends once and passes only through legal states."""

    def __init__(self) -> None:
        super().__init__()
        self.core = JobCore(limit=3, idle_seconds=10)
        self.now = 0.0
        self.status: dict[str, TaskStatus] = {}
        self.settling: set[str] = set()

    def feed(self, event) -> None:
        for instruction in self.core.handle(event, self.now):
            match instruction:
                case Record(task, status):
                    check_transition(self.status[task], status)
                    self.status[task] = status
                case Settle(task):
                    self.settling.add(task)

    def of_state(self, state: WorkerState) -> list[int]:
        return [n for n, worker in self.core.workers.items() if worker.state is state]

    @rule(priority=st.integers(-2, 2), timeout=st.none() | st.floats(1, 5))
    def submit(self, priority: int, timeout: float | None) -> None:
        task = f"t{len(self.status)}"
        self.status[task] = Q
        self.feed(Submitted(task, priority, timeout=timeout))

    @precondition(lambda self: self.of_state(WorkerState.STARTING))
    @rule(data=st.data())
    def ready(self, data) -> None:
        self.feed(WorkerReady(data.draw(st.sampled_from(self.of_state(WorkerState.STARTING)))))

    @precondition(lambda self: self.core.workers)
    @rule(data=st.data())
    def lose(self, data) -> None:
        self.feed(WorkerLost(data.draw(st.sampled_from(sorted(self.core.workers))), "signal 9"))

    @precondition(lambda self: self.of_state(WorkerState.BUSY))
    @rule(data=st.data(), good=st.booleans())
    def end(self, data, good: bool) -> None:
        worker = data.draw(st.sampled_from(self.of_state(WorkerState.BUSY)))
        self.feed(Delivered(worker) if good else Failed(worker, "bad"))

    @precondition(lambda self: self.settling)
    @rule(data=st.data(), error=st.none() | st.just("refused"))
    def settle(self, data, error: str | None) -> None:
        task = data.draw(st.sampled_from(sorted(self.settling)))
        self.settling.remove(task)
        if error is None:
            check_transition(self.status[task], TaskStatus.COMPLETED)
            self.status[task] = TaskStatus.COMPLETED
        self.feed(Settled(task, error))

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def kill(self, data) -> None:
        self.feed(KillRequested(data.draw(st.sampled_from(sorted(self.status)))))

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.feed(Tick())

    @invariant()
    def the_core_agrees_with_itself_and_with_what_it_recorded(self) -> None:
        self.core.validate()
        assert {task for task, status in self.status.items() if not status.finished} == set(self.core.jobs)

    def teardown(self) -> None:
        """Let everything run out: no task is left behind."""
        for _ in range(200):
            if not self.core.jobs:
                break
            for worker in self.of_state(WorkerState.STARTING):
                self.feed(WorkerReady(worker))
            for worker in self.of_state(WorkerState.ENDING):
                self.feed(WorkerLost(worker, "ended"))
            for worker in self.of_state(WorkerState.BUSY):
                self.feed(Delivered(worker))
            for task in sorted(self.settling):
                self.status[task] = TaskStatus.COMPLETED
                self.feed(Settled(task))
            self.settling.clear()
        assert all(status.finished for status in self.status.values())


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
