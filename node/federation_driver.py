"""Drives one federation's state machine: what the bus brings goes in, what comes out is stored, then sent.

The order is the protocol's (see `federation.member`): one call at a time; its snapshot, contributions and
messages are one transaction; only then is anything sent. A broker that is away stops nothing but the sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import sqlalchemy as sa

from federation.identity import Identity
from federation.lifecycle import State, listens
from federation.member import Federation
from federation.outputs import (
    Admitted,
    CharterAdopted,
    ContributionReceived,
    ContributionReleased,
    Output,
    Rejected,
    Reread,
    Withheld,
)
from federation.slot import Slot, welcome_slot
from federation.statistics import Moments
from node import federation_rows as rows
from node.answers import SyncStats
from node.broker import Broker, entropy
from node.errors import NodeError
from node.federation_log import log_line
from node.federation_rows import FederationRow
from node.project_rows import ProjectRow
from node.projects import Projects
from node.store import Store
from transport import subjects
from transport.bus import Bus, BusError, PayloadCorrupt, PermissionDenied
from transport.credentials import CredentialError
from transport.tasks import end

T = TypeVar("T")

BACK_OFF = (0.25, 10.0)
"""Seconds between attempts to reach the broker: the first, and the longest."""


class FederationDriver:
    """One federation of this node.

    `on_roster` is awaited before anything is sent, at the admin: who is in decides who may enter the server.
    `on_admitted` is awaited by a member whenever its projects may have changed.
    """

    def __init__(
        self,
        row: FederationRow,
        machine: Federation,
        *,
        identity: Identity,
        store: Store,
        broker: Broker,
        projects: Projects,
        on_roster: Callable[[], Awaitable[None]],
        on_admitted: Callable[[FederationDriver], Awaitable[None]],
    ) -> None:
        self.row, self.machine = row, machine
        self._identity, self._store, self._broker, self._projects = identity, store, broker, projects
        self._on_roster, self._on_admitted = on_roster, on_admitted
        self._lock = asyncio.Lock()
        self._bus: Bus | None = None
        self._lives: list[asyncio.Task[None]] = []
        self._to_send, self._to_read, self._to_share = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._restart, self._emptied = asyncio.Event(), asyncio.Event()
        self._reread: dict[Slot, None] = {}
        self._changed = asyncio.Event()
        self._snapshot = b""
        self._withheld: dict[str, int] = {}
        self._sent_before = self._received_before = 0
        self._contributions_sent = self._contributions_received = 0
        self._last_sent: float | None = None
        self._last_received: float | None = None
        self.problem: str | None = None

    def start(self) -> None:
        self._to_send.set()
        self._to_share.set()
        self._lives = [asyncio.create_task(self._live()), asyncio.create_task(self._share())]

    async def stop(self) -> None:
        await end(self._lives)
        async with self._lock:  # a step that has begun is finished
            pass

    @property
    def connected(self) -> bool:
        return self._bus is not None and self._bus.connected

    @property
    def ended(self) -> bool:
        return self.machine.state in (State.REJECTED, State.LEFT)

    @property
    def refusal(self) -> str | None:
        """Why the admin did not admit this node; None if it has not refused."""
        if self.machine.state is not State.REJECTED:
            return None
        return f"the admin of {self.row.name!r} did not admit this node: {self.row.broker.get('refused', '')}"

    # --- steps of the machine -----------------------------------------------------------------------------

    async def step(
        self,
        call: Callable[[Federation], Sequence[Output]],
        also: Callable[[sa.Connection], None] | None = None,
    ) -> Sequence[Output]:
        """Let the machine do something, in a thread; returns its outputs once they are committed.

        Raises what `call` raises (then nothing has changed) and StoreError (then it is undone).
        """
        return await asyncio.shield(asyncio.create_task(self._step(call, also)))

    async def _step(
        self,
        call: Callable[[Federation], Sequence[Output]],
        also: Callable[[sa.Connection], None] | None,
    ) -> Sequence[Output]:
        async with self._lock:
            outputs, data = await asyncio.to_thread(lambda: (call(self.machine), self.machine.snapshot()))
            for output in outputs:
                if isinstance(output, Rejected):
                    self.row.broker = {**self.row.broker, "refused": f"{output.reason}: {output.detail}"}
            if outputs or also is not None or data != self._snapshot:
                lines = [line for output in outputs if (line := log_line(output)) is not None]

                def write(connection: sa.Connection) -> None:
                    rows.save(connection, self.row, data, outputs)
                    for level, text in lines:
                        rows.add_log(connection, self.row.name, level, text)
                    if self.ended:
                        rows.release_projects(connection, self.row.name)
                    if also is not None:
                        also(connection)

                try:
                    await self._store.write(write)
                except BaseException:
                    await self._undo()
                    raise
                self._snapshot = data
        self._note(outputs)
        return outputs

    async def _undo(self) -> None:
        """The step was not committed: begin again from what is on disk."""
        name = self.row.name
        stored = await self._store.read(lambda c: (rows.snapshot(c, name), rows.records(c, name)))
        if stored[0] is not None:
            self.machine = Federation.restore(self._identity, stored[0], stored[1], entropy=entropy)

    def _note(self, outputs: Sequence[Output]) -> None:
        """What follows from a committed step."""
        now = time.time()
        for output in outputs:
            match output:
                case Reread(slots):
                    self._reread.update(dict.fromkeys(slots))
                    self._to_read.set()
                case ContributionReceived():
                    self._contributions_received += 1
                    self._last_received = now
                case ContributionReleased():
                    self._contributions_sent += 1
                    self._last_sent = now
                case Admitted():
                    self._restart.set()  # from now on we enter as a member
                    self._to_share.set()
                case CharterAdopted():
                    self._to_share.set()
                case Withheld(project, version):
                    self._withheld[project] = version
                case _:
                    pass
        if self.ended:
            self._restart.set()  # nothing more is to be heard or said
        if outputs:
            self._to_send.set()
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def changed(self) -> None:
        """Return after the next step that did something."""
        await self._changed.wait()

    # --- the bus ------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        pause, longest = BACK_OFF
        while not self.ended:
            began = time.monotonic()
            try:
                await self._visit()
            except (BusError, CredentialError, NodeError, OSError) as error:
                await self._complain(f"broker: {error}", "warning")
            except Exception as error:
                await self._complain(f"{type(error).__name__}: {error}", "error")
            if self._restart.is_set():
                continue
            pause = BACK_OFF[0] if time.monotonic() - began > longest else min(2 * pause, longest)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._restart.wait()

    async def _complain(self, problem: str, level: str) -> None:
        """Say what is wrong; the same thing again is said once."""
        if problem != self.problem:
            self.problem = problem
            await self.log(level, problem)

    async def _visit(self) -> None:
        """One connection, until it fails or is to be made anew."""
        self._restart.clear()
        terms = self.row.broker["terms"]
        guest = self.machine.state is State.JOINING
        try:
            bus = await self._broker.connect(terms, as_guest=guest)
        except PermissionDenied:
            if not guest:
                raise
            guest = False  # the invitation's time is over, but a person may have admitted us since
            bus = await self._broker.connect(terms, as_guest=False)
        self._bus = bus
        try:
            if not terms and self.machine.is_admin:
                await bus.provision(self.row.federation_id)
            self.problem = None
            self._to_send.set()
            tasks = [
                asyncio.create_task(self._read(bus, guest)),
                asyncio.create_task(self._read_again(bus)),
                asyncio.create_task(self._send(bus)),
                asyncio.create_task(self._until_restart()),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(tasks)
            for task in done:
                task.result()
        finally:
            self._bus = None
            self._sent_before += bus.bytes_sent
            self._received_before += bus.bytes_received
            await bus.close()

    async def _until_restart(self) -> None:
        await self._restart.wait()

    async def _read(self, bus: Bus, guest: bool) -> None:
        """Whatever is new goes to the machine. A guest may only look for its answer."""
        name = self.row.federation_id
        if guest and self.row.broker["terms"].get("nkey"):
            pattern = subjects.state(name, *welcome_slot(self.row.broker["invitation"]))
        else:
            pattern = subjects.state_pattern(name, ">")
        watch = await bus.watch(pattern)
        try:
            async for subject in watch:
                try:
                    _, slot = subjects.slot_of(subject)
                except subjects.SubjectError as error:
                    await self.log("error", f"passed over: {error}")
                    continue
                await self._take(bus, slot)
        finally:
            await watch.close()

    async def _read_again(self, bus: Bus) -> None:
        while True:
            await self._to_read.wait()
            self._to_read.clear()
            while self._reread:
                slot = next(iter(self._reread))
                await self._take(bus, slot)
                self._reread.pop(slot, None)

    async def _take(self, bus: Bus, slot: Slot) -> None:
        if not listens(self.machine.state, self.machine.is_admin, slot[0]):
            return
        if slot[-1] == self._identity.node_id:
            return  # our own words
        try:
            data = await bus.get(subjects.state(self.row.federation_id, *slot))
        except PayloadCorrupt as error:  # what one member wrote must not keep us from hearing the others
            await self.log("error", f"passed over: {error}")
            return
        if data is not None:
            await self.step(lambda machine: machine.receive(slot, data, time.time()))

    async def _send(self, bus: Bus) -> None:
        """The outbox, oldest first. What the broker does not take now is tried again with the next."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            if self.machine.is_admin:
                await self._on_roster()  # whoever is admitted must get in when it reads that it is
            refused: PermissionDenied | None = None
            for sequence in await self._store.read(lambda c: rows.waiting(c, self.row.name)):
                try:
                    await self._send_one(bus, sequence)
                except PermissionDenied as error:
                    refused = error
            if refused is not None:
                raise refused
            self._emptied.set()

    async def _send_one(self, bus: Bus, sequence: int) -> None:
        found = await self._store.read(lambda c: rows.message(c, sequence))
        if found is not None:
            slot, payload = found
            await bus.put(subjects.state(self.row.federation_id, *slot), payload)
            await self._store.write(lambda c: rows.sent(c, sequence))

    # --- contributions ------------------------------------------------------------------------------------

    def share(self) -> None:
        """A project has changed."""
        self._to_share.set()

    async def _share(self) -> None:
        pause, longest = BACK_OFF
        trouble = ""
        while True:
            await self._to_share.wait()
            self._to_share.clear()
            try:
                if self.machine.state is State.MEMBER:
                    await self._on_admitted(self)
                if self.row.pulse:
                    await self.contribute()
            except Exception as error:  # of a full disk, for example: what is due stays due
                trouble = f"contributing: {type(error).__name__}: {error}"
                await self._complain(trouble, "error")
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
                self._to_share.set()
            else:
                pause = BACK_OFF[0]
                if self.problem == trouble:
                    self.problem = None

    async def contribute(self) -> None:
        """Hand over what has changed in our projects since then, and take back what is gone."""
        if self.machine.state is not State.MEMBER:
            return
        me = self._identity.node_id
        status = await self.look(lambda machine: machine.status())
        held = next((m.contributions for m in status.members if m.node_id == me), {})
        for project in status.projects:
            mine = await self._projects.contribution(self.row.name, project)
            if mine is None and project in held and held[project].rows:
                await self._withdraw(project, held[project].version + 1)
            elif mine is not None and self._due(project, mine[0], project in held):
                await self._contribute(project, *mine)

    def _due(self, project: str, row: ProjectRow, held: bool) -> bool:
        """Whether there is something new. Who has learned nothing yet has not contributed."""
        if self._withheld.get(project) == row.version:
            return False
        return row.version > row.shared_version or (not held and row.rows > 0)

    async def _contribute(self, project: str, row: ProjectRow, moments: Moments) -> None:
        try:
            await self.step(
                lambda machine: machine.contribute(project, row.version, moments, time.time()),
                lambda connection: rows.mark_shared(connection, row.id, row.version),
            )
        except ValueError as error:  # of the protocol: a schema that is not the agreed one, for example
            await self.log("error", f"version {row.version} of {project!r} was not contributed: {error}")

    async def _withdraw(self, project: str, version: int) -> None:
        def call(machine: Federation) -> Sequence[Output]:
            schema = machine.charter.projects[project] or machine.fused(project).moments.schema
            return machine.contribute(project, version, Moments(schema), time.time())

        try:
            await self.step(call)
        except ValueError as error:
            await self.log("error", f"project {project!r} could not be withdrawn: {error}")

    # --- for the service ----------------------------------------------------------------------------------

    async def resync(self) -> None:
        """Say everything again and read everything again."""
        await self.step(lambda machine: machine.republish(time.time()))
        await self.contribute()
        self._restart.set()

    async def all_sent(self) -> None:
        """Return when nothing waits to be sent."""
        while True:
            self._emptied.clear()  # before looking, or the end of the sending could fall in between
            if not await self._store.read(lambda c: rows.waiting(c, self.row.name)):
                return
            await self._emptied.wait()

    async def publish(self, kind: str, payload: bytes) -> None:
        """A passing event, for whoever listens in the federation; dropped if the broker is away."""
        if self._bus is not None and self.machine.state is State.MEMBER:
            with contextlib.suppress(BusError):
                subject = subjects.events(self.row.federation_id, self._identity.node_id, kind)
                await self._bus.publish(subject, payload)

    async def look(self, read: Callable[[Federation], T]) -> T:
        """Read from the machine, in a thread, between its steps."""
        async with self._lock:
            return await asyncio.to_thread(read, self.machine)

    async def log(self, level: str, text: str) -> None:
        with contextlib.suppress(Exception):  # a log line is not worth ending for
            await self._store.write(lambda c: rows.add_log(c, self.row.name, level, text))

    async def sync_stats(self) -> SyncStats:
        sent, received = self._sent_before, self._received_before
        if self._bus is not None:
            sent, received = sent + self._bus.bytes_sent, received + self._bus.bytes_received
        waiting = await self._store.read(lambda c: len(rows.waiting(c, self.row.name)))
        return SyncStats(
            bytes_sent=sent,
            bytes_received=received,
            contributions_sent=self._contributions_sent,
            contributions_received=self._contributions_received,
            refused=sum(self.machine.refusals.values()),
            waiting=waiting,
            last_sent=self._last_sent,
            last_received=self._last_received,
        )
