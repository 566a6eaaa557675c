"""What can be asked of a project when it is made, beside its schema: options under SymetryML's names.

They are kept as the project's `parameters`, in whichever dialect they came: values as they are or as text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import NGRAM_SCHEMA, Coded, Extra, Schema, SchemaError, Table, ngram_table
from node.errors import BadRequest
from node.expansion import (
    ORDER,
    POWER_COLUMN,
    POWER_MAX,
    POWER_MIN,
    POWER_STEPS,
    Powers,
    as_tokens,
    read_order,
    whole,
)
from node.row_filter import RowFilter

if TYPE_CHECKING:
    from federation.encoders import Encoding

ROW_FILTER: Final = "sml_project_predicate_row_filter"
WINDOW: Final = "sml_project_rolling_window_size"
PRECISION: Final = "precision"
PROFILES: Final = "enableHistogram"
CONDITIONALS: Final = "conditionals"
SPLIT: Final = "partitionSplit"
SEPARATOR: Final = "categorySeparator"
LOWER_CASE: Final = "lower_case"

EMBEDDED: Final = "sml_project_rolling_window_use_embedded"
"""Another project inside, of the window's rows alone: there is none, which may be said."""

HASHTRICK: Final = "sml_project_hashtrick_binsize"
"""Hashing of whatever texts come, which an encoder does for the columns that it names."""

WITHOUT_EFFECT: Final = frozenset({"sml_project_autosave", "sml_project_learn_merge", "sync_sched", EMBEDDED})
"""Autosave and learn_merge are how every project is: committed when acknowledged, learned all or nothing.
No project has a window embedded. The schedule belongs to a federation and is only remembered here."""

KNOWN: Final = (
    frozenset({ROW_FILTER, WINDOW, PRECISION, PROFILES, CONDITIONALS, SPLIT, LOWER_CASE, SEPARATOR})
    | {POWER_COLUMN, POWER_MIN, POWER_MAX, POWER_STEPS, ORDER}
    | WITHOUT_EFFECT
)
NOT_OF_SEQUENCES: Final = (ROW_FILTER, WINDOW, CONDITIONALS, SPLIT, POWER_COLUMN)
"""Options that are about rows and their attributes, of which sequences have none."""
_EXTRAS: Final = {PROFILES: Extra.PROFILES, CONDITIONALS: Extra.CONDITIONALS}
_DEFAULT_EXTRAS: Final = frozenset({Extra.PROFILES})
PRECISIONS: Final = (40, 60, 80)
MAX_WINDOW: Final = 1_000_000

Kept = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """row_filter: which rows count. window: only the last so many rows do. precision: bits that a value which
    is no short decimal keeps below its column's largest. lower_case: levels are trimmed and lower-cased.
    extras: what is to be counted beside sums and products, and what not; profiles are by default. split: a
    category for each of whose levels statistics are kept apart. powers: those of a column to learn beside it.
    order: how many tokens the next depends on, if rows are sequences: then runs of tokens are learned.
    separator: what stands between a category and its level in names, if not the usual.
    encoding: what the project's encoder makes of its columns, before all that."""

    row_filter: RowFilter | None = None
    window: int | None = None
    precision: int = PRECISIONS[0]
    lower_case: bool = False
    extras: Mapping[Extra, bool] = field(default_factory=dict)
    split: str | None = None
    encoding: Encoding | None = None
    powers: Powers | None = None
    order: int | None = None
    separator: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, Any], encoding: Encoding | None = None) -> ProjectOptions:
        """Raises BadRequest naming an option that is not known, or whose value cannot be."""
        if HASHTRICK in parameters:
            raise BadRequest(
                f"{HASHTRICK} is not available: which columns are to be hashed is said beforehand",
                "make an encoder of the kind hashing, with its keys and bins, and assign it to the project",
            )
        for name in parameters:
            if name not in KNOWN:
                raise BadRequest(
                    f"there is no project option {str(name)[:200]!r}", f"use: {', '.join(sorted(KNOWN))}"
                )
        if flag(EMBEDDED, parameters.get(EMBEDDED, False)):
            raise BadRequest(
                f"{EMBEDDED} is not available: a project counts its window's rows, or all",
                "learn into two projects, one of them with a window",
            )
        order = read_order(parameters)
        unfit = [name for name in NOT_OF_SEQUENCES if parameters.get(name) not in (None, "", False, "false")]
        if order is not None and unfit:
            raise BadRequest(f"{unfit[0]} and {ORDER} do not go together", "leave one of them out")
        row_filter, window = parameters.get(ROW_FILTER), parameters.get(WINDOW)
        precision = whole(PRECISION, parameters.get(PRECISION, PRECISIONS[0]))
        if precision not in PRECISIONS:
            raise BadRequest(
                f"precision {precision} is not one", f"use {', '.join(map(str, PRECISIONS))} (bits)"
            )
        return cls(
            None if row_filter in (None, "") else RowFilter.parse(str(row_filter)),
            None if window is None else _window(window),
            precision,
            flag(LOWER_CASE, parameters.get(LOWER_CASE, False)),
            {extra: flag(name, parameters[name]) for name, extra in _EXTRAS.items() if name in parameters},
            None if parameters.get(SPLIT) in (None, "") else str(parameters[SPLIT]),
            encoding,
            Powers.read(parameters),
            order,
            _separator(parameters.get(SEPARATOR)),
        )

    def schema(self, given: Schema | None) -> Schema:
        """What a project counts: the attributes given, if any, and what was asked for beside them.

        Raises SchemaError for a split by an attribute that is no category, or attributes that do not fit.
        """
        given = given or Schema(())
        if self.order is not None:
            if given.order not in (None, self.order):
                raise SchemaError(f"the schema is of sequences of order {given.order}, not {self.order}")
            if given.attributes and given.attributes != NGRAM_SCHEMA.attributes:
                raise SchemaError("sequences have a schema of their own: leave the schema out")
            given = replace(given, attributes=NGRAM_SCHEMA.attributes, order=self.order)
        asked = (given.extras | _DEFAULT_EXTRAS).union(extra for extra, on in self.extras.items() if on)
        extras = asked.difference(extra for extra, on in self.extras.items() if not on)
        split = self.split or given.split
        if given.attributes and split is not None and split not in given:
            raise SchemaError(f"statistics are to be split by {split!r}, which is not in the schema: add it")
        if given.attributes and self.powers is not None:
            if self.powers.column not in given:
                raise SchemaError(
                    f"powers of {self.powers.column!r} are to be learned, which is not in the schema: add it"
                )
            given = self.powers.beside(given, np.zeros(0), given, self.precision)
        return replace(given, extras=extras, split=split, separator=self.separator or given.separator)

    def check_agreed(self, project: str, federation: str, agreed: Schema) -> None:
        """Raise BadRequest if what was asked for is not what the members of a federation count."""
        for option, extra in _EXTRAS.items():
            wanted = self.extras.get(extra)
            if wanted is not None and wanted is not (extra in agreed.extras):
                raise BadRequest(
                    f"project {project!r} of {federation!r} counts {'no ' if wanted else ''}{extra}, as "
                    f"agreed among its members: {option} {str(wanted).lower()} is not possible",
                    "leave the option out: the agreed one is taken",
                )
        if self.split is not None and self.split != agreed.split:
            raise BadRequest(
                f"project {project!r} of {federation!r} is split by {agreed.split or 'nothing'}, as agreed "
                f"among its members: {SPLIT} {self.split!r} is not possible",
                "leave the option out: the agreed one is taken",
            )

        if self.separator not in (None, agreed.separator):
            raise BadRequest(
                f"project {project!r} of {federation!r} separates levels by {agreed.separator!r}, as agreed "
                f"among its members: {SEPARATOR} {self.separator!r} is not possible",
                "leave the option out: the agreed one is taken",
            )
        lacking = self.powers.names.difference(agreed.names) if self.powers is not None else ()
        if lacking and agreed.attributes:
            raise BadRequest(
                f"project {project!r} of {federation!r} has no {min(lacking)!r}: other attributes are agreed "
                "among its members",
                f"leave {POWER_COLUMN} out: what is agreed is taken",
            )

    def with_agreed(self, parameters: dict[str, Any], agreed: Schema) -> dict[str, Any]:
        """The parameters of a project that learns by an agreed schema: also the powers and the order of
        sequences that it tells of."""
        found = {} if self.powers is not None else Powers.agreed(agreed)
        return {**parameters, **found} | ({} if agreed.order is None else {ORDER: agreed.order})

    @property
    def judged_by(self) -> frozenset[str]:
        """The attributes that the row filter needs, learned or not."""
        return frozenset() if self.row_filter is None else frozenset(self.row_filter.attributes)

    def remarks(self, given: Schema) -> list[str]:
        """What is to be told of options beside a given schema: columns of the row filter that it lacks."""
        return [
            f"the row filter names {name!r}, which is no attribute: tables without such a column are refused"
            for name in sorted(self.judged_by.difference(given.names))
        ]

    def prepare(self, table: Table) -> tuple[Table, Kept | None]:
        """The rows that count, as they are learned, and their positions in `table` (None: all).

        Raises BadRequest if the row filter does not fit the table.
        """
        kept = None if self.row_filter is None else self.row_filter.kept(table)
        if kept is not None and len(kept) < table.rows:
            table = table.take(kept)
        table = self.plain(table)
        if self.order is not None:
            return (ngram_table(table, table.names, self.order) if table.columns else table), None
        return (table if self.powers is None else self.powers.learned(table)), kept

    def levels_of(self, table: Table) -> Table:
        """The table as models see it: encoded, with its levels as they are written here, and with powers.

        Raises ModelError for columns that cannot be encoded, or have no powers.
        """
        table = self.plain(table)
        return table if self.powers is None else self.powers.expand(table)

    def before(self, known: Schema, names: Collection[str] = ()) -> Schema:
        """What is known of a table that is to be learned as `known`, or as much of it as a model needs.

        The columns that the encoder needs belong to it if something made of them does, or if they are among
        `names`. Of sequences nothing is known.
        """
        if self.order is not None:
            return Schema(())
        if self.powers is not None:
            known = self.powers.before(known)
        return known if self.encoding is None else self.encoding.before(known, names)

    def told(
        self, names: Iterable[str], types: Mapping[str, str], split: str | None = None
    ) -> dict[str, str]:
        """The types by which a table with these columns is read, `types` being told."""
        return with_split(types, split) if self.order is None else as_tokens(names, types)

    def plain(self, table: Table) -> Table:
        """The same without powers."""
        if self.encoding is not None:
            table = self.encoding.transform(table)
        if not self.lower_case:
            return table
        return Table(
            {
                name: Coded(column.codes, tuple(level.strip().lower() for level in column.levels))
                if isinstance(column, Coded)
                else column
                for name, column in table.columns.items()
            }
        )


def with_split(types: Mapping[str, str], split: str | None) -> dict[str, str]:
    """The types by which a table is read: what splits the statistics is a category, though it be told as text
    or look like numbers."""
    return {**types} if split is None or types.get(split) not in (None, "S") else {**types, split: "T"}


def flag(name: str, value: Any) -> bool:
    """True or false, also as text. Raises BadRequest."""
    known = {"true": True, "1": True, "false": False, "0": False}
    found = known.get(str(value).strip().lower())
    if found is None:
        raise BadRequest(f"{name} {str(value)[:80]!r} is neither true nor false", "use true or false")
    return found


def _separator(value: Any) -> str | None:
    """A character; None for none. Raises BadRequest."""
    if value in (None, ""):
        return None
    try:
        return Schema((), separator=str(value)).separator
    except SchemaError as error:
        raise BadRequest(f"{SEPARATOR}: {error}", "use one such as $ or |") from None


def _window(value: Any) -> int:
    size = whole(WINDOW, value)
    if not 1 <= size <= MAX_WINDOW:
        raise BadRequest(f"{WINDOW} {size} is out of range", f"use 1 to {MAX_WINDOW} rows")
    return size
