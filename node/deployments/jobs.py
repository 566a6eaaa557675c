"""Files to be scored, as jobs: submitted and paid for at once, looked at, renamed, and where their output is.

A job is a task of the kind "score", whose status is its only one. Its input and output are files of the
node's own, which go with the task.
"""

from __future__ import annotations

import asyncio
import builtins
import mimetypes
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from node.deployments.deployment import Version
from node.deployments.keys import DeploymentKey
from node.deployments.service import Deployments, chosen
from node.deployments.usage import month_of
from node.errors import BadRequest, NotFound
from node.file_store import OwnPath, Upload
from node.jobs import task_rows
from node.jobs.runner import JobRunner
from node.jobs.service import Jobs
from node.scoring import Mime, check, inspect_file
from node.scoring.mime import CSV, JSON
from node.sources import SourceError
from node.store import Store
from node.store.deployment_tables import INPUT, SCORING, deployment_usage, scoring_jobs
from node.store.schema import tasks
from node.tasks import Task, TaskStatus, now
from node.tracking import jobs_as_tasks

LATEST: Final = 100
"""Jobs of the list of the latest."""
LONGEST_NAME: Final = 500
INSPECTED: Final = 2
"""Files that are looked at at once: a large one takes a while, and the threads are everybody's."""
_SUFFIXES: Final = {CSV: ".csv", JSON: ".json"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job is to do. mime: of its file, None for what the version takes; name: None for the file's;
    version: None for the newest; mappings: [{"source", "destination", "defaultValue"}], or None."""

    mime: str | None = None
    name: str | None = None
    version: str | None = None
    mapping: Any = None
    output_mapping: Any = None


@dataclass(frozen=True, slots=True)
class ScoringJob:
    """A job as its submitter sees it. units: what it costs, fixed when it was made; times in unix seconds;
    output: the name of its output, once there is one."""

    id: str
    name: str
    file: str
    mime: str
    records: int
    groups: int
    units: int
    status: TaskStatus
    error: str | None
    created: float
    last_update: float
    started: float | None
    completed: float | None
    output: str | None


class ScoringJobs:
    """The jobs of the holders of deployment keys: each sees those of his own key."""

    def __init__(self, store: Store, deployments: Deployments, runner: JobRunner, jobs: Jobs) -> None:
        self._store, self._deployments, self._runner, self._jobs = store, deployments, runner, jobs
        self._inspecting = asyncio.Semaphore(INSPECTED)

    async def version_for(self, key: DeploymentKey, wanted: Wanted) -> Version:
        """The version that a job will be scored by. Raises BadRequest for what it cannot do."""
        if wanted.name is not None:
            _check_name(wanted.name)
        version = chosen(await self._deployments.get(key.deployment), wanted.version)
        await asyncio.to_thread(check, _request(version, wanted))
        return version

    async def submit(self, key: DeploymentKey, wanted: Wanted, file: str, upload: Upload, job: str) -> Task:
        """Queue the scoring of a file that has arrived by an upload as the input of the new job `job`; `file`
        is what it is called.

        When this returns it is kept, counted and paid for, and will be scored whatever happens to the node.
        Raises BadRequest, Unavailable.
        """
        version = await self.version_for(key, wanted)
        mime = mime_for(version, wanted.mime)
        try:
            local = await upload.received(input_path(job))
            async with self._inspecting:
                records = await asyncio.to_thread(inspect_file, _request(version, wanted), local)
        except SourceError as error:
            raise BadRequest(str(error)) from None
        deployment = await self._deployments.get(key.deployment)
        groups, units = deployment.cost(records)
        parameters = {"deployment": key.deployment, "version": version.version, "file": file, "mime": mime}
        values = task_rows.queued("score", wanted.name or file, key.user, parameters) | {"id": job}
        about = {
            "task": job,
            "key": key.id,
            "created": values["created"],
            "deployment": key.deployment,
            "version": version.version,
            "records": records,
            "groups": groups,
            "units": units,
        }
        asked = {"mapping": wanted.mapping, "output_mapping": wanted.output_mapping}
        used = {"label": key.label, "month": month_of(values["created"])}
        made: list[Task] = []

        def also(connection: sa.Connection) -> None:
            folder = f"deployments/{key.deployment}"
            shown = jobs_as_tasks.columns(connection, None, parameters, key.user, folder=folder)
            made.append(task_rows.insert(connection, values | shown))
            connection.execute(scoring_jobs.insert().values(about | asked | {"file": file, "mime": mime}))
            connection.execute(deployment_usage.insert().values(about | used))

        await upload.commit(also)
        self._runner.submit(made[-1])
        return made[-1]

    async def get(self, key: DeploymentKey, job: str) -> ScoringJob:
        """Raises NotFound, also for a job of another key."""
        return await self._store.read(lambda c: _find(c, job, scoring_jobs.c.key == key.id))

    async def latest(self, key: DeploymentKey) -> builtins.list[ScoringJob]:
        """The last `LATEST` jobs of a key, newest first."""
        order = (scoring_jobs.c.created.desc(), tasks.c.number.desc())
        query = _JOBS.where(scoring_jobs.c.key == key.id).order_by(*order).limit(LATEST)
        return await self._store.read(lambda c: [_of(dict(row)) for row in c.execute(query).mappings()])

    async def rename(self, key: DeploymentKey, job: str, name: str | None) -> ScoringJob:
        """Call a job otherwise; without a name, as its file. Raises NotFound, BadRequest."""
        if name is not None:
            _check_name(name)
        mine = scoring_jobs.c.key == key.id

        def write(connection: sa.Connection) -> ScoringJob:
            found = _find(connection, job, mine)
            at = now()
            values = {"name": name or found.file, "last_update": at, "last_change": at}
            values["last_changed_by"] = key.user
            connection.execute(tasks.update().where(tasks.c.id == job).values(values))
            return _find(connection, job, mine)

        return await self._store.write(write)

    async def finished(self, key: DeploymentKey, job: str, seconds: float) -> ScoringJob:
        """The job when it has ended, or as it is after so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        task = await self._jobs.get(job)
        while not task.finished and (left := deadline - loop.time()) > 0:
            task = await self._jobs.wait(job, left, seen=task)
        return await self.get(key, job)

    async def output(self, job: str) -> OwnPath:
        """Where the file store has the output of a job, whoever it belongs to. Raises NotFound, BadRequest if
        there is none."""
        return output_of(await self._store.read(lambda c: _find(c, job, sa.true())))


def _request(version: Version, wanted: Wanted) -> dict[str, Any]:
    """What is to be scored, as far as it is known without the model itself."""
    return {
        "mime": mime_for(version, wanted.mime),
        "schema": version.schema,
        "mapping": wanted.mapping,
        "output_mapping": wanted.output_mapping,
        "model": {"kind": version.kind},
    }


def mime_for(version: Version, mime: str | None) -> str:
    """The mime type of a job's file: what it says, or else what the version takes."""
    if mime is not None:
        return mime
    form = version.schema.get("input_type")
    if form is not None:
        return str(Mime.of(form))
    return str(Mime.of("csv_header")) if version.schema.get("input") else "application/octet-stream"


def input_path(job: str) -> OwnPath:
    """Where the file store has the input of a job (32 hex digits)."""
    return OwnPath(SCORING, job, INPUT)


def output_path(job: str, mime: str) -> OwnPath:
    """Where it will have its output of this mime type: under the name by which that is downloaded."""
    kind = Mime.parse(mime).type
    suffix = _SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".dat"
    return OwnPath(SCORING, job, f"data_{job[:8]}{suffix}")


def output_of(job: ScoringJob) -> OwnPath:
    """Where it has the output of a job. Raises BadRequest if there is none."""
    if job.output is not None and job.status in (TaskStatus.COMPLETED, TaskStatus.PUBLISHED):
        return OwnPath(SCORING, job.id, job.output)
    if job.status.finished:
        why = job.error or ("it failed" if job.status is TaskStatus.FAILED else "it was stopped")
        raise BadRequest(f"job {job.name!r} has no result: {why}", "submit the file again")
    raise BadRequest(f"job {job.name!r} is not finished", "ask for the job until its status says so")


def unknown_job(job: str) -> NotFound:
    return NotFound(f"there is no job {job[:80]!r}", "GET /api/v1/jobs/latest lists those of this key")


_FIELDS: Final = ("file", "mime", "records", "groups", "units", "output")
_TASK_FIELDS: Final = ("id", "name", "status", "error", "created", "last_update", "started", "completed")
_JOBS: Final = sa.select(
    *(tasks.c[name] for name in _TASK_FIELDS), *(scoring_jobs.c[name] for name in _FIELDS)
).join(scoring_jobs, scoring_jobs.c.task == tasks.c.id)


def _find(connection: sa.Connection, job: str, among: sa.ColumnElement[bool]) -> ScoringJob:
    row = connection.execute(_JOBS.where((scoring_jobs.c.task == job) & among)).mappings().one_or_none()
    if row is None:
        raise unknown_job(job)
    return _of(dict(row))


def _of(row: dict[str, Any]) -> ScoringJob:
    return ScoringJob(**{**row, "status": TaskStatus(row["status"])})


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or "\0" in name:
        raise BadRequest(
            "this cannot be the name of a job", f"give at most {LONGEST_NAME} characters, none of them NUL"
        )
