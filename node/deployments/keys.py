"""Keys of deployments: each lets its holder have files scored by one deployment, and nothing else.

A key reads GAI-<id>.<secret>. The node keeps its SHA-256 only, so it is told once.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import asdict, dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import sqlalchemy as sa

from node.errors import BadRequest, NotFound
from node.store import Store
from node.store.deployment_tables import deployment_keys
from node.store.deployment_tables import deployments as deployment_rows
from node.tasks import now
from node.users import Users

_KEY: Final = re.compile(r"GAI-([0-9A-Za-z]{8})\.[0-9A-Za-z_-]{16,64}")
_LETTERS: Final = string.ascii_letters + string.digits
_LONGEST_LABEL: Final = 200

_COLUMNS: Final = [column for column in deployment_keys.c if column.name != "digest"]


@dataclass(frozen=True, slots=True)
class DeploymentKey:
    """A key without its secret. user: who made it, and whose the jobs are; revoked: when, or None."""

    id: str
    deployment: str
    user: str
    label: str
    created: float
    revoked: float | None = None


class DeploymentKeys:
    """The keys of a node's deployments."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store, self._users = store, users

    async def create(self, deployment: str, user: str, label: str = "") -> tuple[DeploymentKey, str]:
        """A new key, and its text, which nobody can be told again. Raises NotFound, BadRequest."""
        if len(label) > _LONGEST_LABEL or not label.isprintable():
            raise BadRequest(
                "this cannot be a key's label", f"give at most {_LONGEST_LABEL} printable characters"
            )
        key = DeploymentKey(
            "".join(secrets.choice(_LETTERS) for _ in range(8)), deployment, user, label, now()
        )
        text = f"GAI-{key.id}.{secrets.token_urlsafe(24)}"

        def write(connection: sa.Connection) -> None:
            known = sa.select(deployment_rows.c.name).where(deployment_rows.c.name == deployment)
            if connection.scalar(known) is None:
                raise unknown_deployment(deployment)
            connection.execute(deployment_keys.insert().values(asdict(key) | {"digest": _digest(text)}))

        await self._store.write(write)
        return key, text

    async def check(self, text: str) -> DeploymentKey | None:
        """The key of this text; None for one that is unknown or revoked, or whose user is no more."""
        form = _KEY.fullmatch(text)
        identity = form[1] if form else ""
        row = await self._store.recall(("deployment key", identity), lambda c: _find(c, identity))
        # Compared even where there is no such key, so that the time does not tell which there are.
        expected = row["digest"] if row else "0" * 64
        if not compare_digest(_digest(text), expected) or row is None:
            return None
        key = DeploymentKey(**{name: value for name, value in row.items() if name != "digest"})
        return None if key.revoked is not None or self._users.find(key.user) is None else key

    async def list(self, deployment: str | None = None) -> list[DeploymentKey]:
        """All keys, or those of one deployment, oldest first; also those that are revoked."""
        query = sa.select(*_COLUMNS).order_by(deployment_keys.c.created)
        if deployment is not None:
            query = query.where(deployment_keys.c.deployment == deployment)
        rows = await self._store.read(lambda c: c.execute(query).mappings().all())
        return [DeploymentKey(**row) for row in rows]

    async def revoke(self, deployment: str, identity: str) -> DeploymentKey:
        """End a key of a deployment at once. Raises NotFound."""
        mine = (deployment_keys.c.id == identity) & (deployment_keys.c.deployment == deployment)

        def write(connection: sa.Connection) -> DeploymentKey:
            still = mine & deployment_keys.c.revoked.is_(None)
            connection.execute(deployment_keys.update().where(still).values(revoked=now()))
            row = connection.execute(sa.select(*_COLUMNS).where(mine)).mappings().one_or_none()
            if row is None:
                raise NotFound(
                    f"deployment {deployment!r} has no key {identity!r}",
                    "list its keys; a key is named by what stands between GAI- and the dot",
                )
            return DeploymentKey(**row)

        return await self._store.write(write)


def unknown_deployment(name: str) -> NotFound:
    return NotFound(f"there is no deployment {name!r}", "list the deployments, or create it")


def _find(connection: sa.Connection, identity: str) -> dict[str, Any] | None:
    row = connection.execute(sa.select(deployment_keys).where(deployment_keys.c.id == identity)).mappings()
    found = row.one_or_none()
    return None if found is None else dict(found)


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogateescape")).hexdigest()
