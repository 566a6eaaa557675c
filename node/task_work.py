"""Which part of the node works for a task: by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.jobs.pipes import Message
from node.jobs.runner import Complete, TaskWork
from node.tasks import Task


class WorkByKind:
    """Work for tasks of some kinds, and `others` for all the rest."""

    def __init__(self, special: Mapping[str, TaskWork], others: TaskWork) -> None:
        self._special, self._others = special, others

    async def prepare(self, task: Task) -> tuple[Message, bytes]:
        return await self._of(task).prepare(task)

    async def answer(self, task: Task, question: Message) -> Message:
        return await self._of(task).answer(task, question)

    async def settle(self, task: Task, result: dict[str, Any], blob: bytes, complete: Complete) -> None:
        await self._of(task).settle(task, result, blob, complete)

    def _of(self, task: Task) -> TaskWork:
        return self._special.get(task.kind, self._others)
