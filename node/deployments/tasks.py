"""What the node does for a task of the kind "score" around its worker.

The worker asks for the files that it needs, each into its own folder, and gives its output back the same way:
what it leaves there is gone with it, however it ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from node.deployments.jobs import input_path, output_path
from node.deployments.service import Deployments, Scorer, file_path
from node.errors import NodeError, NotFound
from node.file_store import OwnPath
from node.file_store.store import FileStore
from node.jobs.pipes import Message
from node.jobs.runner import Complete
from node.store import Store
from node.store.deployment_tables import scoring_jobs
from node.tasks import Task


class ScoringTasks:
    """The node's part of scoring a file."""

    def __init__(self, store: Store, files: FileStore, deployments: Deployments) -> None:
        self._store, self._files, self._deployments = store, files, deployments

    async def prepare(self, task: Task) -> tuple[Message, bytes]:
        about, scorer = await self._about(task)
        scoring = {
            "mime": about["mime"],
            "mapping": about["mapping"],
            "output_mapping": about["output_mapping"],
            "schema": scorer.schema,
            "model": {"kind": scorer.kind, **scorer.model},
        }
        file = None if scorer.file is None else scorer.file.rpartition("/")[2]
        return {"kind": task.kind, "task": task.id, "scoring": scoring, "file": file}, b""

    async def answer(self, task: Task, question: Message) -> Message:
        """{"file": input, model or output, "path": where the worker has or wants it, "mime": of output}."""
        path = Path(question["path"])
        try:
            match question["file"]:
                case "input":
                    await self._files.save(input_path(task.id), path)
                case "model":
                    _, scorer = await self._about(task)
                    await self._files.save(file_path(scorer.file or ""), path)
                case "output":
                    await self._take(task, path, output_path(task.id, question["mime"]))
        except NodeError as error:
            return {"error": f"{error.message}: {error.remedy}" if error.remedy else error.message}
        except OSError as error:
            return {"error": f"the {question['file']} cannot be copied: {error.strerror or error}"}
        return {}

    async def settle(self, task: Task, result: dict[str, Any], _blob: bytes, complete: Complete) -> None:
        await self._store.write(lambda connection: complete(connection, result))

    async def _take(self, task: Task, path: Path, output: OwnPath) -> None:
        """Keep the output, known to the job from the same moment: it goes with the job, also with one that is
        stopped before it is complete. Raises NotFound if the job is no more."""
        mine = scoring_jobs.c.task == task.id
        known = scoring_jobs.update().where(mine).values(output=output.rpartition("/")[2])

        def also(connection: sa.Connection) -> None:
            if not connection.execute(known).rowcount:
                raise NotFound(f"task {task.id} is no more", "submit the file again")

        await self._files.take(path, output, task.owner, also)

    async def _about(self, task: Task) -> tuple[dict[str, Any], Scorer]:
        query = sa.select(scoring_jobs).where(scoring_jobs.c.task == task.id)
        row = await self._store.read(lambda c: c.execute(query).mappings().one_or_none())
        if row is None:
            raise NotFound(
                f"task {task.id} is a copy of a scoring job, and has no file",
                "submit the file to the deployment instead",
            )
        return dict(row), await self._deployments.scorer(row["deployment"], row["version"])
