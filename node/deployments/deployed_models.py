"""Deploying a project's model: the model as it is now, federated or not, becomes a version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from node.deployments.deployment import Version
from node.deployments.service import Deployments
from node.deployments.snapshots import of_model
from node.learning import refusing
from node.project_models import ProjectModels
from node.projects import Projects


class DeployedModels:
    """Takes the models of a node's projects into its deployments."""

    def __init__(self, deployments: Deployments, projects: Projects, models: ProjectModels) -> None:
        self._deployments, self._projects, self._models = deployments, projects, models

    async def add(
        self,
        deployment: str,
        project: str,
        model: str,
        *,
        owner: str,
        version: str | None = None,
        schema: Mapping[str, Any],
        impute: bool = False,
    ) -> Version:
        """The next version. schema: what of it is not to be as the model tells; impute: estimate missing
        inputs by the project's statistics as they are now.

        Raises NotFound, BadRequest, AlreadyExists, Unavailable.
        """
        record = await self._models.get(project, model)
        row = await self._projects.row(project)
        encoding = (await self._projects.learning.options(row)).encoding
        plain = None if encoding is None else encoding.to_dict()
        moments = (await self._projects.statistics(project)).moments if impute else None
        with refusing():
            snapshot = await asyncio.to_thread(of_model, record, row, plain, schema, moments)
        return await self._deployments.add_version(deployment, snapshot, owner, version=version)
