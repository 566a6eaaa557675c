"""Projects of federations: what members agreed on, what they hold together, what takes part in it here."""

from __future__ import annotations

import time
from dataclasses import replace

from federation.errors import FusionError
from federation.fusion import Fused
from federation.lifecycle import State
from federation.member import Federation
from federation.statistics import SEPARATOR, Schema
from node.answers import Share, SharedProject, Statistics
from node.errors import BadRequest, NodeError, NotFound, Unavailable
from node.federation_driver import FederationDriver
from node.federation_drivers import FederationDrivers
from node.federation_status import STATES, shares_of
from node.learning import refusing
from node.projects import Projects


class FederatedProjects:
    """What a node's projects need of its federations (`projects.Fusion`), and the other way round."""

    def __init__(self, node_id: str, drivers: FederationDrivers, projects: Projects) -> None:
        self._node_id, self._drivers, self._projects = node_id, drivers, projects
        self._digests: dict[tuple[str, str], tuple[tuple[Share, ...], str]] = {}

    async def fused(self, federation: str, shared_as: str) -> Statistics:
        """The sum of the members' contributions. Raises Unavailable naming who is missing."""
        driver = self._drivers.find(federation)
        if driver.row.pulse:
            await driver.contribute()  # so that an answer contains what was learned before the question
        with refusing():
            fused = await driver.look(lambda machine: machine.fused(shared_as))
        return Statistics(fused.moments, shares_of(fused))

    async def of_member(self, federation: str, shared_as: str, member: str) -> Statistics:
        """What one member, told by its id or its name, has contributed. Raises BadRequest, Unavailable."""
        driver = self._drivers.find(federation)

        def look(machine: Federation) -> Fused:
            known = {item.name: node_id for node_id, item in machine.charter.members.items()}
            return machine.of_member(shared_as, known.get(member, member))

        with refusing():
            found = await driver.look(look)
        return Statistics(found.moments, shares_of(found))

    async def adopt(self, federation: str, shared_as: str, schema: Schema) -> tuple[Schema, int]:
        """Make sure the federation has this project; its agreed schema, and the version to go on from.

        A schema without attributes leaves them open, or takes the agreed ones. Raises NotFound if there is no
        such project and this node is not its admin, BadRequest if other attributes are agreed.
        """
        driver = self._drivers.find(federation)
        if driver.refusal is not None:
            raise BadRequest(driver.refusal, "ask its admin for a new invitation")
        if driver.machine.state is not State.MEMBER:
            raise Unavailable(
                f"this node is not a member of {federation!r} (it is {STATES[driver.machine.state]})",
                "wait until it is admitted",
            )
        known = driver.machine.charter.projects
        if shared_as not in known:
            if not driver.machine.is_admin:
                raise NotFound(
                    f"federation {federation!r} has no project {shared_as!r}; "
                    f"it has: {', '.join(sorted(known)) or 'none'}",
                    "its admin makes it by creating a project of that name in the federation",
                )
            await self._drivers.ask(
                federation, lambda machine: machine.set_project(shared_as, schema, now=time.time())
            )
        agreed = driver.machine.charter.projects[shared_as]
        if agreed is None:  # without attributes, and without a word on what else is counted
            agreed = replace(schema, attributes=())
        asked = replace(
            schema,
            extras=agreed.extras,
            split=schema.split or agreed.split,
            order=schema.order or agreed.order,
            separator=agreed.separator if schema.separator == SEPARATOR else schema.separator,
        )
        if schema.attributes and agreed.attributes and asked != agreed:
            raise BadRequest(
                f"project {shared_as!r} of {federation!r} has another schema, agreed among its members",
                "leave the schema out: the agreed one is taken",
            )
        status = await driver.look(lambda machine: machine.status())
        me = next(member for member in status.members if member.node_id == self._node_id)
        held = me.contributions.get(shared_as)
        return agreed, 0 if held is None else held.version

    def changed(self, federation: str, shared_as: str) -> None:
        """A local project has a new version, or is gone."""
        driver = self._drivers.get(federation)
        if driver is not None:
            driver.share()

    async def show(self, driver: FederationDriver, project: str) -> SharedProject:
        """How a project of a federation stands here."""
        local = await self._projects.contribution(driver.row.name, project)
        local_name = None if local is None else local[0].name

        def look(machine: Federation) -> SharedProject:
            try:
                fused = machine.fused(project)
            except FusionError as error:
                return SharedProject(project, local_name, None, None, (), getattr(error, "missing", ()))
            shares = shares_of(fused)
            known, digest = self._digests.get((driver.row.name, project), ((), ""))
            if known != shares:
                digest = fused.moments.digest()
                self._digests[driver.row.name, project] = (shares, digest)
            return SharedProject(project, local_name, fused.moments.rows, digest, shares)

        return await driver.look(look)

    async def take_part(self, driver: FederationDriver) -> None:
        """The project named when joining: made, or attached, once there is something to attach it to."""
        project = driver.row.broker.get("project")
        shared = sorted(driver.machine.charter.projects)
        if not project or not shared:
            return
        try:
            try:
                info = await self._projects.info(project)
            except NotFound:
                await self._projects.create(
                    project,
                    owner=driver.row.owner,
                    federation=driver.row.name,
                    shared_as=shared[0],
                    parameters=driver.row.broker.get("parameters"),
                )
            else:
                if info.federation is None:
                    await self._projects.share(project, driver.row.name, shared[0])
        except NodeError as error:
            await driver.log("error", f"project {project!r} does not take part: {error.message}")
        # Stored, or a restart would make the project again though it was deleted since.
        driver.row.broker = {**driver.row.broker, "project": None}
        await driver.step(lambda _: [], lambda _: None)
