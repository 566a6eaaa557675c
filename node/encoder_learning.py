"""What an encoder learns of a file's rows. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from federation.statistics import Attribute, AttributeType, Moments, Schema
from node.sources import Source, SourceError, guess_schema, read_batches

if TYPE_CHECKING:
    from federation.encoders import Encoder


def encoder_from(definition: Mapping[str, Any]) -> Encoder:
    """Raises EncoderError."""
    from federation.encoders import Encoder

    given = {
        key: {value: (float(count), float(total)) for value, (count, total) in found.items()}
        for key, found in definition["given"].items()
    }
    return Encoder(**{**definition, "keys": tuple(definition["keys"]), "given": given})


def of_file(encoder: Encoder, source: Source, known: Schema, tell: Callable[[int, int], None]) -> Moments:
    """The keys (or all columns of the kind that is encoded) and the target of a file's rows.

    `known`: as what its columns are learned so far. Raises SourceError, EncoderError, StatisticsError.
    """
    sample = source.sample()
    keys = [
        name
        for name in encoder.keys or source.names
        if name != encoder.target
        and name in source.names
        and (encoder.keys or _suits(encoder, sample.column(name).type))
    ]
    wanted = [*keys, *([encoder.target] if encoder.target else [])]
    texts = () if encoder.of_numbers else (Attribute(name, AttributeType.TEXT) for name in keys)
    told = Schema((*texts, *(known[name] for name in wanted if name in known and known[name].numeric)))
    types = {encoder.target: "B"} if encoder.binary and encoder.target else {}
    read, _ = guess_schema(source, wanted, types, told)
    moments: Moments | None = None
    for batch in read_batches(source, read):
        if moments is None:
            moments = Moments(encoder.schema(batch.table, read))
        moments.learn(batch.table, batch.first)
        tell(batch.done, batch.total)
    if moments is None:
        raise SourceError(f"{source.path.name} has no rows")
    return moments


def _suits(encoder: Encoder, kind: Any) -> bool:
    """Whether the encoder encodes columns of this type of pyarrow's, if no others are named."""
    from pyarrow import types as pt

    if encoder.of_numbers:
        return bool(pt.is_floating(kind) or pt.is_integer(kind) or pt.is_decimal(kind))
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind))
