"""Projects as rows of the store: reading and writing them, agreeing on a schema. No numeric work."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from federation.statistics import Schema, SchemaError
from node.answers import AttributeInfo, EncoderUse, ModelRecord, ProjectInfo, Share
from node.errors import BadRequest, NotFound
from node.project_options import ProjectOptions
from node.store.schema import models, projects


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project without its statistics."""

    id: int
    name: str
    owner: str
    federation: str | None
    shared_as: str | None
    schema: Schema
    fixed: bool
    parameters: dict[str, Any]
    encoder: EncoderUse | None
    frozen: bool
    version: int
    shared_version: int
    rows: int
    digest: str
    created: float
    changed: float

    @property
    def options(self) -> ProjectOptions:
        return ProjectOptions.read(self.parameters)

    def info(self, model_names: tuple[str, ...]) -> ProjectInfo:
        return ProjectInfo(
            name=self.name,
            owner=self.owner,
            rows=self.rows,
            version=self.version,
            digest=self.digest,
            attributes=tuple(
                AttributeInfo(a.name, a.type.value, None if a.quantum is None else str(a.quantum))
                for a in self.schema.attributes
            ),
            created=self.created,
            changed=self.changed,
            federation=self.federation,
            shared_as=self.shared_as,
            models=model_names,
            parameters=self.parameters,
            frozen=self.frozen,
            encoder=self.encoder,
            extras=tuple(sorted(self.schema.extras)),
            split=self.schema.split,
            separator=self.schema.separator,
        )


_COLUMNS = [column for column in projects.c if column.name not in ("moments", "encoding")]


def _of(row: sa.Row[Any]) -> ProjectRow:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
    schema, encoder = Schema.from_dict(values.pop("schema")), values.pop("encoder")
    return ProjectRow(
        schema=schema,
        encoder=None if encoder is None else EncoderUse(**encoder),
        **values,
    )


def unknown_project(name: str) -> NotFound:
    return NotFound(f"there is no project {name!r}", "list the projects, or create it")


def check_name(name: str) -> None:
    """Raise BadRequest unless this can be the name of a project or a model."""
    if not 1 <= len(name) <= 200 or not name.isprintable() or name.strip() != name or "/" in name:
        raise BadRequest(
            f"{name[:200]!r} cannot be a name", "give 1 to 200 printable characters without a slash"
        )


def find_project(connection: sa.Connection, name: str) -> ProjectRow:
    """Raises NotFound."""
    row = connection.execute(sa.select(*_COLUMNS).where(projects.c.name == name)).one_or_none()
    if row is None:
        raise unknown_project(name)
    return _of(row)


def find_shared(connection: sa.Connection, federation: str, shared_as: str) -> ProjectRow | None:
    """The local project that takes part in a federation's project, if there is one."""
    wanted = (projects.c.federation == federation) & (projects.c.shared_as == shared_as)
    row = connection.execute(sa.select(*_COLUMNS).where(wanted)).one_or_none()
    return None if row is None else _of(row)


def all_projects(connection: sa.Connection) -> list[ProjectRow]:
    return [_of(row) for row in connection.execute(sa.select(*_COLUMNS).order_by(projects.c.id))]


def moments_of(connection: sa.Connection, project_id: int) -> tuple[int, bytes | None] | None:
    """(version, canonical bytes) of a project's statistics; None if the project is gone."""
    row = connection.execute(
        sa.select(projects.c.version, projects.c.moments).where(projects.c.id == project_id)
    ).one_or_none()
    return None if row is None else (row.version, row.moments)


def encoding_of(connection: sa.Connection, project_id: int) -> bytes | None:
    """The JSON of the encoding that a project's rows pass through."""
    return connection.scalar(sa.select(projects.c.encoding).where(projects.c.id == project_id))


def assign_encoder(connection: sa.Connection, name: str, use: EncoderUse, encoding: bytes) -> None:
    """Let a project's rows pass through this encoding. Raises NotFound, BadRequest if it has learned rows."""
    if find_project(connection, name).rows:
        raise BadRequest(
            f"project {name!r} has learned rows already, as they were",
            "assign it to an empty project",
        )
    values = {"encoder": asdict(use), "encoding": encoding}
    connection.execute(projects.update().where(projects.c.name == name).values(values))


def model_names(connection: sa.Connection, project_id: int) -> tuple[str, ...]:
    found = connection.scalars(
        sa.select(models.c.name).where(models.c.project_id == project_id).order_by(models.c.name)
    )
    return tuple(found)


def save_moments(
    connection: sa.Connection, row: ProjectRow, schema: Schema, data: bytes, rows: int, digest: str
) -> ProjectRow:
    """The project's next version. Raises NotFound if it was deleted or changed behind our back."""
    done = connection.execute(
        projects.update()
        .where((projects.c.id == row.id) & (projects.c.version == row.version))
        .values(
            schema=schema.to_dict(),
            moments=data,
            rows=rows,
            digest=digest,
            version=row.version + 1,
            changed=time.time(),
        )
    )
    if done.rowcount != 1:
        raise unknown_project(row.name)
    return _of(connection.execute(sa.select(*_COLUMNS).where(projects.c.id == row.id)).one())


def save_model(connection: sa.Connection, project_id: int, record: ModelRecord) -> None:
    """Store a model in place of one of the same name."""
    mine = (models.c.project_id == project_id) & (models.c.name == record.name)
    connection.execute(models.delete().where(mine))
    connection.execute(models.insert().values(project_id=project_id, name=record.name, record=asdict(record)))


def model_from(data: dict[str, Any]) -> ModelRecord:
    """A model as `dataclasses.asdict` wrote it and JSON kept it."""
    shares = tuple(Share(**share) for share in data["contributions"])
    outputs = tuple(data.get("outputs", ()))
    return ModelRecord(
        **{**data, "inputs": tuple(data["inputs"]), "contributions": shares, "outputs": outputs}
    )


def agree(
    row: ProjectRow,
    offered: Schema,
    *,
    explicit: dict[str, str] | None = None,
    judged_by: frozenset[str] = frozenset(),
) -> tuple[Schema, Schema]:
    """(the project's schema, the part of it that is to be learned) for a table of `offered` columns.

    What the project knows stays as it is; what it does not know is added, unless its schema was given: then
    all of it is to be learned and nothing else. `explicit` are the types that the caller insists on;
    `judged_by` may be there for the row filter alone. Raises SchemaError.
    """
    known = row.schema
    for name, letter in (explicit or {}).items():
        if name in known and known[name].type.value != letter:
            raise SchemaError(
                f"attribute {name!r} of {row.name!r} has the type {known[name].type.value}, not {letter}"
            )
    new = [a for a in offered.attributes if a.name not in known and a.counted]
    if row.fixed:
        new = [a for a in new if a.name not in judged_by]
    if new and row.fixed:
        raise SchemaError(
            f"project {row.name!r} has no attribute {', '.join(repr(a.name) for a in new)}; "
            f"its schema was given: {', '.join(known.names)}"
        )
    agreed = replace(known, attributes=(*known.attributes, *new))
    wanted = agreed.names if row.fixed else offered.names
    part = (agreed[name] for name in wanted if name in agreed)
    return agreed, replace(agreed, attributes=tuple(a for a in part if a.counted))
