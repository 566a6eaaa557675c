"""Schemas: which attributes a project counts, of which type, and in which unit."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from federation.statistics.errors import SchemaError
from federation.statistics.quantum import Quantum

if TYPE_CHECKING:
    from federation.statistics.table import Table

MAX_ATTRIBUTES: Final = 10_000
MAX_NAME: Final = 200
MAX_ORDER: Final = 10
SEPARATOR: Final = "$"
"""Between a category and its level, unless a schema has another one."""


class AttributeType(StrEnum):
    """What an attribute holds; the letters are SymetryML's."""

    CONTINUOUS = "C"
    BINARY = "B"
    CATEGORY = "T"
    TEXT = "S"
    LIST = "L"
    PATIENT = "P"
    IGNORE = "X"


class Extra(StrEnum):
    """What a schema may ask to have counted beside the strata."""

    PROFILES = "profiles"  # power sums of order 3 and 4 and a histogram of every numeric attribute
    CONDITIONALS = "conditionals"  # Σ(x·y)² of every two numeric attributes


EXTRA_BITS: Final = {Extra.PROFILES: 1, Extra.CONDITIONALS: 2}
ORDER_BIT: Final = 4
SEPARATOR_BIT: Final = 8
LETTERS: Final = "C, B, T, S, L, P or X"  # as error messages list them
_GROUPED: Final = frozenset({AttributeType.CATEGORY, AttributeType.TEXT})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column: a printable name of 1 to 200 characters, its type and, if continuous, its unit.

    A binary attribute is counted in ones, whatever `quantum` says; the others have none. Categories and
    texts are counted level by level; a text takes no part in contingency tables. Lists, patient
    identifiers and what is ignored are not counted. Raises `SchemaError`.
    """

    name: str
    type: AttributeType
    quantum: Quantum | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable():
            raise SchemaError(
                f"attribute name {self.name[:MAX_NAME]!r} must be 1 to {MAX_NAME} printable characters"
            )
        quantum = self.quantum
        if self.type is AttributeType.CONTINUOUS:
            if quantum is None:
                raise SchemaError(
                    f"attribute {self.name!r} is continuous: give it a quantum, such as 0.1 or 2^-20"
                )
        else:
            quantum = Quantum(0, 0) if self.type is AttributeType.BINARY else None
        object.__setattr__(self, "quantum", quantum)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.quantum is not None

    @property
    def grouped(self) -> bool:
        """Whether rows are counted for each of its levels: a category or a text."""
        return self.type in _GROUPED

    @property
    def counted(self) -> bool:
        """Whether statistics say anything of it."""
        return self.numeric or self.grouped

    @property
    def unit(self) -> Quantum:
        """The quantum of a numeric attribute; raises `SchemaError` for another."""
        if self.quantum is None:
            raise SchemaError(
                f"attribute {self.name!r} ({self.type.value}) is not numeric and has no quantum"
            )
        return self.quantum


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """Attributes in their order of display, and how they are counted.

    `extras` are counted beside the strata; `split` names a category for each of whose levels the rows are
    counted apart (it may be an attribute that has yet to come); `order`, of sequences, how many tokens the
    next depends on: their runs are one token longer. `separator` stands between a category and its level in
    the name of an indicator. Equality and digest do not depend on the order of display. A schema without
    attributes agrees with any of these. Raises `SchemaError`.
    """

    attributes: tuple[Attribute, ...]
    extras: frozenset[Extra] = frozenset()
    split: str | None = None
    order: int | None = None
    separator: str = SEPARATOR
    _by_name: dict[str, Attribute] = field(init=False, repr=False)
    _numeric: tuple[Attribute, ...] = field(init=False, repr=False)
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise SchemaError(f"a schema has at most {MAX_ATTRIBUTES} attributes, not {len(self.attributes)}")
        by_name: dict[str, Attribute] = {}
        for attribute in self.attributes:
            if attribute.name in by_name:
                raise SchemaError(f"attribute {attribute.name!r} appears twice in the schema")
            by_name[attribute.name] = attribute
        object.__setattr__(self, "_by_name", by_name)
        numeric = tuple(attribute for attribute in self.attributes if attribute.numeric)
        places = {name: at for at, name in enumerate(sorted(attribute.name for attribute in numeric))}
        object.__setattr__(self, "_numeric", numeric)
        object.__setattr__(self, "_places", places)
        if self.order is not None and not 1 <= self.order <= MAX_ORDER:
            raise SchemaError(f"the order of sequences is 1 to {MAX_ORDER}, not {self.order}")
        mark = self.separator
        if len(mark) != 1 or mark.isalnum() or mark.isspace() or not mark.isprintable():
            raise SchemaError(
                f"a category is separated from its level by one character that is no letter, digit or space, "
                f"not by {mark[:80]!r}"
            )
        if self.split is not None:
            _check_split(by_name.get(self.split) or Attribute(self.split, AttributeType.CATEGORY))

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in order of display."""
        return tuple(attribute.name for attribute in self.attributes)

    @property
    def numeric(self) -> tuple[Attribute, ...]:
        """Continuous and binary attributes, in order of display."""
        return self._numeric

    @property
    def places(self) -> Mapping[str, int]:
        """Where each numeric attribute stands in statistics: they are kept in order of name."""
        return self._places

    @property
    def categories(self) -> tuple[Attribute, ...]:
        """Category attributes, in order of display."""
        return tuple(attribute for attribute in self.attributes if attribute.type is AttributeType.CATEGORY)

    @property
    def grouped(self) -> tuple[Attribute, ...]:
        """Attributes that have levels, categories and texts, in order of display."""
        return tuple(attribute for attribute in self.attributes if attribute.grouped)

    def __getitem__(self, name: str) -> Attribute:
        try:
            return self._by_name[name]
        except KeyError:
            raise SchemaError(
                f"attribute {name!r} is not in the schema; it has {_listed(self.names)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self.attributes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return self._by_name == other._by_name and self.asked == other.asked

    def __hash__(self) -> int:
        return hash((frozenset(self.attributes), self.asked))

    @property
    def asked(self) -> tuple[frozenset[Extra], str | None, int | None, str]:
        """How the attributes are counted and called: extras, split, order and separator."""
        return self.extras, self.split, self.order, self.separator

    def level(self, name: str) -> tuple[str, str] | None:
        """The category and the level that `name` means as an indicator; None if it means none."""
        end = name.find(self.separator)
        while end >= 0:
            if name[:end] in self and self[name[:end]].type is AttributeType.CATEGORY:
                return name[:end], name[end + 1 :]
            end = name.find(self.separator, end + 1)
        return None

    def indicator(self, category: str, level: str) -> str:
        """What the 0/1 column of a category's level is called."""
        return f"{category}{self.separator}{level}"

    def canonical(self) -> bytes:
        """The bytes that equal schemas share: attributes sorted by name, little-endian.

        u32 count, then for each: u16 length of the name, the name in UTF-8, its type's letter, i16 twos,
        i16 fives (both 0 without a quantum). Then u8 extras: 1 = profiles, 2 = conditionals, 4 = there is an
        order, 8 = a separator; u16 length and the UTF-8 of the split, if any; u8 order, where there is one;
        u16 length and the UTF-8 of the separator, if it is not the usual one.
        """
        parts = [struct.pack("<I", len(self.attributes))]
        for name in sorted(self._by_name):
            attribute = self._by_name[name]
            quantum = attribute.quantum or Quantum(0, 0)
            encoded = name.encode()
            parts.append(struct.pack("<H", len(encoded)) + encoded + attribute.type.value.encode())
            parts.append(struct.pack("<hh", quantum.twos, quantum.fives))
        split = (self.split or "").encode()
        separator = b"" if self.separator == SEPARATOR else self.separator.encode()
        extras = sum(EXTRA_BITS[extra] for extra in self.extras)
        extras += (0 if self.order is None else ORDER_BIT) + (SEPARATOR_BIT if separator else 0)
        parts.append(struct.pack("<BH", extras, len(split)) + split)
        parts.append(b"" if self.order is None else bytes([self.order]))
        parts.append(struct.pack("<H", len(separator)) + separator if separator else b"")
        return b"".join(parts)

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def union(self, other: Schema) -> Schema:
        """All attributes of both, each at the common refinement of its units.

        Raises `SchemaError` naming an attribute whose types differ, or extras and splits that differ.
        """
        if self == other:
            return self
        if not self.attributes:
            return other
        if not other.attributes:
            return self
        if self.extras != other.extras:
            differing = ", ".join(sorted(self.extras ^ other.extras))
            raise SchemaError(
                f"only one of two schemas counts {differing}: learn both with it, or take it out of the one "
                "that has it with Moments.without"
            )
        if self.split != other.split:
            raise SchemaError(
                f"one of two schemas is split by {self.split!r}, the other by {other.split!r}: learn both "
                "with the same split, or take it out with Moments.unsplit"
            )
        if self.order != other.order:
            raise SchemaError(
                f"sequences are of the order {self.order} in one of two schemas, {other.order} in the other: "
                "learn both with the same"
            )
        if self.separator != other.separator:
            raise SchemaError(
                f"levels are separated by {self.separator!r} in one of two schemas, by {other.separator!r} "
                "in the other: make both with the same"
            )
        merged: list[Attribute] = []
        for attribute in self.attributes:
            twin = other._by_name.get(attribute.name)
            if twin is None or twin == attribute:
                merged.append(attribute)
                continue
            if twin.type is not attribute.type:
                raise SchemaError(
                    f"attribute {attribute.name!r} is of type {attribute.type.value} on one side and "
                    f"{twin.type.value} on the other; agree on one type"
                )
            merged.append(Attribute(attribute.name, attribute.type, attribute.unit.common(twin.unit)))
        merged.extend(attribute for attribute in other.attributes if attribute.name not in self._by_name)
        return replace(self, attributes=tuple(merged))

    def restrict(self, names: Iterable[str]) -> Schema:
        """The schema of just these attributes, in this order, not split if its category is not among them.

        Raises `SchemaError` for an unknown name.
        """
        kept = tuple(self[name] for name in names)
        lost = self.split in self and all(attribute.name != self.split for attribute in kept)
        return replace(self, attributes=kept, split=None if lost else self.split)

    @property
    def inner(self) -> Schema:
        """What is counted in each part of split statistics: all but the category that splits them."""
        kept = tuple(attribute for attribute in self.attributes if attribute.name != self.split)
        return replace(self, attributes=kept, split=None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `from_dict`."""
        return {
            "attributes": [
                {"name": a.name, "type": a.type.value}
                | ({"quantum": str(a.quantum)} if a.type is AttributeType.CONTINUOUS else {})
                for a in self.attributes
            ],
            **({"extras": sorted(self.extras)} if self.extras else {}),
            **({"split": self.split} if self.split is not None else {}),
            **({"order": self.order} if self.order is not None else {}),
            **({"separator": self.separator} if self.separator != SEPARATOR else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Read `to_dict`'s form; raises `SchemaError` for anything else."""
        listed = data.get("attributes") if isinstance(data, Mapping) else None
        if not isinstance(listed, list) or len(listed) > MAX_ATTRIBUTES:
            raise SchemaError(f'a schema is {{"attributes": [...]}} with at most {MAX_ATTRIBUTES} attributes')
        extras, split, order = _extras_from(data.get("extras", [])), data.get("split"), data.get("order")
        if split is not None and not isinstance(split, str):
            raise SchemaError(f"split is the name of a category, not {str(split)[:80]!r}")
        if order is not None and type(order) is not int:
            raise SchemaError(f"order is a whole number, not {str(order)[:80]!r}")
        separator = data.get("separator", SEPARATOR)
        if not isinstance(separator, str):
            raise SchemaError(f"separator is a character, not {str(separator)[:80]!r}")
        return cls(tuple(_attribute_from(item) for item in listed), extras, split, order, separator)

    @classmethod
    def infer(cls, table: Table, precision: int = 40) -> Schema:
        """A schema for a table: text is a category, zeros and ones are binary, the rest continuous."""
        return cls(tuple(table.infer_attribute(name, precision) for name in table.columns))


def _attribute_from(item: object) -> Attribute:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise SchemaError('an attribute is {"name": ..., "type": "C|B|T|S|L|P|X", "quantum": ...}')
    name, letter, quantum = item["name"], str(item.get("type")), item.get("quantum")
    try:
        type_ = AttributeType(letter)
    except ValueError:
        raise SchemaError(f"attribute {name!r} has the unknown type {letter!r}; use {LETTERS}") from None
    if quantum is not None and not isinstance(quantum, str):
        raise SchemaError(f'attribute {name!r} has the quantum {quantum!r}; write it as text, such as "0.1"')
    return Attribute(name, type_, None if quantum is None else Quantum.parse(quantum))


def _check_split(attribute: Attribute) -> None:
    if attribute.type is not AttributeType.CATEGORY:
        raise SchemaError(
            f"statistics are split by a category (T); {attribute.name!r} is of type {attribute.type.value}"
        )


def _extras_from(listed: object) -> frozenset[Extra]:
    if not isinstance(listed, list) or not all(extra in list(Extra) for extra in listed):
        raise SchemaError(f"extras are a list of {', '.join(Extra)}, not {str(listed)[:80]!r}")
    return frozenset(map(Extra, listed))


def _listed(names: tuple[str, ...], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
