"""A project's models: fitted from its statistics, kept beside them, asked for predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from numpy.typing import NDArray

from federation.statistics import Table
from node import judging, modelling
from node import project_rows as rows
from node.answers import AlgorithmInfo, ModelRecord, SelectionInfo
from node.errors import BadRequest, NodeError, NotFound
from node.file_store import FileStore
from node.learning import refusing
from node.projects import Projects
from node.store import Store
from node.store.schema import models
from node.tracking import jobs_as_tasks

ModelList = list[ModelRecord]


class ProjectModels:
    """The models of a node's projects."""

    def __init__(self, store: Store, projects: Projects, files: FileStore) -> None:
        self._store, self._projects, self._learning = store, projects, projects.learning
        self._files = files

    async def algorithms(self) -> tuple[AlgorithmInfo, ...]:
        """What may be fitted."""
        return await self._learning.think(modelling.algorithms)

    async def algorithm(self, name: str) -> AlgorithmInfo:
        """Raises NotFound."""
        return await self._learning.think(modelling.algorithm, name)

    async def check_fit(
        self, model: str, algorithm: str, target: str | None, parameters: Mapping[str, Any]
    ) -> None:
        """Raise BadRequest for what no statistics could make a model of.

        That is for unknown names, unreadable values, and an algorithm without the target that it needs.
        """
        if not (isinstance(algorithm, str) and isinstance(model, str) and isinstance(parameters, Mapping)):
            raise BadRequest(
                "model and algorithm are names, parameters is a map", "see /api/algorithms for what there is"
            )
        if not (target is None or isinstance(target, str)):
            raise BadRequest("target is not a name", "name one attribute, or leave target out")
        rows.check_name(model)
        with refusing():
            await self._learning.think(modelling.check, algorithm, target, parameters)

    async def selection(self) -> SelectionInfo:
        """What a selection may be told."""
        return await self._learning.think(judging.offered)

    async def check_selection(self, parameters: Mapping[str, Any]) -> None:
        """Raise BadRequest for what no rows could select; `parameters` are those of a task "select"."""
        texts = [
            parameters[key] for key in ("target", "algorithm", "task") if parameters.get(key) is not None
        ]
        if not all(isinstance(text, str) for text in texts):
            raise BadRequest("target, algorithm or task is not a name", "name them")
        if not isinstance(parameters.get("parameters") or {}, Mapping):
            raise BadRequest("parameters is not a map", 'send parameters as {"name": value}')
        rows.check_name(parameters["model"])
        with refusing():
            await self._learning.think(judging.check, judging.Wanted.of(parameters))

    async def check_assessment(self, name: str, model: str) -> None:
        """Raise NotFound for a model that there is not, BadRequest for one that has no target."""
        if (await self.get(name, model)).target is None:
            raise BadRequest(f"model {model!r} predicts no attribute", "assess a model that has a target")

    async def one_target(self, name: str, targets: Sequence[str]) -> str | None:
        """The one target that these are: none, one, or all levels of a category, which are the category.

        Raises BadRequest for others.
        """
        if len(targets) < 2:
            return targets[0] if targets else None
        moments = (await self._projects.statistics(name)).moments
        with refusing():
            return await self._learning.think(modelling.one_target, moments, targets)

    async def code(self, record: ModelRecord, language: str) -> str:
        """The model as a function in SQL or Java. Raises BadRequest if it is not a weighted sum."""
        with _asking(record):
            return await self._learning.think(modelling.code, record.model, record.name, language)

    async def fit(
        self,
        name: str,
        model: str,
        algorithm: str,
        target: str | None,
        inputs: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Fit a model and store it under this name, in place of one that has it."""
        rows.check_name(model)
        statistics = await self._projects.statistics(name)
        with refusing():
            fitted = await self._learning.think(
                modelling.fit, statistics.moments, algorithm, target, inputs, parameters or {}
            )
        record = ModelRecord(
            project=name,
            name=model,
            algorithm=algorithm,
            target=target,
            inputs=tuple(inputs),
            parameters=dict(parameters or {}),
            model=fitted.model,
            rows=statistics.moments.rows,
            contributions=statistics.contributions,
            created=time.time(),
            outputs=fitted.outputs,
            seconds=fitted.seconds,
        )
        await self.keep(record)
        return record

    async def import_model(
        self,
        name: str,
        model: str,
        fitted: Mapping[str, Any],
        *,
        target: str | None = None,
        inputs: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        rows_learned: int = 0,
    ) -> ModelRecord:
        """Store a model that was fitted elsewhere, marked as such. Raises BadRequest if it is not one."""
        rows.check_name(model)
        known = (await self._projects.row(name)).schema
        with refusing():
            read = await self._learning.think(modelling.revive, fitted, inputs, known)
        record = ModelRecord(
            project=name,
            name=model,
            algorithm=read.model["algorithm"],
            target=target,
            inputs=tuple(inputs),
            parameters=dict(parameters or {}),
            model=read.model,
            rows=rows_learned,
            contributions=(),
            created=time.time(),
            outputs=read.outputs,
            imported=True,
        )
        await self.keep(record)
        return record

    async def keep(self, record: ModelRecord, also: Callable[[sa.Connection], None] | None = None) -> None:
        """Store a fitted model; `also` is part of the same transaction."""
        rows.check_name(record.name)

        def write(connection: sa.Connection) -> None:
            project = rows.find_project(connection, record.project)
            rows.save_model(connection, project.id, record)
            if also is not None:
                also(connection)

        await self._store.write(write)

    async def get(self, name: str, model: str) -> ModelRecord:
        """Raises NotFound."""
        found = [record for record in await self.list(name) if record.name == model]
        if not found:
            raise NotFound(f"project {name!r} has no model {model!r}", "list its models, or fit it")
        return found[0]

    async def list(self, name: str) -> ModelList:
        """All models of a project, by name."""

        def read(connection: sa.Connection) -> ModelList:
            mine = models.c.project_id == rows.find_project(connection, name).id
            query = sa.select(models.c.record).where(mine).order_by(models.c.name)
            return [rows.model_from({**data, "project": name}) for data in connection.scalars(query)]

        return list(await self._store.recall(("models", name), read))

    async def delete(self, name: str, model: str) -> None:
        """With what the jobs that fitted it show of it as tasks. Raises NotFound."""
        await self.get(name, model)
        shown = await self._store.read(lambda c: jobs_as_tasks.models_of(c, name, model))

        def write(connection: sa.Connection) -> None:
            mine = models.c.project_id == rows.find_project(connection, name).id
            connection.execute(models.delete().where(mine & (models.c.name == model)))
            jobs_as_tasks.forget_models(connection, list(shown.values()))

        await self._files.delete([jobs_as_tasks.model_file(task) for task in shown], write)

    async def onnx(self, name: str, model: str) -> bytes:
        """The model as an ONNX file."""
        record = await self.get(name, model)
        with _asking(record):
            return await self._learning.think(modelling.onnx, record.model)

    async def predict(
        self, name: str, model: str, table: Table, *, impute: bool = False
    ) -> dict[str, NDArray[Any]]:
        """The model's answers for each row, by key.

        `impute` estimates a row's missing inputs from its other inputs by the project's statistics; else each
        counts as its column's mean.
        """
        record = await self.get(name, model)
        imputing = (await self._projects.statistics(name)).moments if impute else None
        options = await self._learning.options(await self._projects.row(name))
        with _asking(record):
            seen = await self._learning.think(options.levels_of, table)
            return await self._learning.think(modelling.predict, record.model, seen, record.inputs, imputing)

    async def learn_predict(
        self,
        name: str,
        model: str,
        table: Table,
        types: Mapping[str, str] | None = None,
        *,
        predict_first: bool = True,
        rebuild: bool = False,
        impute: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Predict rows and learn them, in this order or the other; `rebuild` fits the model again after both.

        Learned first and rebuilt, the model that predicts is the new one. A model that remembers scores
        remembers those of these rows.
        """
        record = await self.get(name, model)
        if rebuild and record.imported:
            raise BadRequest(
                f"model {model!r} was imported, and cannot be built again here", "leave rebuilding out"
            )
        columns = await self._advance(record, table, impute) if predict_first else {}
        await self._learning.change(name, table, 1, types)
        if rebuild:
            fitting = (record.algorithm, record.target, record.inputs, record.parameters)
            record = await self.fit(name, model, *fitting)
        return columns if predict_first else await self._advance(record, table, impute)

    async def _advance(self, record: ModelRecord, table: Table, impute: bool) -> dict[str, NDArray[Any]]:
        imputing = (await self._projects.statistics(record.project)).moments if impute else None
        options = await self._learning.options(await self._projects.row(record.project))
        with _asking(record):
            seen = await self._learning.think(options.levels_of, table)
            columns, after = await self._learning.think(
                modelling.advance, record.model, seen, record.inputs, imputing
            )
        if after != record.model:
            await self.keep(replace(record, model=after))
        return columns


@contextmanager
def _asking(record: ModelRecord) -> Iterator[None]:
    """As `refusing`; whatever the numbers of a model from elsewhere lead to is a refusal too."""
    try:
        with refusing():
            yield
    except NodeError:
        raise
    except Exception as error:
        if not record.imported:
            raise
        raise modelling.unfit(record.name, error) from None
