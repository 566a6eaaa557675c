"""What a project's options make of rows before they are learned: powers of a column beside it, or runs of
tokens in place of sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import MAX_ORDER, Attribute, AttributeType, Coded, Quantum, Schema, Table
from node.errors import BadRequest

POWER_COLUMN: Final = "sml_project_power_column"
POWER_MIN: Final = "sml_project_power_min"
POWER_MAX: Final = "sml_project_power_max"
POWER_STEPS: Final = "sml_project_power_steps"
ORDER: Final = "sml_project_order"

_USUAL: Final = {POWER_MIN: -2.0, POWER_MAX: 2.0, POWER_STEPS: 9}


@dataclass(frozen=True, slots=True)
class Powers:
    """The powers of one column that are learned beside it; see `federation.models.power`."""

    column: str
    powers: tuple[float, ...]

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> Powers | None:
        """None if no column is named. Raises BadRequest for powers that cannot be, or of no column."""
        from federation.models.errors import ModelError
        from federation.models.power import power_name, powers_between

        column = parameters.get(POWER_COLUMN)
        if column in (None, ""):
            given = [name for name in _USUAL if name in parameters]
            if given:
                raise BadRequest(f"{given[0]} says powers of no column", f"name it with {POWER_COLUMN}")
            return None
        low, high = (_number(name, parameters.get(name, _USUAL[name])) for name in (POWER_MIN, POWER_MAX))
        steps = whole(POWER_STEPS, parameters.get(POWER_STEPS, _USUAL[POWER_STEPS]))
        try:
            powers = powers_between(low, high, steps)
        except ModelError as error:
            raise BadRequest(str(error), f"correct {POWER_MIN}, {POWER_MAX} or {POWER_STEPS}") from None
        if len({power_name("", power) for power in powers}) < steps:
            raise BadRequest(
                f"{steps} powers from {low:g} to {high:g} lie closer than six digits tell apart",
                f"take fewer {POWER_STEPS}",
            )
        return cls(str(column), powers)

    @classmethod
    def agreed(cls, schema: Schema) -> dict[str, Any]:
        """The options of a project that others made with powers: none if its attributes tell of none."""
        from federation.models.power import powers_learned

        for column, powers in powers_learned(schema).items():
            ends: dict[str, Any] = {POWER_MIN: min(powers), POWER_MAX: max(powers), POWER_STEPS: len(powers)}
            found = {POWER_COLUMN: column} | ends
            wanted = cls.read(found)
            if wanted is not None and wanted.names <= {*schema.names}:
                return found
        return {}

    @property
    def names(self) -> frozenset[str]:
        """The attributes that are learned beside the column."""
        return frozenset(self.expand(Table({self.column: np.zeros(0)})).names) - {self.column}

    def expand(self, table: Table) -> Table:
        """The table with the powers beside the column, as it is if it has none. Raises ModelError."""
        from federation.models.power import expand

        return expand(table, self.column, self.powers) if self.column in table.columns else table

    def learned(self, table: Table) -> Table:
        """As `expand`, but of infinite values no powers: to learn the column itself names their rows.

        Raises BadRequest for a column of text, ModelError for powers that are too large.
        """
        column = table.columns.get(self.column)
        if column is None:
            return table
        if isinstance(column, Coded):
            raise BadRequest(
                f"{POWER_COLUMN} {self.column!r} holds text, which has no powers", "name a column of numbers"
            )
        finite = np.where(np.isinf(column), np.nan, column)
        return Table(
            {**self.expand(Table({**table.columns, self.column: finite})).columns, self.column: column}
        )

    def before(self, schema: Schema) -> Schema:
        """What is read of a table that is to become `schema`: the column in place of its powers."""
        kept = [a for a in schema.attributes if a.name not in self.names]
        if len(kept) < len(schema) and self.column not in schema:
            kept.append(Attribute(self.column, AttributeType.CONTINUOUS, Quantum(0)))
        return replace(schema, attributes=tuple(kept))

    def beside(self, schema: Schema, values: NDArray[np.float64], known: Schema, precision: int) -> Schema:
        """`schema` with the powers of its column as they are `known`, else in units that suit its first
        `values`: to `precision` bits of the largest. Raises BadRequest for a column without numbers."""
        if self.column not in schema:
            return schema
        column = schema[self.column]
        if not column.numeric:
            raise BadRequest(
                f"{POWER_COLUMN} {column.name!r} has no powers: it is of type {column.type.value}",
                "name a column of numbers, or give it the type C",
            )
        first = self.learned(Table({self.column: values}))
        plain = [a for a in schema.attributes if a.name not in self.names]
        made = [
            known[name] if name in known else _attribute(name, np.asarray(first.columns[name]), precision)
            for name in first.names
            if name != self.column
        ]
        return replace(schema, attributes=(*plain, *made))


def as_tokens(names: Iterable[str], types: Mapping[str, str]) -> dict[str, str]:
    """The types by which columns of sequences are read: tokens, whatever they look like, but for those to
    ignore."""
    return {name: "X" if types.get(name) == "X" else "T" for name in names}


def read_order(parameters: Mapping[str, Any]) -> int | None:
    """How many tokens the next depends on; None if the project is not one of sequences. Raises BadRequest."""
    if parameters.get(ORDER) in (None, ""):
        return None
    order = whole(ORDER, parameters[ORDER])
    if not 1 <= order <= MAX_ORDER:
        raise BadRequest(f"{ORDER} {order} is out of range", f"use 1 to {MAX_ORDER}")
    return order


def whole(name: str, value: Any) -> int:
    """A whole number, also as text. Raises BadRequest."""
    number = _number(name, value, "a whole number")
    if not number.is_integer():
        raise BadRequest(f"{name} {str(value)[:80]!r} is not a whole number", "correct it")
    return int(number)


def _number(name: str, value: Any, what: str = "a number") -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(f"{name} {str(value)[:80]!r} is not {what}", "correct it") from None


def _attribute(name: str, values: NDArray[np.float64], precision: int) -> Attribute:
    """Powers are no short decimals, though the first of them may look so."""
    largest = float(np.max(np.abs(values), initial=0.0, where=~np.isnan(values)))
    exponent = int(np.frexp(largest)[1])
    return Attribute(name, AttributeType.CONTINUOUS, Quantum(min(precision - exponent, 1200)))
