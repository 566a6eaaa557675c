"""What a version is made of: a copy of a project's model, with all that it takes to predict by it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.statistics import Moments
from node.answers import ModelRecord
from node.modelling import attribute_of
from node.project_rows import ProjectRow
from node.scoring import described, shapes_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version before it has a name. kind, origin and schema as `Version` has them; model: what scores."""

    kind: str
    origin: dict[str, Any]
    schema: dict[str, Any]
    model: dict[str, Any]


def of_model(
    record: ModelRecord,
    project: ProjectRow,
    encoding: Mapping[str, Any] | None,
    given: Mapping[str, Any],
    moments: Moments | None = None,
) -> Snapshot:
    """A model as it is now, of a project as it is. encoding: that of the project; given: what of the schema
    is not to be as the model tells it; moments: statistics to estimate missing inputs by.

    Raises BadRequest for a schema that cannot be.
    """
    model = {
        "record": record.model,
        "inputs": list(record.inputs),
        "known": project.schema.to_dict(),
        "options": project.parameters,
        "encoding": None if encoding is None else dict(encoding),
        "imputing": None if moments is None else _imputing(record, moments),
    }
    origin = {
        "project": record.project,
        "model": record.name,
        "algorithm": record.algorithm,
        "target": record.target,
        "rows": record.rows,
        "members": [share.name for share in record.contributions],
    }
    return Snapshot("model", origin, schema_of(described({"kind": "model", **model}), given), model)


def schema_of(derived: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A version's schema: as it was derived, but for what was given. Raises BadRequest if it cannot be."""
    schema = {**derived, **{name: value for name, value in given.items() if value is not None}}
    shapes_of(schema)
    return schema


def _imputing(record: ModelRecord, moments: Moments) -> str:
    wanted = {attribute_of(name, moments.schema) for name in record.inputs}
    part = moments.restrict([name for name in moments.schema.names if name in wanted])
    return base64.b64encode(part.to_bytes()).decode()
