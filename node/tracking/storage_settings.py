"""How clients' storage elsewhere is reached: kept for them, its secrets never shown again.

The node does not use them: it deletes and serves only files of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from node.store import Store
from node.store.service_tables import storage_settings

Settings = dict[str, Any]

KINDS: Final = ("aws", "google", "azure")

SECRETS: Final = frozenset({"secret", "token", "account_key", "credentials_json"})
"""The fields that are shown as HIDDEN, wherever in the settings they are."""

HIDDEN: Final = "********"
"""What is shown of a secret; sent back, it stands for the secret that there is."""

_PLACES: Final = ("buckets", "containers")
_NAMES: Final = ("bucket", "host", "subdir", "account_name", "container_name")
"""What a place of a kind of storage is told from the others by."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The settings by kind, without secrets, and when they changed last (unix seconds)."""

    settings: dict[str, Settings]
    changed: float | None


class StorageSettings:
    """The settings of a node's company."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self) -> Shown:
        """What is set."""
        rows = await self._store.read(lambda c: c.execute(sa.select(storage_settings)).all())
        settings = {row.kind: _without_secrets(row.document) for row in rows}
        return Shown(settings, max((row.changed for row in rows), default=None))

    async def set(self, given: Mapping[str, Settings]) -> int:
        """Set the settings of some of KINDS, each as a whole; how many were."""
        table = storage_settings

        def write(connection: sa.Connection) -> int:
            for kind, settings in given.items():
                before = connection.scalar(sa.select(table.c.document).where(table.c.kind == kind)) or {}
                connection.execute(table.delete().where(table.c.kind == kind))
                document = _with_secrets(settings, before)
                connection.execute(table.insert().values(kind=kind, changed=time.time(), document=document))
            return len(given)

        return await self._store.write(write)

    async def reset(self, kinds: Iterable[str]) -> int:
        """Forget the settings of some of KINDS; of how many there were any."""
        change = storage_settings.delete().where(storage_settings.c.kind.in_(list(kinds)))
        return await self._store.write(lambda c: c.execute(change).rowcount)


def _without_secrets(settings: Settings) -> Settings:
    shown: Settings = {name: HIDDEN if name in SECRETS else value for name, value in settings.items()}
    for name in _PLACES:
        if name in shown:
            shown[name] = [_without_secrets(place) for place in shown[name]]
    return shown


def _with_secrets(settings: Settings, before: Settings) -> Settings:
    """The settings with the secrets in them that stand for those there were, place by place."""
    kept = {name: value for name, value in settings.items() if not (name in SECRETS and value == HIDDEN)}
    kept |= {name: before[name] for name in settings if name not in kept and name in before}
    for name in _PLACES:
        if name in kept:
            known = {_identity(place): place for place in before.get(name, ())}
            kept[name] = [_with_secrets(place, known.get(_identity(place), {})) for place in kept[name]]
    return kept


def _identity(place: Settings) -> tuple[Any, ...]:
    return tuple(place.get(name) for name in _NAMES)
