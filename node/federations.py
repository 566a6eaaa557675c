"""The federations of this node, as the dialects see them; one driver each."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from federation.charter import Approval
from federation.identity import Identity
from federation.invitation import Invitation
from federation.lifecycle import State
from federation.member import Federation
from federation.outputs import Output
from node import federation_rows as rows
from node.admittance import Admittance
from node.answers import (
    FederationInfo,
    IssuedInvitation,
    JoinRequestInfo,
    LogLine,
    SyncStats,
)
from node.broker import Broker, entropy
from node.errors import AlreadyExists, BadRequest, Unavailable
from node.events import Events
from node.federated_projects import FederatedProjects
from node.federation_driver import FederationDriver
from node.federation_drivers import FederationDrivers
from node.federation_rows import FederationRow
from node.federation_status import federation_info
from node.learning import refusing
from node.projects import Projects
from node.store import Store
from transport.bus import BusError
from transport.credentials import NKey
from transport.server_process import ServerError
from transport.tasks import end

SYNC_SECONDS = 30.0

FederationList = builtins.list[FederationInfo]
LogLines = builtins.list[LogLine]


class Federations:
    """All federations of this node, by name."""

    def __init__(
        self, identity: Identity, member_name: str, store: Store, broker: Broker, projects: Projects
    ) -> None:
        self._identity, self._member_name = identity, member_name
        self._store, self._broker, self._local = store, broker, projects
        self._drivers = FederationDrivers()
        self.projects = FederatedProjects(identity.node_id, self._drivers, projects)
        self._admittance = Admittance(broker, identity.node_id, self._drivers)
        self._background: set[asyncio.Task[Any]] = set()

    async def open(self, events: Events, *, restored: bool = False) -> None:
        """Take up every federation where it was, and tell its members what this node's tasks come to.

        `restored`: where it was is what a backup says; what was sent after that is not known here.
        """
        task = asyncio.create_task(self._publish(events))
        self._background.add(task)
        for row, snapshot in await self._store.read(rows.all_federations):
            records = await self._store.read(lambda c, name=row.name: rows.records(c, name))  # type: ignore[misc]
            machine = await asyncio.to_thread(
                Federation.restore, self._identity, snapshot, records, entropy=entropy
            )
            driver = self._drivers[row.name] = self._driver(row, machine)
            if restored:
                await driver.step(lambda machine: machine.come_back(time.time()))
        with contextlib.suppress(Exception):  # the drivers try again, and say so
            await self._admittance.update()
        for driver in self._drivers.values():
            driver.start()

    async def _publish(self, events: Events) -> None:
        """Which task is in which state, and nothing of what it is about: events are not sealed."""
        with events.listen(kinds={"status"}) as listener:
            while True:
                event = await listener.get()
                word = {"task": event.task, "status": event.body["status"], "time": event.time}
                for driver in list(self._drivers.values()):
                    await driver.publish("task", json.dumps(word).encode())

    async def close(self) -> None:
        await end(self._background)
        await self._admittance.close()
        await asyncio.gather(*(driver.stop() for driver in self._drivers.values()))

    # --- founding, inviting, joining ----------------------------------------------------------------------

    async def create(
        self, name: str, *, owner: str, approval: str = "automatic", quorum: int | None = None
    ) -> FederationInfo:
        """Found a federation with this node as its admin. Raises AlreadyExists, BadRequest."""
        self._broker.require()
        self._check_free(name)
        try:
            wanted = Approval(approval)
        except ValueError:
            raise BadRequest(f"there is no approval {approval!r}", "use automatic or manual") from None
        with refusing():
            machine, outputs = Federation.create(
                self._identity,
                name,
                self._member_name,
                approval=wanted,
                quorum=quorum,
                bus_key=self._broker.key.public,
                now=time.time(),
                entropy=entropy,
            )
        await self._add(machine, owner, {"terms": {}, "guests": [], "project": None}, outputs)
        return await self.status(name)

    async def invite(
        self, name: str, *, password: str | None = None, lifetime: float = 7200.0
    ) -> IssuedInvitation:
        """A one-time invitation, as a string to paste."""
        driver = self._drivers.find(name)
        guest = NKey.generate()
        made: builtins.list[Invitation] = []

        def call(machine: Federation) -> Sequence[Output]:
            terms = self._broker.terms(guest)
            invitation = machine.invite(terms, now=time.time(), password=password, lifetime=lifetime)
            made.append(invitation)
            if self._broker.embedded:
                guests = [g for g in driver.row.broker["guests"] if g[2] > time.time()]
                guests.append([guest.public, invitation.id, invitation.expires])
                driver.row.broker = {**driver.row.broker, "guests": guests}
            return []

        if driver.machine.state is not State.MEMBER or not driver.machine.is_admin:
            raise BadRequest(f"only the admin of {name!r} can invite", "ask its admin for an invitation")
        with refusing():
            await driver.step(call, lambda _: None)
        try:
            await self._admittance.update()
        except (BusError, ServerError) as error:
            raise Unavailable(
                f"nobody can enter this node's broker now: {error}", "try again later"
            ) from None
        return IssuedInvitation(made[0].text, made[0].id, made[0].expires)

    async def join(
        self,
        invitation: str,
        *,
        owner: str,
        password: str | None = None,
        project: str | None = None,
        parameters: dict[str, Any] | None = None,
        wait: float = 0.0,
    ) -> FederationInfo:
        """Ask to be admitted, and wait up to `wait` seconds for the answer.

        `project`: the local project (made with `parameters` if there is none) that takes part in the
        federation's first project once this node is admitted. Raises BadRequest for an invitation that is
        altered, expired or needs a password, and with the admin's reason if it refuses within that time;
        AlreadyExists.
        """
        with refusing():
            given = await asyncio.to_thread(Invitation.parse, invitation, password)
            self._check_free(given.name)
            machine, outputs = Federation.join(
                self._identity,
                given,
                self._member_name,
                bus_key=self._broker.key.public,
                now=time.time(),
                entropy=entropy,
            )
        broker: dict[str, Any] = {
            "terms": dict(given.broker),
            "guests": [],
            "project": project,
            "parameters": parameters,
            "invitation": given.id,
        }
        driver = await self._add(machine, owner, broker, outputs)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while driver.machine.state is State.JOINING:
                    await driver.changed()
        if driver.refusal is not None:
            raise BadRequest(driver.refusal, "ask its admin for a new invitation")
        return await self.status(given.name)

    async def requests(self, name: str) -> builtins.list[JoinRequestInfo]:
        """Who waits for a decision."""
        return list((await self.status(name)).requests)

    async def approve(self, name: str, request: str) -> None:
        await self._drivers.ask(name, lambda machine: machine.approve(request, now=time.time()))

    async def refuse(self, name: str, request: str) -> None:
        await self._drivers.ask(name, lambda machine: machine.refuse(request, now=time.time()))

    async def expel(self, name: str, node_id: str) -> None:
        await self._drivers.ask(name, lambda machine: machine.expel(node_id, now=time.time()))

    async def leave(self, name: str) -> None:
        """Leave, or forget a federation that this node is not, or no longer, a member of.

        Who was expelled while away is told so by nobody: leaving once more, with the broker out of reach,
        forgets the federation without waiting for its admin.
        """
        driver = self._drivers.find(name)
        gives_up = driver.machine.state is State.LEAVING and not driver.connected
        if gives_up or driver.machine.state not in (State.MEMBER, State.LEAVING):
            await self._forget(driver)
            return
        await self._drivers.ask(name, lambda machine: machine.leave(now=time.time()))

    # --- synchronising ------------------------------------------------------------------------------------

    async def start(self, name: str) -> None:
        """Contribute every change from now on."""
        await self._pulse(name, True)

    async def stop(self, name: str) -> None:
        """Contribute nothing until `start` or `sync`."""
        await self._pulse(name, False)

    async def _pulse(self, name: str, on: bool) -> None:
        driver = self._drivers.find(name)
        driver.row.pulse = on
        await driver.step(lambda _: [], lambda _: None)
        driver.share()

    async def sync(self, name: str) -> FederationInfo:
        """Contribute now, read everything again, and wait until all is sent."""
        driver = self._drivers.find(name)
        with refusing():
            await driver.resync()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SYNC_SECONDS):
                await driver.all_sent()
        return await self.status(name)

    async def sync_stats(self, name: str) -> SyncStats:
        return await self._drivers.find(name).sync_stats()

    async def sync_log(self, name: str) -> LogLines:
        """What happened, oldest first."""
        self._drivers.find(name)
        return await self._store.read(lambda c: rows.log(c, name))

    async def error_log(self, name: str) -> LogLines:
        """What was refused or failed, oldest first."""
        self._drivers.find(name)
        return await self._store.read(lambda c: rows.log(c, name, "error"))

    # --- looking ------------------------------------------------------------------------------------------

    async def list(self) -> FederationList:
        """All federations, oldest first."""
        return [await self.status(name) for name in self._drivers]

    async def status(self, name: str) -> FederationInfo:
        """Raises NotFound."""
        driver = self._drivers.find(name)
        status = await driver.look(lambda machine: machine.status())
        member = driver.machine.state in (State.MEMBER, State.LEAVING)
        shared = [await self.projects.show(driver, project) for project in status.projects] if member else []
        return federation_info(driver, status, shared)

    def problems(self) -> dict[str, str]:
        """What is wrong, by federation."""
        return {
            f"federation {name}": driver.problem
            for name, driver in self._drivers.items()
            if driver.problem is not None and not driver.ended
        }

    # --- inside -------------------------------------------------------------------------------------------

    def _driver(self, row: FederationRow, machine: Federation) -> FederationDriver:
        return FederationDriver(
            row,
            machine,
            identity=self._identity,
            store=self._store,
            broker=self._broker,
            projects=self._local,
            on_roster=self._admittance.update,
            on_admitted=self.projects.take_part,
        )

    async def _add(
        self, machine: Federation, owner: str, broker: dict[str, Any], outputs: Sequence[Output]
    ) -> FederationDriver:
        old = self._drivers.get(machine.name)
        if old is not None:
            await self._forget(old)
        row = FederationRow(machine.name, machine.id, owner, True, time.time(), broker)
        data = await asyncio.to_thread(machine.snapshot)

        def write(connection: Any) -> None:
            rows.insert(connection, row, data)
            rows.save(connection, row, data, outputs)

        try:
            await self._store.write(write)
        except sa.exc.IntegrityError:  # somebody else was faster
            raise AlreadyExists(
                f"this node is in a federation {row.name!r} already", "leave it first"
            ) from None
        driver = self._drivers[row.name] = self._driver(row, machine)
        driver.start()
        return driver

    async def _forget(self, driver: FederationDriver) -> None:
        await driver.stop()
        await self._store.write(lambda c: rows.delete(c, driver.row.name))
        del self._drivers[driver.row.name]

    def _check_free(self, name: str) -> None:
        driver = self._drivers.get(name)
        if driver is not None and not driver.ended:
            raise AlreadyExists(f"this node is in a federation {name!r} already", "leave it first")
