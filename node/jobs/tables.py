"""The table that comes with a task: as rows in its blob, or in a file that it names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from federation.statistics import Schema, Table
from node.encoding import letters_before, restored
from node.places import Place, open_place
from node.project_options import ProjectOptions
from node.sources import Rows, Source, SourceError, guess_schema, joined, read_batches, read_rows

if TYPE_CHECKING:
    from node.jobs.worker import Channel

MOST_ROWS: Final = 1_000_000
MOST_CELLS: Final = 1 << 25
"""Rows of a file, and cells of them, that are held at once to judge models by: 256 MB as numbers."""


def rows_from_json(data: bytes, known: Mapping[str, str], options: ProjectOptions) -> Rows:
    """A table from {"names": [...], "rows": [[...]], "types": [...] or {name: letter} or null}.

    `known` are the types of the project's attributes; columns that its row filter needs are read though they
    are not learned.
    """
    known = letters_before(options.encoding, known)
    given = json.loads(data)
    types = given.get("types") or {}
    if not isinstance(types, dict):
        types = dict(zip(given["names"], types, strict=True))
    told = options.told(given["names"], {**known, **types})
    return read_rows(given["names"], given["rows"], told, known, options.judged_by)


def source_of(request: Mapping[str, Any], channel: Channel) -> Source:
    """The table that a request names, wherever it is. Raises SourceError."""
    return open_place(Place(**request["place"]), channel.folder, channel.progress)


def whole_file(source: Source, columns: Sequence[str], known: Schema, channel: Channel) -> Table:
    """These columns of a file, all its rows, read as `known` has them.

    Raises SourceError naming file, column and row, and for too many rows.
    """
    schema, remarks = guess_schema(source, columns, None, known)
    for remark in remarks:
        channel.log(remark)
    parts: list[Table] = []
    rows = 0
    for batch in read_batches(source, schema):
        rows += batch.table.rows
        most = min(MOST_ROWS, MOST_CELLS // max(1, len(schema)))
        if rows > most:
            raise SourceError(
                f"{source.path.name} has more than the {most:,} rows of {len(schema)} columns that models "
                "are judged by at most: give a sample of them"
            )
        parts.append(batch.table)
    if not parts:
        raise SourceError(f"{source.path.name} has no rows")
    return joined(parts)


def given_table(
    request: Mapping[str, Any], payload: bytes, columns: Sequence[str], known: Schema, channel: Channel
) -> Table | None:
    """The rows that a request names or brings, as the project has them; None if it does neither."""
    options = ProjectOptions.read(request["options"], restored(request["encoding"]))
    levels_of = options.levels_of
    if options.encoding is not None or options.powers is not None:
        known = options.before(known.restrict([name for name in columns if name in known]))
        columns = known.names
    if request["place"] is not None:
        return levels_of(whole_file(source_of(request, channel), columns, known, channel))
    if not payload:
        return None
    return levels_of(rows_from_json(payload, {a.name: a.type.value for a in known.attributes}, options).table)
