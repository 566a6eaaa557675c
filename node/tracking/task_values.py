"""Values in the documents of tasks, also kept as rows, so that tasks are found and put in order by them.

A path is (field, section, name, leaf): ("hyperparams", "Args", "lr", "value"), and of a last metric the keys
of metric and variant are section and name. Rows are written with
the documents, in the same transaction. A row has the number that a value is or spells, and its text: numbers
come before other texts, as `JsonField.order` has it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeGuard

import sqlalchemy as sa

from node.store.schema import tasks
from node.store.statements import insert_missing, run, upsert
from node.store.value_tables import task_values, value_paths

Path = tuple[str, str, str, str]

LEAVES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"hyperparams": ("value",), "last_metrics": ("value", "min_value", "max_value")}
)
"""The maps of maps in a task's document, and what of their items is kept as rows."""

WALKED: Final = 2000
"""Tasks that are looked at one by one in the order of a value, before all that fit are put in order."""

MAX_TEXT: Final = 400
"""Characters of a text that is kept: an index of PostgreSQL takes no long ones."""

_NUMERAL: Final = re.compile(r"[ \t\n\r]*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?[ \t\n\r]*")
_MAX_NUMERAL: Final = 40


@lru_cache(maxsize=10_000)
def path_id(path: Path) -> int:
    """The number of a path: 64 bits of its digest, signed."""
    text = json.dumps(path, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def is_kept(path: Sequence[str]) -> TypeGuard[Path]:
    """Whether what tasks have at a path is in rows."""
    return len(path) == 4 and path[3] in LEAVES.get(path[0], ())


def keep(connection: sa.Connection, task: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Bring the rows of a task up to fields of its document, as they were and as they are now."""
    old, new = dict(_values(before)), dict(_values(after))
    changed = [path for path, value in new.items() if path not in old or old[path] != value]
    run(connection, _FORGET, [(task, path_id(path)) for path in old if path not in new])
    run(
        connection,
        insert_missing(value_paths),
        [(path_id(path), *path, True) for path in changed if path not in old],
    )
    rows, cut = [], []
    for path in changed:
        number, text = sortable(new[path])
        if text is not None and len(text) > MAX_TEXT:
            text = text[:MAX_TEXT]
            cut.append((path_id(path),))
        rows.append((task, path_id(path), number, text))
    run(connection, upsert(task_values), rows)
    run(connection, _CUT, cut)


def forget(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Remove all rows of these tasks."""
    connection.execute(task_values.delete().where(task_values.c.task.in_(ids)))


def sortable(value: Any) -> tuple[float | None, str | None]:
    """The number and the text of a row."""
    if isinstance(value, str):
        return number_in(value), value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None, None
        return (number, "") if math.isfinite(number) else (None, None)
    return None, None


def is_whole(connection: sa.Connection, path: Path) -> bool | None:
    """Whether the rows of a path have all that the documents have there; None if no task has it at all."""
    whole: bool | None = connection.scalar(
        sa.select(value_paths.c.whole).where(value_paths.c.id == path_id(path))
    )
    return whole


def having(path: Path, texts: Sequence[str]) -> sa.Select[Any]:
    """The tasks that have one of these texts, none of them longer than `MAX_TEXT`, at a path."""
    same = [(task_values.c.number == number_in(text)) & (task_values.c.text == text) for text in texts]
    mine = task_values.c.path == path_id(path)
    return sa.select(task_values.c.task).where(mine, sa.or_(sa.false(), *same))


@dataclass(frozen=True, slots=True)
class ValueOrder:
    """The order of tasks by their values at a path, those without one last; `then` by other columns, or by
    their ids if there are none."""

    path: Path
    descending: bool
    then: tuple[sa.ColumnElement[Any], ...] = ()

    @property
    def walkable(self) -> bool:
        """Whether there are rows in this very order."""
        return not self.then

    def walked(self, where: sa.ColumnElement[bool], end: int) -> sa.Select[Any]:
        """The ids of the first `end` tasks for which a condition holds, as far as they are among the first
        `WALKED` of all."""
        mine = (task_values.c.path == path_id(self.path)) & task_values.c.number.is_not(None)
        first = sa.select(task_values).where(mine).order_by(*self._keys(task_values), task_values.c.task)
        some = first.limit(WALKED).subquery()
        found = sa.select(tasks.c.id).join_from(some, tasks, tasks.c.id == some.c.task).where(where)
        return found.order_by(*self._keys(some), some.c.task).limit(end)

    def ordered(self) -> sa.Select[Any]:
        """The ids of all tasks."""
        mine = (task_values.c.task == tasks.c.id) & (task_values.c.path == path_id(self.path))
        found = sa.select(tasks.c.id).outerjoin_from(tasks, task_values, mine)
        last = task_values.c.number.is_(None)
        return found.order_by(last, *self._keys(task_values), *(self.then or (tasks.c.id,)))

    def _keys(self, values: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        keys = values.c.number, values.c.text
        return [key.desc() if self.descending else key.asc() for key in keys]


def number_in(text: str) -> float:
    """What a text spells; infinity if that is no number."""
    return float(text) if len(text) <= _MAX_NUMERAL and _NUMERAL.fullmatch(text) else math.inf


def _values(fields: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for field, leaves in LEAVES.items():
        for section, items in _members(fields.get(field)):
            for name, item in _members(items):
                if isinstance(item, dict):
                    for leaf in leaves:
                        yield (field, section, name, leaf), item.get(leaf)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items() if isinstance(value, dict) else ()


_FORGET: Final = "DELETE FROM task_values WHERE task = ? AND path = ?"
_CUT: Final = "UPDATE value_paths SET whole = FALSE WHERE id = ?"
