"""Documents with what they refer to: a task's project as {id, name} instead of its bare id.

A projection names the fields of a reference behind its path ("project.name", "models.output.model.uri");
without any, a reference is {id}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from node.tracking import documents
from node.tracking.collection import MODELS, PROJECTS, QUEUES, TASKS, Collection
from node.tracking.documents import Document, Page
from node.tracking.projection import Projection
from node.tracking.query import Query

REFERENCES: Final[Mapping[str, Mapping[str, Collection]]] = {
    TASKS.name: {
        "project": PROJECTS,
        "parent": TASKS,
        "execution.queue": QUEUES,
        "execution.model": MODELS,
        "output.model": MODELS,
        "models.input.model": MODELS,
        "models.output.model": MODELS,
    },
    MODELS.name: {"project": PROJECTS, "parent": MODELS, "task": TASKS},
    PROJECTS.name: {"parent": PROJECTS},
    QUEUES.name: {"entries.task": TASKS},
}

OWNERS: Final = ("user", "company")
"""References to what is no document: who shows them has the fields of the projection in `Wanted.owners`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A projection taken apart: of the documents themselves, and of what they refer to by its path."""

    own: Projection
    references: Mapping[str, Projection]
    owners: Mapping[str, tuple[str, ...]]


def apart(collection: Collection, projection: Projection) -> Wanted:
    """What to read of the documents, and what of each of their references."""
    paths = (*REFERENCES.get(collection.name, {}), *OWNERS)
    inner: dict[str, list[str]] = {path: [] for path in paths}
    own = []
    for wanted in projection.include:
        path = next((path for path in paths if wanted.startswith(f"{path}.")), None)
        if path is not None:
            inner[path].append(wanted[len(path) + 1 :])
        own.append(path or wanted)
    references = {
        path: Projection(tuple(inner[path]) or ("id",)) for path in REFERENCES.get(collection.name, {})
    }
    owners = {path: tuple(inner[path]) for path in OWNERS}
    return Wanted(replace(projection, include=tuple(dict.fromkeys(own))), references, owners)


def find_joined(connection: sa.Connection, query: Query) -> Page:
    """As `documents.find`, the references as objects, but for OWNERS."""
    wanted = apart(query.collection, query.projection)
    page = documents.find(connection, replace(query, projection=wanted.own))
    join(connection, query.collection, page.documents, wanted)
    return page


def join(
    connection: sa.Connection, collection: Collection, found: Iterable[Document], wanted: Wanted
) -> None:
    """Put an object in the place of each reference. What is referred to and is gone is shown by its id."""
    found = list(found)
    for path, projection in wanted.references.items():
        places = [place for document in found for place in _places(document, path.split("."))]
        ids = {holder[key] for holder, key in places}
        if projection.include == ("id",):
            known: Mapping[str, Document] = {}
        else:
            known = documents.read_all(connection, REFERENCES[collection.name][path], ids, projection)
        for holder, key in places:
            holder[key] = known.get(holder[key], {"id": holder[key]})


def _places(value: Any, path: list[str]) -> list[tuple[dict[str, Any], str]]:
    """Where in a document there are texts at this path: the object that holds each, and its key there."""
    if isinstance(value, list):
        return [place for item in value for place in _places(item, path)]
    if not isinstance(value, dict) or path[0] not in value:
        return []
    if len(path) > 1:
        return _places(value[path[0]], path[1:])
    return [(value, path[0])] if isinstance(value[path[0]], str) else []
