"""Deployments: made, given versions, looked at, ended."""

from __future__ import annotations

import builtins
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import sqlalchemy as sa

from node.deployments.deployment import Deployment, Version, check_terms, check_version, following
from node.deployments.keys import unknown_deployment
from node.deployments.snapshots import Snapshot
from node.errors import AlreadyExists, BadRequest, NotFound
from node.file_store import OwnPath, Upload
from node.file_store.store import FileStore
from node.project_rows import check_name
from node.store import Store
from node.store.deployment_tables import deployment_versions, deployments
from node.tasks import now

_VERSION_COLUMNS: Final = [deployment_versions.c[field.name] for field in fields(Version)]


@dataclass(frozen=True, slots=True)
class Scorer:
    """What a version scores with: plain data, and its file in the file store, if it has one."""

    kind: str
    schema: dict[str, Any]
    model: dict[str, Any]
    file: str | None


class Deployments:
    """The deployments of a node."""

    def __init__(self, store: Store, files: FileStore) -> None:
        self._store, self._files = store, files

    async def create(self, name: str, owner: str, *, group_size: int = 1, price: int = 0) -> Deployment:
        """A deployment without a version. Raises BadRequest, AlreadyExists."""
        check_name(name)
        check_terms(group_size, price)
        values = {"name": name, "owner": owner, "group_size": group_size, "price": price, "created": now()}

        def write(connection: sa.Connection) -> Deployment:
            if connection.scalar(sa.select(deployments.c.name).where(deployments.c.name == name)) is not None:
                raise AlreadyExists(f"there is a deployment {name!r} already", "choose another name")
            connection.execute(deployments.insert().values(values))
            return _find(connection, name)

        return await self._store.write(write)

    async def get(self, name: str) -> Deployment:
        """Raises NotFound."""
        return await self._store.recall(("deployment", name), lambda c: _find(c, name))

    async def list(self) -> builtins.list[Deployment]:
        """All deployments, by name."""

        def read(connection: sa.Connection) -> builtins.list[Deployment]:
            names = connection.scalars(sa.select(deployments.c.name).order_by(deployments.c.name))
            return [_find(connection, name) for name in names.all()]

        return await self._store.recall("deployments", read)

    async def change_terms(self, name: str, *, group_size: int | None, price: int | None) -> Deployment:
        """Other terms for the jobs from now on. Raises NotFound, BadRequest."""
        before = await self.get(name)
        terms = {
            "group_size": before.group_size if group_size is None else group_size,
            "price": before.price if price is None else price,
        }
        check_terms(**terms)

        def write(connection: sa.Connection) -> Deployment:
            connection.execute(deployments.update().where(deployments.c.name == name).values(terms))
            return _find(connection, name)

        return await self._store.write(write)

    async def delete(self, name: str) -> None:
        """End a deployment with its versions and keys. What it did and cost stays. Raises NotFound."""

        mine = deployment_versions.c.deployment == name

        def files(connection: sa.Connection) -> builtins.list[OwnPath]:
            return [
                file_path(file)
                for file in connection.scalars(sa.select(deployment_versions.c.file).where(mine))
                if file
            ]

        def write(connection: sa.Connection) -> None:
            if not connection.execute(deployments.delete().where(deployments.c.name == name)).rowcount:
                raise unknown_deployment(name)

        await self._files.delete(await self._store.read(files), write)

    # --- versions -----------------------------------------------------------------------------------------

    async def add_version(
        self, name: str, snapshot: Snapshot, owner: str, *, version: str | None = None
    ) -> Version:
        """The next version, active, from now on the one that scores.

        version: by default the newest one's, its last number one higher. Raises NotFound, BadRequest,
        AlreadyExists.
        """
        return await self._store.write(lambda c: _add(c, name, snapshot, owner, version, None))

    async def add_uploaded(
        self,
        name: str,
        snapshot: Snapshot,
        owner: str,
        upload: Upload,
        path: OwnPath,
        *,
        version: str | None = None,
    ) -> Version:
        """As `add_version`, with a file that has arrived by an upload, at a path that `file_path` gave."""
        made: list[Version] = []
        file = "/".join(path.split("/")[-2:])
        await upload.commit(lambda c: made.append(_add(c, name, snapshot, owner, version, file)))
        return made[-1]

    async def set_active(self, name: str, version: str, active: bool) -> Version:
        """Let a version be used, or not. Raises NotFound."""
        mine = _is(name, version)

        def write(connection: sa.Connection) -> Version:
            connection.execute(deployment_versions.update().where(mine).values(active=active))
            found = connection.execute(sa.select(*_VERSION_COLUMNS).where(mine)).mappings().one_or_none()
            if found is None:
                raise unknown_version(name, version)
            return Version(**found)

        return await self._store.write(write)

    async def scorer(self, name: str, version: str) -> Scorer:
        """What a version scores with. Raises NotFound."""
        c = deployment_versions.c
        query = sa.select(c.kind, c.schema, c.model, c.file).where(_is(name, version))
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise unknown_version(name, version)
        return Scorer(*row)


def file_path(file: str) -> OwnPath:
    """Where the file store has the file of a version."""
    return OwnPath("deployments", file)


def _add(
    connection: sa.Connection,
    name: str,
    snapshot: Snapshot,
    owner: str,
    version: str | None,
    file: str | None,
) -> Version:
    if version is not None:
        check_version(version)
    known = _find(connection, name).versions
    named = version or following(known[0].version if known else None)
    if any(one.version == named for one in known):
        raise AlreadyExists(
            f"deployment {name!r} has a version {named} already",
            "versions do not change: give another number, or none",
        )
    made = Version(name, named, snapshot.kind, True, owner, now(), snapshot.origin, snapshot.schema)
    rest = {"position": len(known) + 1, "model": snapshot.model, "file": file}
    connection.execute(deployment_versions.insert().values(asdict(made) | rest))
    return made


def chosen(deployment: Deployment, version: str | None) -> Version:
    """The version that a job gets: the one it names, or the newest active one. Raises BadRequest."""
    found = [one for one in deployment.versions if one.active and version in (None, one.version)]
    if found:
        return found[0]
    if version is None:
        raise BadRequest(
            f"deployment {deployment.name!r} has no active version", "its owner has to add or activate one"
        )
    raise BadRequest(
        f"deployment {deployment.name!r} has no active version {version[:80]!r}",
        "leave version out to use the newest, or name one that is active",
    )


def unknown_version(name: str, version: str) -> NotFound:
    return NotFound(
        f"deployment {name!r} has no version {version[:80]!r}", "look at the deployment for those there are"
    )


def _is(name: str, version: str) -> sa.ColumnElement[bool]:
    return (deployment_versions.c.deployment == name) & (deployment_versions.c.version == version)


def _find(connection: sa.Connection, name: str) -> Deployment:
    row = (
        connection.execute(sa.select(deployments).where(deployments.c.name == name)).mappings().one_or_none()
    )
    if row is None:
        raise unknown_deployment(name)
    query = (
        sa.select(*_VERSION_COLUMNS)
        .where(deployment_versions.c.deployment == name)
        .order_by(deployment_versions.c.position.desc())
    )
    versions = tuple(Version(**found) for found in connection.execute(query).mappings())
    return Deployment(**row, versions=versions)
