"""A contribution: what one member's rows say, as state. Newer replaces older.

On the wire and in a node's store it is the same record: a short header (project, version, rows, schema
digest) and the canonical bytes of the `Moments`.
"""

import struct
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from federation.charter import MAX_PROJECT_NAME
from federation.errors import RefusalReason, RemoteProtocolError
from federation.statistics import Moments, Schema, StatisticsError
from federation.wire import Fields, broken, decode, encode

KIND = "contribution"
MAX_HEADER_BYTES = 4096
MAX_VERSION = 2**62

_LENGTH = struct.Struct(">H")
_FIELDS: Fields = {"project": str, "version": int, "rows": int, "schema": str}


@dataclass(frozen=True)
class Contribution:
    """`version`: the member's own count of changes. `rows`: how many are learned in it. `schema`: its digest.
    `record`: all of it as bytes, the moments beginning at `moments_at`. (No slots: the digests are
    cached.)"""

    project: str
    version: int
    rows: int
    schema: str
    record: bytes = field(repr=False)
    moments_at: int = field(repr=False)

    @classmethod
    def of(cls, project: str, version: int, moments: Moments) -> "Contribution":
        schema = moments.schema.digest()
        header = encode({"project": project, "version": version, "rows": moments.rows, "schema": schema})
        record = b"".join((_LENGTH.pack(len(header)), header, moments.to_bytes()))
        return cls(project, version, moments.rows, schema, record, _LENGTH.size + len(header))

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.record).digest()

    @cached_property
    def moments_digest(self) -> bytes:
        """Equal for equal statistics, whatever their version."""
        return sha256(memoryview(self.record)[self.moments_at :]).digest()

    @classmethod
    def parse(cls, record: bytes) -> "Contribution":
        """The contribution in a record, its moments not yet looked at. Raises `RemoteProtocolError`."""
        if len(record) < _LENGTH.size:
            raise broken("contribution", f"{len(record)} bytes are too few")
        end = _LENGTH.size + _LENGTH.unpack_from(record)[0]
        fields = decode(record[_LENGTH.size : end], MAX_HEADER_BYTES, "contribution", _FIELDS)
        if not 0 < len(fields["project"]) <= MAX_PROJECT_NAME:
            raise broken("contribution", f"a project's name has 1 to {MAX_PROJECT_NAME} characters")
        if not 0 <= fields["version"] <= MAX_VERSION or fields["rows"] < 0:
            raise broken("contribution", "version or rows is out of range")
        return cls(record=record, moments_at=end, **fields)

    def open(self) -> Moments:
        """The moments, if their bytes are well formed and agree with the header; else a
        `RemoteProtocolError`."""
        try:
            moments = Moments.from_bytes(self.record[self.moments_at :])
        except StatisticsError as error:
            raise broken("contribution", f"the moments cannot be read ({error})") from None
        if moments.rows != self.rows:
            raise broken("contribution", f"it says {self.rows} rows and holds {moments.rows}")
        if moments.schema.digest() != self.schema:
            raise RemoteProtocolError(
                RefusalReason.WRONG_SCHEMA, "the header's schema digest is of another schema"
            )
        return moments


def schema_problem(agreed: Schema | None, offered: Schema) -> str | None:
    """What in `offered` disagrees with the project's agreed schema, or None.

    The same names, types, extras, split, order and separator are needed. A finer quantum is welcome:
    rescaling to it is exact. A coarser one is not, because the values were already rounded to it. An open
    project takes any attributes: its schema has none, or is None and then takes any extras too.
    """
    if agreed is None:
        return None
    if offered.attributes and offered.extras != agreed.extras:
        return f"counts {_extras(offered)}, agreed is {_extras(agreed)}"
    if offered.attributes and offered.split != agreed.split:
        return f"is split by {offered.split!r}, agreed is {agreed.split!r}"
    if offered.attributes and offered.order != agreed.order:
        return f"has sequences of order {offered.order}, agreed is {agreed.order}"
    if offered.attributes and offered.separator != agreed.separator:
        return f"separates levels by {offered.separator!r}, agreed is {agreed.separator!r}"
    if not agreed.attributes:
        return None
    missing = sorted(set(agreed.names) - set(offered.names))
    unknown = sorted(set(offered.names) - set(agreed.names))
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(unknown)}, which the project does not know"] if unknown else []
        return " and ".join(parts)
    for name in agreed.names:
        ours, theirs = agreed[name], offered[name]
        if ours.type is not theirs.type:
            return f"attribute {name!r} has type {theirs.type.value}, agreed is {ours.type.value}"
        fine, coarse = theirs.quantum, ours.quantum
        if coarse is not None and (fine is None or fine.twos < coarse.twos or fine.fives < coarse.fives):
            return f"attribute {name!r} is counted in {fine}, which is coarser than the agreed {coarse}"
    return None


def _extras(schema: Schema) -> str:
    return " and ".join(sorted(schema.extras)) or "no extras"
