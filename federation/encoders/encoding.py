"""A fitted encoder: which columns it encodes and how, frozen, JSON-able, and the same by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from federation.encoders.columns import Binned, ColumnEncoding, Hashed, OneHot, TargetMeans
from federation.encoders.errors import EncoderError
from federation.statistics import Attribute, AttributeType, Coded, Column, Quantum, Schema, Table

_KINDS: Final[Mapping[str, type[Any]]] = {
    "target": TargetMeans,
    "onehot": OneHot,
    "hashing": Hashed,
    "binning": Binned,
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """The columns `columns` become others; every other column stays as it is."""

    kind: str
    columns: Mapping[str, ColumnEncoding]

    @property
    def letters(self) -> dict[str, str]:
        """The types by which the columns to encode are read, whatever they look like."""
        return dict.fromkeys(self.columns, "C" if self.kind == "binning" else "S")

    def transform(self, table: Table) -> Table:
        """The table with its columns encoded; one that it does not have makes none.

        Raises `ModelError` for values of the wrong kind, and for columns that are there already.
        """
        made: dict[str, Column] = {}
        for name, column in table.columns.items():
            found = {name: column} if name not in self.columns else self.columns[name].transform(name, table)
            for output, values in found.items():
                before = made.get(output)
                if before is None:
                    made[output] = values
                elif self.kind == "hashing" and not isinstance(before, Coded) and name in self.columns:
                    made[output] = before + np.asarray(values)
                else:
                    raise EncoderError(
                        f"encoding makes a column {output!r}, but there is one already", "rename it"
                    )
        return Table(made)

    def encoded(self, raw: Schema) -> Schema:
        """What the columns of a table with this schema are learned as once they are encoded."""
        attributes: dict[str, Attribute] = {}
        for attribute in raw.attributes:
            found = self.columns.get(attribute.name)
            for made in (attribute,) if found is None else found.attributes(attribute.name):
                attributes[made.name] = made
        return Schema(tuple(attributes.values()))

    def before(self, schema: Schema, names: Collection[str] = ()) -> Schema:
        """What is known of a table that is to become `schema`: the columns encoded in place of those made.

        A column that is encoded belongs to it if something made of it is in `schema`, or if it is among
        `names`. Its type is the one to read it by.
        """
        made = {key: {a.name for a in column.attributes(key)} for key, column in self.columns.items()}
        needed = [key for key in made if key in names or any(name in schema for name in made[key])]
        hidden = {*self.columns, *(name for outputs in made.values() for name in outputs)}
        read = (
            Attribute(key, AttributeType.TEXT)
            if self.letters[key] == "S"
            else Attribute(key, AttributeType.CONTINUOUS, Quantum(0))
            for key in needed
        )
        return Schema((*read, *(a for a in schema.attributes if a.name not in hidden)))

    def digest(self) -> str:
        """SHA-256 of the JSON form with sorted keys, in hex: equal encodings have equal digests."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """The canonical JSON."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `from_dict`."""
        return {"kind": self.kind, "columns": {name: asdict(found) for name, found in self.columns.items()}}  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Encoding:
        """Read `to_dict`'s form; raises `EncoderError` for anything else."""
        try:
            kind = record["kind"]
            columns = {
                name: _KINDS[kind](**{key: _frozen(value) for key, value in fields.items()})
                for name, fields in record["columns"].items()
            }
        except (TypeError, KeyError, AttributeError) as error:
            raise EncoderError(
                f"this is not a stored encoding: {error}", "take it as a node exported it"
            ) from None
        return cls(kind, columns)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
