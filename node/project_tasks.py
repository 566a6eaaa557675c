"""What the node does for each kind of task around its worker: gathers what it needs, keeps what it found."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

import sqlalchemy as sa

from federation.statistics import Moments, Schema
from node import encoder_rows
from node.answering import questions_of
from node.answers import ModelRecord, ProjectInfo, Share
from node.data_sources import DataSources
from node.encoders import Encoders
from node.errors import NodeError
from node.file_store.store import FileStore
from node.jobs import task_rows
from node.jobs.pipes import Message
from node.jobs.runner import Complete
from node.modelling import attribute_of
from node.project_exploration import answers
from node.project_models import ProjectModels
from node.projects import Projects
from node.store import Store
from node.tasks import Task
from node.tracking import jobs_as_tasks

_log = logging.getLogger(__name__)

_OF_ENCODERS: Final[Mapping[str, int]] = {"encoder_learn": 1, "encoder_forget": -1}
"""Tasks that change an encoder, by addition or subtraction."""

_READING: Final = frozenset({"learn", "forget", "predict", "assess", "select"})
"""Tasks that read rows, which pass through the project's encoder."""


class ProjectTasks:
    """The node's part of every kind of task."""

    def __init__(
        self,
        store: Store,
        projects: Projects,
        models: ProjectModels,
        sources: DataSources,
        encoders: Encoders,
        files: FileStore,
        files_url: Callable[[], str],
    ) -> None:
        self._files, self._files_url = files, files_url
        self._store, self._projects, self._encoders = store, projects, encoders
        self._models, self._sources = models, sources
        # Whose rows, and how many, a running task is computed from: its answer names them.
        self._basis: dict[str, tuple[int, tuple[Share, ...]]] = {}

    async def prepare(self, task: Task) -> tuple[Message, bytes]:
        request: Message = {"kind": task.kind, "task": task.id}
        given = task.parameters
        if task.kind == "projects_info":
            projects = [asdict(info) for info in await self._projects.list()]
            return request | {"answer": {"projects": projects}}, b""
        if task.kind in _OF_ENCODERS:
            definition, schema = await self._encoders.to_learn(given["encoder"])
            place = await self._sources.place(given)
            assert place is not None  # noqa: S101
            return request | {
                "definition": definition,
                "schema": schema.to_dict(),
                "place": place.to_dict(),
            }, b""
        assert task.project is not None  # noqa: S101
        if task.kind == "project_info":
            return request | {"answer": asdict(await self._projects.info(task.project))}, b""
        payload = await self._store.read(lambda c: task_rows.payload(c, task.id))
        row = await self._projects.row(task.project)
        request |= {"options": row.parameters}
        if task.kind in _READING:
            encoding = (await self._projects.learning.options(row)).encoding
            request |= {"encoding": None if encoding is None else encoding.to_dict()}
            place = await self._sources.place(given)
            request |= {"place": None if place is None else place.to_dict()}
        if task.kind in ("learn", "forget"):
            await self._projects.learning.changeable(task.project, 1 if task.kind == "learn" else -1)
            request |= {key: given.get(key) for key in ("attributes", "types")}
            return request | {"schema": row.schema.to_dict(), "fixed": row.fixed}, payload
        if task.kind == "predict":
            return request | await self._prediction(task.project, given), payload
        if task.kind == "assess":
            record = await self._models.get(task.project, given["model"])
            request |= {"model": record.model, "target": record.target, "inputs": record.inputs}
            request |= {"imported": record.name if record.imported else None}
            request |= {"task_kind": given.get("task"), "figures": bool(given.get("figures"))}
            request |= {"schema": row.schema.to_dict()}
            return request, payload
        statistics = await self._projects.statistics_of(
            task.project, local=bool(given.get("local")), member=given.get("member")
        )
        self._basis[task.id] = (statistics.moments.rows, statistics.contributions)
        data = await asyncio.to_thread(statistics.moments.to_bytes)
        if task.kind == "select":
            request |= {"task": given.get("task")}
            return request | _question(task) | {"statistics": len(data)}, data + (payload or b"")
        return request | _question(task), data

    async def _prediction(self, project: str, given: dict[str, Any]) -> Message:
        """What a worker needs to predict: the model, and to impute also the statistics of its inputs."""
        record = await self._models.get(project, given["model"])
        row = await self._projects.row(project)
        imputing = None
        if given.get("impute"):
            moments = (await self._projects.statistics(project)).moments
            wanted = {attribute_of(name, moments.schema) for name in record.inputs}
            part = moments.restrict([name for name in moments.schema.names if name in wanted])
            imputing = await asyncio.to_thread(part.to_bytes)
        asked = ("output", "flags", "score", "figures")
        return {key: given.get(key) for key in asked} | {
            "model": record.model,
            "imported": record.name if record.imported else None,
            "inputs": list(record.inputs),
            "schema": row.schema.to_dict(),
            "imputing": imputing,
        }

    async def answer(self, task: Task, question: Message) -> Message:
        assert task.project is not None  # noqa: S101
        try:
            offered = Schema.from_dict(question["schema"])
            row = await self._projects.row(task.project)
            # What is encoded is learned as something else.
            encoded = () if row.encoder is None else tuple(row.encoder.columns)
            types = task.parameters.get("types") or {}
            told = {name: letter for name, letter in types.items() if name not in encoded}
            agreed = await self._projects.learning.agree(task.project, offered, told)
        except NodeError as error:
            return {"error": error.message}
        return {"schema": agreed.to_dict()}

    async def settle(self, task: Task, result: dict[str, Any], blob: bytes, complete: Complete) -> None:
        if task.kind in ("learn", "forget"):
            await self._merge(task, result, blob, complete)
        elif task.kind in _OF_ENCODERS:
            await self._change_encoder(task, result, blob, complete)
        elif task.kind == "explore":
            await self._tell(task, result["values"], complete)
        elif task.kind == "fit":
            await self._keep_model(task, result, complete)
        elif task.kind == "select":
            await self._keep_selected(task, result, complete)
        else:
            await self._store.write(lambda c: complete(c, result))

    async def _tell(self, task: Task, values: list[dict[str, Any]], complete: Complete) -> None:
        """An answer, or {"answers": [...]} where several questions were asked."""
        questions = questions_of(task.parameters)
        basis = self._basis.pop(task.id)
        found = answers(task.project or "", task.parameters["metric"], questions, values, *basis)
        plain = [asdict(answer) for answer in found]
        told = {"answers": plain} if "questions" in task.parameters else plain[0]
        await self._store.write(lambda c: complete(c, told))

    async def _merge(self, task: Task, result: dict[str, Any], blob: bytes, complete: Complete) -> None:
        """The project's next version and the task's completion are one transaction: exactly once."""
        assert task.project is not None  # noqa: S101

        def also(connection: sa.Connection, info: ProjectInfo) -> None:
            after = {"rows": info.rows, "version": info.version, "digest": info.digest}
            of_the_job = {key: result[key] for key in ("seconds", "remarks")}
            complete(connection, after | {"learned": result["rows"]} | of_the_job)

        learning = self._projects.learning
        if (await self._projects.row(task.project)).options.window is not None:
            await learning.roll(task.project, blob, also)
        else:
            await learning.merge(task.project, blob, 1 if task.kind == "learn" else -1, also)

    async def _change_encoder(
        self, task: Task, result: dict[str, Any], blob: bytes, complete: Complete
    ) -> None:
        """The encoder's next version and the task's completion are one transaction: exactly once."""
        name, source = task.parameters["encoder"], task.parameters.get("source")

        def also(connection: sa.Connection, version: int, count: int) -> None:
            if source is not None and task.kind == "encoder_learn":
                encoder_rows.note_source(connection, name, source)
            told = {"learned": result["rows"], "seconds": result["seconds"]}
            complete(connection, {"encoder": name, "rows": count, "version": version} | told)

        change = await asyncio.to_thread(Moments.from_bytes, blob)
        await self._encoders.change(name, change, _OF_ENCODERS[task.kind], also)

    async def _keep_model(self, task: Task, fitted: dict[str, Any], complete: Complete) -> None:
        record = self._record(task, fitted)
        await self._keep(task, record, asdict(record), complete)

    async def _keep_selected(self, task: Task, found: dict[str, Any], complete: Complete) -> None:
        """The model is one of many that were tried: its inputs and parameters are its own."""
        own = {"inputs": tuple(found["inputs"]), "tried": found["selection"]["tried"]}
        own |= {key: found[key] for key in ("algorithm", "parameters")}
        record = replace(self._record(task, found), **own)
        told = asdict(record) | {"selection": found["selection"]}
        await self._keep(task, record, told, complete)

    async def _keep(self, task: Task, record: ModelRecord, told: dict[str, Any], complete: Complete) -> None:
        """Keep a model, in the transaction that completes its task, and as a file for ClearML's clients."""
        uri = await self._upload(task, record)

        def also(connection: sa.Connection) -> None:
            complete(connection, told)
            if uri is not None:
                jobs_as_tasks.keep_model(connection, task, record, uri)

        await self._models.keep(record, also)

    async def _upload(self, task: Task, record: ModelRecord) -> str | None:
        """Where the model's JSON can be had; None if there is no room for it."""
        path = jobs_as_tasks.model_file(task.id)
        try:
            async with self._files.upload(task.owner) as upload:
                await upload.begin(path)
                await upload.write(await asyncio.to_thread(_json, record))
                await upload.commit()
        except NodeError as error:
            _log.warning("the model of task %s is not served as a file: %s", task.id, error.message)
            return None
        return f"{self._files_url()}/{path}"

    def _record(self, task: Task, fitted: dict[str, Any]) -> ModelRecord:
        rows, contributions = self._basis.pop(task.id)
        return ModelRecord(
            project=task.project or "",
            name=task.parameters["model"],
            model=fitted["model"],
            outputs=tuple(fitted["outputs"]),
            seconds=fitted["seconds"],
            rows=rows,
            contributions=contributions,
            created=time.time(),
            **_question(task),
        )


def _json(record: ModelRecord) -> bytes:
    return json.dumps(asdict(record)).encode()


def _question(task: Task) -> Message:
    given = task.parameters
    if task.kind == "explore":
        return {"metric": given["metric"], "questions": [asdict(item) for item in questions_of(given)]}
    return {
        "algorithm": given.get("algorithm"),  # None: a selection for a task
        "target": given.get("target"),
        "inputs": tuple(given["inputs"]),
        "parameters": dict(given.get("parameters") or {}),
    }
