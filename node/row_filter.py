"""Which rows of a table count: predicates over its columns, all of which must hold.

Written `delay >= 15; carrier != UA`. Text is compared by == and != alone. A row in which the attribute is
missing satisfies no predicate.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import Coded, Column, LearnError, Table
from node.errors import BadRequest

Mask = NDArray[np.bool_]

_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_OPERATOR: Final = re.compile("|".join(_OPERATORS))  # of the same start, the longer are first
_WORDS: Final = {"true": 1.0, "false": 0.0}
_MAX_PREDICATES: Final = 100


@dataclass(frozen=True, slots=True)
class Predicate:
    """One comparison of an attribute with a number or a text."""

    attribute: str
    comparison: str
    value: str

    def __str__(self) -> str:
        return f"{self.attribute} {self.comparison} {self.value}"

    def holds(self, column: Column) -> Mask:
        """For each row, whether it satisfies this. Raises BadRequest where text and numbers would meet."""
        if isinstance(column, Coded):
            of_levels = np.array([self._of_level(level) for level in column.levels] + [False], dtype=bool)
            return of_levels[column.codes]  # code -1, missing, finds the last
        number = _number(self.value)
        number = _WORDS.get(self.value.lower()) if number is None else number
        if number is None:
            raise BadRequest(
                f"row filter {str(self)!r}: {self.attribute!r} holds numbers", "compare it with a number"
            )
        holds: Mask = _OPERATORS[self.comparison](column, number) & ~np.isnan(column)
        return holds

    def _of_level(self, level: str) -> bool:
        if not level:
            return False
        mine, theirs = _number(level), _number(self.value)
        if mine is not None and theirs is not None:
            return bool(_OPERATORS[self.comparison](mine, theirs))
        if self.comparison in ("==", "!="):
            return (level == self.value) is (self.comparison == "==")
        raise BadRequest(
            f"row filter {str(self)!r}: {self.attribute!r} holds {level[:40]!r}, which is no number",
            "compare text by == or !=",
        )


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Predicates that must all hold."""

    predicates: tuple[Predicate, ...]

    @classmethod
    def parse(cls, text: str) -> RowFilter:
        """Read `attr OP value; …`, values perhaps in quotes. Raises BadRequest naming the predicate."""
        parts = [part.strip() for part in text.split(";") if part.strip()]
        if not 1 <= len(parts) <= _MAX_PREDICATES:
            raise BadRequest(
                f"a row filter has 1 to {_MAX_PREDICATES} predicates, not {len(parts)}",
                "write them as: delay >= 15; carrier != UA",
            )
        return cls(tuple(_predicate(part) for part in parts))

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that rows are judged by, each once."""
        return tuple(dict.fromkeys(predicate.attribute for predicate in self.predicates))

    def kept(self, table: Table) -> NDArray[np.int64]:
        """The positions of the rows that satisfy all predicates, ascending. Raises BadRequest."""
        holds = np.ones(table.rows, dtype=bool)
        for predicate in self.predicates:
            column = table.columns.get(predicate.attribute)
            if column is None:
                raise BadRequest(
                    f"row filter {str(predicate)!r}: the table has no column {predicate.attribute!r}; it has "
                    f"{', '.join(table.names[:20])}",
                    "send the column too: it need not be one of the project's attributes",
                )
            holds &= predicate.holds(column)
        return np.flatnonzero(holds)


@contextmanager
def naming_rows(kept: NDArray[np.int64] | None, first: int = 1) -> Iterator[None]:
    """An error of learning names the row of the table, of which only the rows `kept` were learned.

    first: the number of the table's first row, which learning was told too.
    """
    try:
        yield
    except LearnError as error:
        if kept is None or error.row is None:
            raise
        row = first + int(kept[error.row - first])
        raise LearnError(str(error).replace(f"row {error.row}:", f"row {row}:")) from None


def _predicate(text: str) -> Predicate:
    found = _OPERATOR.search(text, 1)
    value = "" if found is None else text[found.end() :].strip()
    if found is None or not value:
        raise BadRequest(
            f"row filter {text[:200]!r} is not of the form: attribute OPERATOR value",
            f"use one of {' '.join(_OPERATORS)}, and a semicolon between predicates",
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    predicate = Predicate(text[: found.start()].strip(), found[0], value)
    if _number(value) is None and predicate.comparison not in ("==", "!="):
        raise BadRequest(
            f"row filter {text[:200]!r}: {value[:80]!r} is no number", "compare text by == or !="
        )
    return predicate


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if np.isnan(number) else number
