"""The table of a task's states, cell by cell as it was measured on the original server."""

from __future__ import annotations

import pytest

from node.tasks import TaskStatus
from node.tracking.errors import AlreadyQueued, UndeletableTask, WrongStatus
from node.tracking.task_states import FOLLOWING, Step, next_status

COLUMNS = ("created", "queued", "in_progress", "stopped", "closed", "failed", "completed", "published")

# A number is the code of the refusal; "" is gone; what was queued had been created before.
TABLE = """
enqueue                  queued       706          110          queued       110          110          110          110
dequeue                  created      created      created      stopped      closed       failed       completed    published
started                  in_progress  in_progress  in_progress  in_progress  110          110          in_progress  110
stop                     110          stopped      stopped      stopped      stopped      stopped      110          110
stopped                  110          stopped      stopped      stopped      stopped      stopped      110          110
failed                   110          110          failed       failed       failed       failed       110          110
completed                110          110          completed    completed    110          110          completed    110
close                    110          110          110          closed       closed       110          110          110
publish                  110          110          110          published    published    published    published    110
reset                    created      created      created      created      created      created      created      110
archive                  created      created      stopped      stopped      closed       failed       completed    published
edit                     created      110          110          110          110          110          110          110
delete                   gone         123          123          123          123          123          123          123
edit_parameters          created      110          110          110          110          110          110          110
edit_artifacts           created      queued       in_progress  110          110          110          110          110
ping                     created      queued       in_progress  stopped      closed       failed       completed    published
edit+force               created      queued       in_progress  stopped      closed       failed       completed    published
started+force            in_progress  in_progress  in_progress  in_progress  in_progress  in_progress  in_progress  in_progress
stopped+force            stopped      stopped      stopped      stopped      stopped      stopped      stopped      stopped
completed+force          completed    completed    completed    completed    completed    completed    completed    completed
enqueue+force            queued       706          queued       queued       queued       queued       queued       queued
edit_parameters+force    created      queued       in_progress  110          110          110          110          110
delete+force             gone         gone         gone         gone         gone         gone         gone         gone
reset+force              created      created      created      created      created      created      created      created
"""  # noqa: E501 (a table)

REFUSALS = {"110": WrongStatus, "706": AlreadyQueued, "123": UndeletableTask}

CELLS = [
    (row.split()[0], status, cell)
    for row in TABLE.strip().splitlines()
    for status, cell in zip(COLUMNS, row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("name", "status", "cell"), CELLS)
def test_the_table_of_states(name: str, status: str, cell: str) -> None:
    step, _, force = name.partition("+")
    steps = {item.name.lower(): item for item in Step}

    def after() -> TaskStatus | None:
        return next_status(steps[step], TaskStatus(status), force=bool(force))

    if cell in REFUSALS:
        with pytest.raises(REFUSALS[cell]):
            after()
    else:
        assert after() == (None if cell == "gone" else TaskStatus(cell))


@pytest.mark.parametrize("status", TaskStatus)
def test_the_archive_may_always_be_emptied(status: TaskStatus) -> None:
    assert next_status(Step.DELETE, status, archived=True) is None


@pytest.mark.parametrize("step", [Step.DEQUEUE, Step.ARCHIVE])
def test_who_leaves_a_queue_is_what_he_was_before(step: Step) -> None:
    assert next_status(step, TaskStatus.QUEUED, before_queue=TaskStatus.STOPPED) is TaskStatus.STOPPED


def test_a_refusal_says_what_is_expected() -> None:
    with pytest.raises(WrongStatus, match="cannot close a task that is queued") as refused:
        next_status(Step.CLOSE, TaskStatus.QUEUED)
    assert refused.value.remedy == "it would have to be closed, stopped"


def test_what_is_published_is_published_for_ever() -> None:
    assert FOLLOWING[TaskStatus.PUBLISHED] == frozenset()
    assert FOLLOWING.keys() == set(TaskStatus)
