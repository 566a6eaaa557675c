"""All that a query finds, however much, read a little at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from node.store import Store
from node.tracking import documents
from node.tracking.documents import Document
from node.tracking.query import Query
from node.tracking.references import apart, join

AT_ONCE: Final = 500
"""Documents that are in memory at once."""


async def pages(store: Store, query: Query) -> AsyncGenerator[list[Document]]:
    """The documents of a query beyond its window too, in its order, with what they refer to as objects.

    What is deleted meanwhile is left out. Raises BadPattern.
    """
    wanted = apart(query.collection, query.projection)
    own = replace(query, projection=wanted.own)
    ids = await store.read(lambda c: documents.ids(c, own))
    for start in range(0, len(ids), AT_ONCE):
        few = ids[start : start + AT_ONCE]

        def read(connection: sa.Connection, few: list[str] = few) -> list[Document]:
            by_id = documents.read_all(connection, own.collection, few, own.projection)
            found = [by_id[key] for key in few if key in by_id]
            join(connection, own.collection, found, wanted)
            return found

        yield await store.read(read)
