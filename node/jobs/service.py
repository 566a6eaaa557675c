"""Jobs as the dialects see them: submit, look, wait, kill."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from node.answering import questions_of
from node.answers import LogLine
from node.data_sources import DataSources
from node.encoders import Encoders
from node.errors import BadRequest
from node.events import Events
from node.jobs import task_rows
from node.jobs.kinds import KINDS
from node.jobs.runner import JobRunner
from node.keys import AccessKey
from node.project_exploration import ProjectExploration
from node.project_models import ProjectModels
from node.projects import Projects, check_may_read
from node.sources import FORMATS
from node.store import Store
from node.tasks import Task, TaskStatus
from node.tracking import documents, jobs_as_tasks, task_steps
from node.tracking.collection import TASKS

_READING = ("learn", "forget", "predict", "select", "assess", "encoder_learn", "encoder_forget")

SAMPLE = 5
"""Rows of a validation table that a selection's record shows."""

TaskList = builtins.list[Task]


class Jobs:
    """The node's tasks."""

    def __init__(
        self,
        store: Store,
        runner: JobRunner,
        projects: Projects,
        models: ProjectModels,
        exploration: ProjectExploration,
        events: Events,
        sources: DataSources,
        encoders: Encoders,
    ) -> None:
        self._store, self._runner, self._events = store, runner, events
        self._projects, self._models, self._exploration = projects, models, exploration
        self._sources, self._encoders = sources, encoders

    async def submit(
        self,
        kind: str,
        *,
        actor: AccessKey,
        project: str | None = None,
        parameters: dict[str, Any] | None = None,
        priority: int = 0,
    ) -> Task:
        """Queue a task; when this returns it will be done, whatever happens to the node.

        learn, forget: {"path", "format"?, "attributes"?, "types"?} or {"table": {"names", "rows", "types"?}}
        encoder_learn, encoder_forget: {"encoder", "path"}
        explore: {"metric", "attributes", "targets"?, "parameters"?, "local"? or "member"?}, or in place of
        attributes a list of "questions"
        fit: {"model", "algorithm", "target", "inputs", "parameters"}
        predict: {"model", "table" or "path", "output"? or "output_source"?, "impute"?, "flags"?, "score"?,
        "figures"?}
        select: {"model", "target", "inputs", "algorithm" or "task", "parameters"?, "path" or "table"?}
        assess: {"model", "path" or "table", "task"?, "figures"?}

        Every kind takes {"timeout"?} in seconds. Wherever a "path" may be given, so may be the name of a data
        source, "source". Raises BadRequest, Forbidden, NotFound.
        """
        parameters = dict(parameters or {})
        table = parameters.pop("table", None)
        _check(kind, project, parameters, table)
        if kind == "select" and table is not None:  # what a job is about can be told without its rows
            parameters["sample"] = {**table, "rows": table["rows"][:SAMPLE]}
        for key in ("path", "source"):
            if key in parameters:
                check_may_read(actor, parameters[key])
        await self.check(kind, project, parameters)
        if "source" in parameters:
            await self._sources.info(parameters["source"])
        if kind in ("encoder_learn", "encoder_forget"):
            await self._encoders.to_learn(parameters["encoder"])
        if kind == "predict":
            _check_flags(parameters)
            if "output_source" in parameters:
                parameters["output"] = await self._sources.output(parameters["output_source"])
            await asyncio.to_thread(_check_output, parameters)
        if project is not None:
            await self._projects.row(project)
        name = kind if project is None else f"{kind} {project}"
        values = task_rows.queued(kind, name, actor.user, parameters, project=project, priority=priority)
        if table is not None:
            values["payload"] = (await asyncio.to_thread(json.dumps, table)).encode()

        def write(connection: sa.Connection) -> Task:
            shown = jobs_as_tasks.columns(connection, project, parameters, actor.user)
            return task_rows.insert(connection, values | shown)

        task = await self._store.write(write)
        self._runner.submit(task)
        return task

    async def check(self, kind: str, project: str | None, parameters: Mapping[str, Any]) -> None:
        """Raise BadRequest or NotFound for a question that no rows could answer."""
        if kind == "fit":
            name, algorithm, target = parameters["model"], parameters["algorithm"], parameters.get("target")
            await self._models.check_fit(name, algorithm, target, parameters.get("parameters") or {})
        if kind == "explore":
            await self._exploration.check(parameters["metric"], questions_of(parameters))
        if kind == "select":
            await self._models.check_selection(parameters)
        if kind == "assess" and project is not None:
            await self._models.check_assessment(project, parameters["model"])

    async def get(self, key: str) -> Task:
        """A task by its id or number. Raises NotFound."""
        task = await self._store.recall(("task", key), lambda c: task_rows.find(c, key))
        return self._runner.live.get(task.id, task)

    async def list(
        self,
        *,
        owner: str | None = None,
        project: str | None = None,
        status: TaskStatus | None = None,
        limit: int = 1000,
    ) -> TaskList:
        """Tasks, newest first."""

        def read(connection: sa.Connection) -> TaskList:
            return task_rows.select(connection, owner, project, status, limit)

        tasks = await self._store.recall(("tasks", owner, project, status, limit), read)
        return [self._runner.live.get(task.id, task) for task in tasks]

    async def kill(self, key: str, user: str = "") -> Task:
        """Stop a task, ending its worker process if it runs; what others run is stopped as ClearML's clients
        do, in the name of `user`. One that has finished, or whose result is being committed, stays as it is.
        Raises WrongStatus for one of others that does not wait yet."""
        task = await self.get(key)
        if task.finished:
            return task
        if task.kind in KINDS:
            await self._runner.kill(task.id)
        else:
            await self._stop(task.id, user)
        return await self.get(task.id)

    async def _stop(self, key: str, user: str) -> None:
        """End a task that others run, or ask for its end."""

        def write(connection: sa.Connection) -> dict[str, Any]:
            task = documents.get_own(connection, TASKS, key)
            return task_steps.stop(connection, task, user, "", f"Stopped by {user}")

        after = await self._store.write(write)
        self._events.tell_status(key, after["status"])

    async def resume(self, key: str) -> None:
        """Run a job that ran before and is queued in the store once more."""
        while key in self._runner.live:  # its end is committed, but not yet told
            await self._runner.next_change(key).wait()
        self._runner.submit(await self._store.read(lambda c: task_rows.find(c, key)))

    async def wait(self, key: str, timeout: float, seen: Task | None = None) -> Task:  # noqa: ASYNC109
        """The task when it has finished, when its status or progress is no longer as `seen` (default: as
        now), or after `timeout` seconds."""
        task = await self.get(key)
        before = seen or task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                with self._events.listen([task.id], ["status"]) as elsewhere:
                    while not task.finished and _same(task, before):
                        change = self._runner.next_change(task.id)
                        task = await self.get(task.id)
                        if not task.finished and _same(task, before):
                            runs_here = task.id in self._runner.live
                            await (change.wait() if runs_here else elsewhere.get())
        return task

    async def log(self, key: str) -> builtins.list[LogLine]:
        """What the task said."""
        task = await self.get(key)
        return await self._events.log_lines(task.id)


def _same(a: Task, b: Task) -> bool:
    return (a.status, a.current, a.maximum) == (b.status, b.current, b.maximum)


def _check(kind: str, project: str | None, parameters: dict[str, Any], table: object) -> None:
    if kind not in KINDS or not KINDS[kind].asked_for:
        known = [name for name, one in KINDS.items() if one.asked_for]
        raise BadRequest(f"there is no kind of job {kind!r}", f"use one of {', '.join(known)}")
    if project is None and KINDS[kind].of_project:
        raise BadRequest(f"a job of the kind {kind} needs a project", "name one")
    given = {**parameters, **({} if table is None else {"table": table})}
    for name in KINDS[kind].required:
        if name not in given:
            raise BadRequest(f"a job of the kind {kind} needs the parameter {name!r}", "add it")
    if kind in _READING:
        places = [name for name in ("path", "source", "table") if name in given]
        if len(places) > 1 or not (places or kind == "select"):
            raise BadRequest(
                f"a job of the kind {kind} takes either a path or a table, or a data source",
                "give one of them",
            )
        if table is not None and not KINDS[kind].of_project:
            raise BadRequest(f"a job of the kind {kind} takes no table", "give a path or a data source")
        if not _texts([parameters.get("source", ""), parameters.get("output_source", "")]):
            raise BadRequest("source or output_source is not the name of a data source", "name it")
        path, form = parameters.get("path", "/"), parameters.get("format")
        if not isinstance(path, str) or not path.startswith("/"):
            raise BadRequest(
                f"{path!r} is not an absolute path", "give the path as the node's machine has it"
            )
        if form is not None and form not in FORMATS.values():
            raise BadRequest(f"{form!r} is not a format of files", "use csv or parquet")
    timeout = parameters.get("timeout")
    if timeout is not None and not (isinstance(timeout, (int, float)) and timeout > 0):
        raise BadRequest(f"{timeout!r} is not a time", "give the timeout in seconds, more than 0")
    for name in ("attributes", "inputs"):
        if not _texts(parameters.get(name) or []):
            raise BadRequest(f"{name} is not a list of names", f'send {name} as ["a", "b"]')
    types = parameters.get("types")
    if types is not None and not (isinstance(types, dict) and _texts([*types, *types.values()])):
        raise BadRequest("types is not a map from names to types", 'send types as {"a": "C"}')
    if table is not None and not (
        isinstance(table, dict)
        and isinstance(table.get("names"), list)
        and isinstance(table.get("rows"), list)
    ):
        raise BadRequest("a table is {names: [...], rows: [[...]], types?}", "send it in this form")


def _check_flags(parameters: dict[str, Any]) -> None:
    """Raise BadRequest for what is said of flags that are not wanted, and a score that is no name."""
    if not parameters.get("flags"):
        for name in ("score", "figures"):
            if parameters.get(name):
                raise BadRequest(f"{name} is about flags, which are not asked for", "add flags: true")
    if not isinstance(parameters.get("score") or "", str):
        raise BadRequest("score is not the name of an output", 'send it as "res"')


def _check_output(parameters: dict[str, Any]) -> None:
    """Raise BadRequest unless a prediction may be written where it is meant to be: nothing is overwritten."""
    output = parameters.get("output")
    if output is None:
        return
    if not isinstance(output, str) or not output.startswith("/"):
        raise BadRequest(f"{output!r} is not an absolute path", "give output as the machine has it")
    if "path" not in parameters and "source" not in parameters:
        raise BadRequest("an output is for the rows of a file or a data source", "leave it out")
    if not Path(output).parent.is_dir():
        raise BadRequest(f"there is no folder for {output}", "make it, or choose another")
    if Path(output).exists():
        raise BadRequest(f"{output} exists already", "remove it, or choose another name")


def _texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
