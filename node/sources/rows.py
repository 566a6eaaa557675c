"""Tables that come as rows of plain cells with a request, rather than in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.statistics import Attribute, AttributeType, Coded, Column, Quantum, Schema, Table
from node.sources.dates import DATE, guess_parts, looks_dated, made_from, part_attribute, parts, read_times
from node.sources.guessing import LEARNED, check_letter, is_text, text_remark, why_ignored


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be learned of rows. `types`: letters of columns that were told or are parts of dates."""

    table: Table
    types: Mapping[str, str]
    remarks: tuple[str, ...] = ()


def read_rows(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    types: Mapping[str, str] | None = None,
    known: Iterable[str] = (),
    needed: Iterable[str] = (),
) -> Rows:
    """Columns from rows of cells, of which "" and None are missing.

    `types` gives letters for some columns, or for the parts of a column of dates; `known` are attributes that
    the project has: a column of which it knows parts is read as dates. The rest is told from the cells. What
    is not learned (S, L, P, X) is left out, unless it is `needed` to judge the rows by: then it is there as
    text, with the type X. Raises StatisticsError naming column and row.
    """
    told = dict(types or {})
    for name, letter in told.items():
        check_letter(name, letter)
    known, needed = frozenset(known), frozenset(needed)
    columns: dict[str, Column] = {}
    found: dict[str, str] = {}
    remarks: list[str] = []
    plain: list[int] = []
    for at, name in enumerate(names):
        type_ = told.get(name)
        wanted = () if name in known or type_ == "X" else made_from(name, known, names)
        if wanted or type_ == DATE or (type_ is None and name not in known and _dated(rows, at)):
            times = read_times(name, [row[at] for row in rows])
            guessed = [a.name for a in guess_parts(name, times) if a.name not in names]
            wanted = wanted or tuple(part for part in guessed if told.get(part) != "X")
            columns |= parts(times, wanted)
            found |= {part: told.get(part, part_attribute(part).type.value) for part in wanted}
        elif type_ is None or type_ in LEARNED or (type_ == "S" and name in known):
            plain.append(at)
            found |= {} if type_ is None else {name: type_}
        else:
            if name in needed:
                columns |= _plain([name], [[row[at]] for row in rows], [0], {name: "T"})
                found[name] = "X"
            remarks += why_ignored(name, type_)
    for lettered in (True, False):
        places = [at for at in plain if (names[at] in found) is lettered]
        if places:
            columns |= _plain(names, rows, places, found if lettered else None)
    for name in [name for name in columns if name not in found and name not in known]:
        column = columns[name]
        if isinstance(column, Coded) and is_text(len(column.levels), len(column)):
            found[name] = "X"
            remarks.append(text_remark(name, len(column.levels), len(column)))
    columns = {name: column for name, column in columns.items() if name in needed or found.get(name) != "X"}
    return Rows(Table({name: columns[name] for name in _ordered(names, columns)}), found, tuple(remarks))


def _dated(rows: Sequence[Sequence[Any]], at: int) -> bool:
    first = next((row[at] for row in rows if row[at] not in (None, "")), None)
    return looks_dated([first]) and looks_dated([row[at] for row in rows])


def _plain(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    places: Sequence[int],
    letters: Mapping[str, str] | None,
) -> Mapping[str, Column]:
    """The columns at these places, all of told types or all of unknown ones."""
    chosen = [names[at] for at in places]
    cells = rows if len(places) == len(names) else [[row[at] for at in places] for row in rows]
    types = None if letters is None else [letters[name] for name in chosen]
    return Table.from_rows(chosen, cells, types).columns


def _ordered(names: Sequence[str], columns: Iterable[str]) -> list[str]:
    """The columns in the order of the names that they are, or are made from."""
    place = {name: at for at, name in enumerate(names)}
    return sorted(columns, key=lambda name: place.get(name, place.get(name.rpartition(".")[0], len(place))))


def offered_schema(
    table: Table, types: Mapping[str, str], known: Schema | None = None, precision: int = 40
) -> Schema:
    """What the columns of a table would be learned as: as known, as told, else as their values suggest."""
    found: list[Attribute] = []
    for name in table.names:
        letter = types.get(name)
        if known is not None and name in known:
            found.append(known[name])
            continue
        if letter == "X":
            continue
        guessed = table.infer_attribute(name, precision)
        if letter in ("B", "T"):
            guessed = Attribute(name, AttributeType(letter))
        elif letter == "C" and guessed.type is AttributeType.BINARY:
            guessed = Attribute(name, AttributeType.CONTINUOUS, Quantum.decimal(0))
        found.append(guessed)
    return Schema(tuple(found))
