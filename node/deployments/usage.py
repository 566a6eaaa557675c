"""What was used of deployments: by key and month, from rows that stay when jobs are deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from node.errors import BadRequest
from node.store import Store
from node.store.deployment_tables import deployment_usage

_UNITS_PER_DOLLAR: Final = 1000
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Used:
    """What one key used of a deployment in one month (YYYY-MM, UTC). last: when its last job was made."""

    deployment: str
    key: str
    label: str
    month: str
    jobs: int
    records: int
    groups: int
    units: int
    dollars: float
    last: float


class Usage:
    """Reports of what was used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(
        self, deployment: str | None = None, *, key: str | None = None, month: str | None = None
    ) -> list[Used]:
        """By month (the newest first), deployment and key. Raises BadRequest for what is no month."""
        if month is not None and not _MONTH.fullmatch(month):
            raise BadRequest(f"{month[:20]!r} is not a month", "write it as 2026-01")
        c = deployment_usage.c
        by = (c.month, c.deployment, c.key)
        query = (
            sa.select(
                *by,
                sa.func.max(c.label).label("label"),
                sa.func.count().label("jobs"),
                sa.func.sum(c.records).label("records"),
                sa.func.sum(c.groups).label("groups"),
                sa.func.sum(c.units).label("units"),
                sa.func.max(c.created).label("last"),
            )
            .group_by(*by)
            .order_by(c.month.desc(), c.deployment, sa.func.min(c.created))
        )
        for column, wanted in ((c.deployment, deployment), (c.key, key), (c.month, month)):
            if wanted is not None:
                query = query.where(column == wanted)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return [_used(dict(row)) for row in rows]


def dollars(units: int) -> float:
    """What so many units cost."""
    return units / _UNITS_PER_DOLLAR


def month_of(at: float) -> str:
    """The month of a time in unix seconds."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m}"


def _used(row: dict[str, Any]) -> Used:
    # Sums are decimals in PostgreSQL.
    counted: dict[str, Any] = {name: int(row[name]) for name in ("jobs", "records", "groups", "units")}
    return Used(**row | counted, dollars=dollars(counted["units"]))
