"""What rows on their way to a project would be learned as: their schema, once all its options are applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from federation.statistics import NGRAM_SCHEMA, Coded, Schema, Table
from node.encoding import known_after
from node.project_options import ProjectOptions, with_split
from node.sources import Source, SourceError, guess_schema, offered_schema
from node.sources.columns import floats

Offered = tuple[Schema, Schema, list[str]]


def offered_by_table(
    options: ProjectOptions, table: Table, types: Mapping[str, str], known: Schema
) -> Schema:
    """What the columns of a table are learned as: as known, as told, else as their values suggest."""
    if options.order is not None:
        return NGRAM_SCHEMA
    plain = options.plain(table)
    after = known_after(options.encoding, table.names, known)
    offered = offered_schema(plain, with_split(types, known.split), after, options.precision)
    powers = options.powers
    if powers is None or powers.column not in plain.columns:
        return offered
    values = plain.columns[powers.column]
    first = np.zeros(0) if isinstance(values, Coded) else values
    return powers.beside(offered, first, known, options.precision)


def offered_by_file(
    options: ProjectOptions,
    source: Source,
    attributes: Sequence[str] | None,
    types: Mapping[str, str] | None,
    known: Schema,
    *,
    fixed: bool = False,
) -> Offered:
    """(what is read of a file, what that is learned as, remarks), as in `sources.guess_schema`.

    fixed: columns that are not `known` are not read, unless they are among the `attributes`.
    """
    split = options.split or known.split
    told = options.told(source.names, types or {}, split if split in source.names else None)
    before = options.before(known, () if fixed else source.names)
    if attributes is None and fixed and options.order is None:
        attributes = [a.name for a in before.attributes if a.counted]
    read, remarks = guess_schema(source, attributes, told, before, options.precision)
    if options.order is not None:
        if not read.attributes:
            raise SourceError(f"{source.path.name} has no column of tokens")
        return read, NGRAM_SCHEMA, remarks
    encoded = read if options.encoding is None else options.encoding.encoded(read)
    powers = options.powers
    if powers is None:
        return read, encoded, remarks
    is_raw = powers.column in read and read[powers.column].numeric and powers.column in source.names
    first = floats(source.sample().column(powers.column)) if is_raw else np.zeros(0)
    return read, powers.beside(encoded, first, known, options.precision), remarks
