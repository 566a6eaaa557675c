"""One running node: makes its services, starts them in order, and ends them without a trace."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

from federation.identity import Identity
from node.backup import Archive, taken
from node.broker import Broker
from node.config import NodeConfig
from node.data_sources import DataSources
from node.deployments import (
    DeployedModels,
    DeploymentKeys,
    Deployments,
    ResultLinks,
    ScoringJobs,
    ScoringTasks,
    Usage,
)
from node.encoders import Encoders
from node.events import Events
from node.federations import Federations
from node.file_store import open_file_store
from node.files import HomeLock, prepare_home, write_private
from node.identity_store import load_or_create_identity
from node.jobs.runner import JobRunner
from node.jobs.service import Jobs
from node.keys import AccessKey, Keys, Role
from node.project_exploration import ProjectExploration
from node.project_models import ProjectModels
from node.project_tasks import ProjectTasks
from node.project_transfer import ProjectTransfer
from node.projects import Projects
from node.sessions import Sessions, load_or_create_secret
from node.store import Store
from node.task_work import WorkByKind
from node.tracking.models import TrackingModels
from node.tracking.own_statistics import OwnStatistics
from node.tracking.pipelines import Pipelines
from node.tracking.project_removal import ProjectRemoval
from node.tracking.projects import TaskProjects
from node.tracking.queues import Queues
from node.tracking.reports import Reports
from node.tracking.serving import Serving
from node.tracking.storage_settings import StorageSettings
from node.tracking.tasks import Tasks
from node.tracking.watchdog import Watchdog
from node.tracking.workers import Workers
from node.uplet_storage import UpletStorage
from node.uplets.dispatch import Dispatch
from node.uplets.hearers import Hearers
from node.uplets.hints import Hints
from node.uplets.kinds import UpletKind
from node.uplets.uplets import Uplets
from node.users import Users
from transport.tasks import end


class Node:
    """A node's services: projects, models, jobs, federations, users, …; usable between start and stop."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.name = config.display_name
        self.role = config.role
        self.url = self.files_url = ""
        self._exit = AsyncExitStack()

    async def start(self) -> None:
        """Take the home folder and start everything. Raises HomeError or StoreError if that is impossible."""
        try:
            await self._take_home()
            await self._let_users_in()
            await self._open_projects()
            await self._take_up_federations()
            await self._start_jobs()
            await self._offer_uplets()
        except BaseException:
            await self._exit.aclose()
            raise

    async def _take_home(self) -> None:
        """The folder is ours alone; who this node is, and what it keeps, is in there."""
        await asyncio.to_thread(prepare_home, self.config)
        lock = HomeLock(self.config.lock_path)
        lock.acquire()
        self._exit.callback(lock.release)
        await asyncio.to_thread(shutil.rmtree, self.config.backup_folder, ignore_errors=True)
        self.identity: Identity = await asyncio.to_thread(load_or_create_identity, self.config.seed_path)
        self.node_id = self.identity.node_id
        self.store = Store(self.config.store_url)
        await self.store.open()
        self._exit.push_async_callback(self.store.close)

    async def _let_users_in(self) -> None:
        self.users = Users(self.store)
        await self.users.load()
        self.keys = Keys(self.store, self.users)
        await self.keys.load()
        secret = await asyncio.to_thread(load_or_create_secret, self.config.tokens_path)
        self.sessions = Sessions(self.users, self.keys, secret)
        self.result_links = ResultLinks(secret)
        self.deployment_keys = DeploymentKeys(self.store, self.users)
        self.first_key = await self._first_key()

    async def _open_projects(self) -> None:
        """What is learned, told and kept here, whether others take part or not."""
        numbers = ThreadPoolExecutor(max(2, self.config.workers), thread_name_prefix="numbers")
        self._exit.callback(numbers.shutdown)
        self.events = Events(self.store)
        self.files = open_file_store(self.config, self.store, self.node_id)
        await self.files.open()
        self._exit.push_async_callback(self.files.close)
        self.uplet_storage = UpletStorage(self.store, self.files)
        self.task_projects = TaskProjects(self.store)
        self.serving = Serving(self.store)
        self.storage_settings = StorageSettings(self.store)
        self.tracking_models = TrackingModels(self.store, self.events)
        self.projects = Projects(self.store, numbers, self.node_id, self.name)
        self.models = ProjectModels(self.store, self.projects, self.files)
        self.exploration = ProjectExploration(self.projects)
        self.transfer = ProjectTransfer(self.store, self.projects)
        self.encoders = Encoders(self.store, self.projects)
        self.deployments = Deployments(self.store, self.files)
        self.deployed_models = DeployedModels(self.deployments, self.projects, self.models)
        self.usage = Usage(self.store)
        self._exit.push_async_callback(self.projects.learning.settle)

    async def _take_up_federations(self) -> None:
        self._broker = Broker(self.config)
        await self._broker.start()
        self._exit.push_async_callback(self._broker.stop)
        self.hearers = Hearers(self.store, self.keys, self._broker, self.node_id)
        await self.hearers.open()
        self._exit.push_async_callback(self.hearers.close)
        self.federations = Federations(self.identity, self.name, self.store, self._broker, self.projects)
        self.projects.fusion = self.federations.projects
        self._exit.push_async_callback(self.federations.close)
        restored = self.config.restored_path
        await self.federations.open(self.events, restored=restored.exists())
        restored.unlink(missing_ok=True)

    async def _start_jobs(self) -> None:
        self.sources = DataSources(self.store)
        of_projects = ProjectTasks(
            self.store,
            self.projects,
            self.models,
            self.sources,
            self.encoders,
            self.files,
            lambda: self.files_url,
        )
        scoring = ScoringTasks(self.store, self.files, self.deployments)
        self.runner = JobRunner(
            self.store,
            self.events,
            WorkByKind({"score": scoring}, of_projects),
            self.config.workers,
            self.config.worker_idle_seconds,
            self.config.workers_folder,
            self.name,
        )
        self.jobs = Jobs(
            self.store,
            self.runner,
            self.projects,
            self.models,
            self.exploration,
            self.events,
            self.sources,
            self.encoders,
        )
        self.scoring = ScoringJobs(self.store, self.deployments, self.runner, self.jobs)
        self.uplets = Uplets(self.store, self.events, lambda: self.url)
        self.tasks = Tasks(self.store, self.events, self.jobs, self.uplets, self.files)
        self.reports = Reports(self.store, self.tasks)
        self.pipelines = Pipelines(self.store, self.tasks)
        self.project_removal = ProjectRemoval(self.store, self.tasks)
        self.queues = Queues(self.store, self.events)
        self.workers = Workers(self.store, self.name, self.config.workers)
        self._exit.push_async_callback(self.runner.stop)
        await self.runner.start()
        self.watchdog = Watchdog(self.store, self.events, dict.fromkeys(UpletKind, self.uplets.release))
        statistics = OwnStatistics(self.store, self.runner.busy)
        watching = [asyncio.create_task(watch) for watch in (self.watchdog.watch(), statistics.watch())]
        self._exit.push_async_callback(end, watching)

    async def _offer_uplets(self) -> None:
        """Whoever computes elsewhere learns what is ready."""
        self._hints = Hints(self.uplets, self._broker, self.node_id)
        self._hints.start()
        self._exit.push_async_callback(self._hints.stop)
        self._dispatch = None
        if self.config.compute is not None:
            self._dispatch = Dispatch(self.uplets, self.events, self.config.compute)
            self._dispatch.start()
            self._exit.push_async_callback(self._dispatch.stop)

    async def stop(self) -> None:
        """End everything in the reverse order. Interrupted tasks are queued again at the next start."""
        await self._exit.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def announce(self, url: str, files_url: str) -> None:
        """Write credentials.json (0600), once it is known under which addresses the node answers."""
        self.url, self.files_url = url, files_url
        content = {
            "access_key": self.first_key.access_key,
            "secret_key": self.first_key.secret_key,
            "url": url,
            "files_url": files_url,
        }
        data = json.dumps(content, indent=2).encode() + b"\n"
        await asyncio.to_thread(write_private, self.config.credentials_path, data)

    @asynccontextmanager
    async def backup(self) -> AsyncIterator[Archive]:
        """All that this node is, at one moment, while it goes on; to be read within the context.

        Raises BackupError if its database is elsewhere.
        """
        async with AsyncExitStack() as held:
            await held.enter_async_context(self.files.pinned())
            taking = taken(self.config, self.files.open_content, self._broker.held_still)
            entering = asyncio.ensure_future(asyncio.to_thread(taking.__enter__))

            async def leave() -> None:
                await asyncio.wait([entering])  # also of a caller that was cancelled
                if entering.exception() is None:
                    await asyncio.to_thread(taking.__exit__, None, None, None)

            held.push_async_callback(leave)
            yield await asyncio.shield(entering)

    def problems(self) -> dict[str, str]:
        """What is not as it should be, by the part concerned; empty if all is well."""
        problems = self.federations.problems()
        told = {
            "nats": self._broker.problem,
            "hints": self._hints.problem,
            "compute": None if self._dispatch is None else self._dispatch.problem,
        }
        return problems | {part: problem for part, problem in told.items() if problem is not None}

    @property
    def nats_url(self) -> str | None:
        """The broker of this node: its own server's or the one it was given; None if it has neither."""
        return self._broker.url

    async def _first_key(self) -> AccessKey:
        """The oldest admin key; made at the first start."""
        admins = [key for key in await self.keys.list() if key.role is Role.ADMIN]
        return admins[0] if admins else await self.keys.create("admin", Role.ADMIN)
