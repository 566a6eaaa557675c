"""What a project's encoding says of tables on their way to being learned or predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from federation.statistics import Attribute, AttributeType, Schema

if TYPE_CHECKING:
    from federation.encoders import Encoding


def restored(record: Mapping[str, Any] | None) -> Encoding | None:
    """An encoding from its plain form; None of None. Raises EncoderError."""
    if record is None:
        return None
    from federation.encoders import Encoding

    return Encoding.from_dict(record)


def letters_before(encoding: Encoding | None, letters: Mapping[str, str]) -> dict[str, str]:
    """The types by which a table is read that is yet to be encoded."""
    return {**letters} | (encoding.letters if encoding is not None else {})


def known_after(encoding: Encoding | None, names: Iterable[str], known: Schema) -> Schema:
    """What is known of a table's columns once it is encoded: the encoding knows those it makes."""
    if encoding is None:
        return known
    read = (Attribute(name, AttributeType.TEXT) for name in names if name in encoding.columns)
    made = (a for a in encoding.encoded(Schema(tuple(read))).attributes if a.name not in known)
    return Schema((*known.attributes, *made))
