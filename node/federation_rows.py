"""Federations as rows of the store: their machines' snapshots, contributions, outbox and log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from federation.outputs import (
    Admitted,
    ContributionDropped,
    ContributionReceived,
    ContributionReleased,
    Output,
    Put,
)
from federation.slot import JOIN
from node.answers import LogLine
from node.store.schema import contributions, federation_log, federations, outbox, projects


@dataclass(slots=True)
class FederationRow:
    """A federation as this node keeps it, without its snapshot.

    broker: {"terms": of our invitation, empty if the broker is our own; "guests": those we invited, as
    [key, invitation, expires]; "project": the local project to make when we are admitted, or null;
    "refused": why the admin did not admit us, once it has said so}.
    """

    name: str
    federation_id: str
    owner: str
    pulse: bool
    created: float
    broker: dict[str, Any] = field(repr=False)


def all_federations(connection: sa.Connection) -> list[tuple[FederationRow, bytes]]:
    """(row, snapshot) of each, oldest first."""
    query = sa.select(federations).order_by(federations.c.created)
    return [
        (FederationRow(r.name, r.federation_id, r.owner, r.pulse, r.created, r.broker), r.snapshot)
        for r in connection.execute(query)
    ]


def snapshot(connection: sa.Connection, name: str) -> bytes | None:
    found: bytes | None = connection.scalar(
        sa.select(federations.c.snapshot).where(federations.c.name == name)
    )
    return found


def records(connection: sa.Connection, name: str) -> list[bytes]:
    """All stored contributions, our own included."""
    mine = contributions.c.federation == name
    return list(connection.scalars(sa.select(contributions.c.payload).where(mine)))


def insert(connection: sa.Connection, row: FederationRow, data: bytes) -> None:
    connection.execute(
        federations.insert().values(
            name=row.name,
            federation_id=row.federation_id,
            owner=row.owner,
            snapshot=data,
            pulse=row.pulse,
            broker=row.broker,
            created=row.created,
        )
    )


def save(connection: sa.Connection, row: FederationRow, data: bytes, outputs: Sequence[Output]) -> None:
    """One step of the machine: its snapshot, the contributions it took or let go, and what is to be sent."""
    connection.execute(
        federations.update()
        .where(federations.c.name == row.name)
        .values(snapshot=data, pulse=row.pulse, broker=row.broker)
    )
    for output in outputs:
        match output:
            case Put(slot, payload):
                text = "/".join(slot)
                mine = (outbox.c.federation == row.name) & (outbox.c.slot == text)
                connection.execute(outbox.delete().where(mine))
                connection.execute(outbox.insert().values(federation=row.name, slot=text, payload=payload))
            case ContributionReceived() | ContributionReleased():
                _drop(connection, row.name, output.project, output.node_id)
                connection.execute(
                    contributions.insert().values(
                        federation=row.name,
                        project=output.project,
                        sender=output.node_id,
                        version=output.version,
                        rows=output.rows,
                        received=time.time(),
                        payload=output.record,
                    )
                )
            case ContributionDropped(project, node_id):
                _drop(connection, row.name, project, node_id)
            case Admitted():
                # A request that was granted is not sent again: a member may not write there.
                granted = (outbox.c.federation == row.name) & outbox.c.slot.startswith(f"{JOIN}/")
                connection.execute(outbox.delete().where(granted))
            case _:
                pass


def _drop(connection: sa.Connection, name: str, project: str, sender: str) -> None:
    connection.execute(
        contributions.delete().where(
            (contributions.c.federation == name)
            & (contributions.c.project == project)
            & (contributions.c.sender == sender)
        )
    )


def mark_shared(connection: sa.Connection, project_id: int, version: int) -> None:
    """This version of a project was handed to its federation."""
    connection.execute(projects.update().where(projects.c.id == project_id).values(shared_version=version))


def release_projects(connection: sa.Connection, name: str) -> None:
    """The membership is over: what took part in it is local again."""
    connection.execute(
        projects.update().where(projects.c.federation == name).values(federation=None, shared_as=None)
    )


def delete(connection: sa.Connection, name: str) -> None:
    """Forget a federation and all that belongs to it."""
    release_projects(connection, name)
    for table in (contributions, outbox, federation_log):
        connection.execute(table.delete().where(table.c.federation == name))
    connection.execute(federations.delete().where(federations.c.name == name))


def waiting(connection: sa.Connection, name: str) -> list[int]:
    """The sequence numbers of what is to be sent, oldest first."""
    mine = outbox.c.federation == name
    return list(connection.scalars(sa.select(outbox.c.sequence).where(mine).order_by(outbox.c.sequence)))


def message(connection: sa.Connection, sequence: int) -> tuple[tuple[str, ...], bytes] | None:
    """(slot, payload) to send; None if something newer took its place."""
    row = connection.execute(
        sa.select(outbox.c.slot, outbox.c.payload).where(outbox.c.sequence == sequence)
    ).one_or_none()
    return None if row is None else (tuple(row.slot.split("/")), row.payload)


def sent(connection: sa.Connection, sequence: int) -> None:
    connection.execute(outbox.delete().where(outbox.c.sequence == sequence))


def add_log(connection: sa.Connection, name: str, level: str, text: str) -> None:
    connection.execute(
        federation_log.insert().values(federation=name, time=time.time(), level=level, message=text[:2000])
    )


def log(connection: sa.Connection, name: str, level: str | None = None, limit: int = 1000) -> list[LogLine]:
    """The newest lines, oldest first."""
    wanted = federation_log.c.federation == name
    if level is not None:
        wanted &= federation_log.c.level == level
    query = sa.select(federation_log).where(wanted).order_by(federation_log.c.id.desc()).limit(limit)
    return [LogLine(r.time, r.level, r.message) for r in connection.execute(query)][::-1]
