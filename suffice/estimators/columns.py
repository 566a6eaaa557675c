"""What scikit-learn hands over (arrays, frames of pandas or pyarrow) as tables and their schemas.

Nothing here knows of estimators; how rows are learned is in `learned`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from federation.statistics import Attribute, AttributeType, Coded, Column, Quantum, Schema, Table
from federation.statistics.table import number_label

FloatArray = NDArray[np.float64]

WIDEST: Final = 200  # bits between a column's largest magnitude and its unit


def is_mixed(X: Any) -> bool:
    """Whether X is a frame (of pandas or pyarrow) with a column that does not hold numbers."""
    return hasattr(X, "__dataframe__") and not all(_numeric(X, i) for i in range(X.shape[1]))


def from_frame(X: Any, names: Sequence[str]) -> Table:
    """A table of a frame's columns: numbers, and anything else as text; None and NaN are missing."""
    return Table({name: _column(X, i) for i, name in enumerate(names)})


def from_array(X: FloatArray, names: Sequence[str]) -> Table:
    """A table of an array's columns (rows, d)."""
    return Table({name: np.ascontiguousarray(X[:, i]) for i, name in enumerate(names)})


def coded_by(values: NDArray[Any], texts: Sequence[str]) -> Coded:
    """Labels as a category: `texts` are those of the distinct values in ascending order."""
    codes = np.unique(values, return_inverse=True)[1]
    return Coded(codes.astype(np.int32), tuple(texts))


def text_of(label: Any) -> str:
    """A label as the name of a level, as `Table.from_rows` writes it."""
    value = label.item() if isinstance(label, np.generic) else label
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_label(value) if isinstance(value, float) else str(value)


def schema_for(table: Table, known: Schema | None = None) -> Schema:
    """A schema in whose units every number of the table is counted as it is, without rounding.

    Attributes of `known` keep their type, and their unit if the table's values are whole numbers of it.
    A column that spans more than 200 bits is rounded to that many below its largest magnitude.
    """
    return Schema(tuple(_attribute(name, column, known) for name, column in table.columns.items()))


def exact_unit(values: FloatArray) -> Quantum:
    """The largest power of two, at most 1, of which every finite value is a whole number.

    No finer than `WIDEST` bits below the largest magnitude; coarser than 1 only where that is above 2^200.
    """
    present = values[np.isfinite(values) & (values != 0.0)]
    if not present.size:
        return Quantum(0)
    significands, exponents = np.frexp(present)
    whole = np.abs(np.ldexp(significands, 53)).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    lowest, largest = int((exponents.astype(np.int64) - 53 + trailing).min()), int(exponents.max())
    return Quantum(max(-max(lowest, largest - WIDEST), 0 if largest <= WIDEST else -1024))


def _attribute(name: str, column: Column, known: Schema | None) -> Attribute:
    before = known[name] if known is not None and name in known else None
    if isinstance(column, Coded):
        return before or Attribute(name, AttributeType.CATEGORY)
    if before is None:
        return Attribute(name, AttributeType.CONTINUOUS, exact_unit(column))
    if before.type is not AttributeType.CONTINUOUS or _counted(column, before.unit):
        return before
    return Attribute(name, before.type, before.unit.common(exact_unit(column)))


def _counted(values: FloatArray, unit: Quantum) -> bool:
    """Whether each value is the float64 nearest to a whole number of units."""
    present = values[np.isfinite(values)]
    multiplier = unit.multiplier
    if multiplier is None:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.array_equal(unit.to_integers(present) / multiplier, present))


def _numeric(X: Any, position: int) -> bool:
    if hasattr(X, "column_names"):
        import pyarrow.types as pt

        kind = X.schema.field(position).type
        return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind))
    return getattr(X.dtypes.iloc[position], "kind", "O") in "fiub"


def _column(X: Any, position: int) -> Column:
    arrow = hasattr(X, "column_names")
    values = X.column(position) if arrow else X.iloc[:, position]
    if not _numeric(X, position):
        cells = values.to_pylist() if arrow else values.tolist()
        return Coded.of([None if _missing(cell) else text_of(cell) for cell in cells])
    numbers = (
        values.cast("float64").to_numpy() if arrow else values.to_numpy(dtype=np.float64, na_value=np.nan)
    )
    if np.isinf(numbers).any():
        raise ValueError(f"column {position} contains infinity: leave such values empty if they are missing")
    return np.asarray(numbers, dtype=np.float64)


def _missing(cell: Any) -> bool:
    return cell is None or bool(cell != cell) or type(cell).__name__ == "NAType"
