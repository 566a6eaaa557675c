"""A model of the node as one that scores batches: with the schema, options, encodings and statistics for
imputing that its project had when it was taken."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from node.errors import BadRequest
from node.scoring import fields
from node.scoring.csv_records import Cells
from node.scoring.fields import Column, Field
from node.scoring.paths import Path
from node.sources import SourceError
from node.sources.dates import column_of

if TYPE_CHECKING:
    from federation.statistics import Schema, Table

_PLACE: Final = re.compile(r"column '(?P<name>[^\n]*?)', row (?P<row>\d+):")


class NodeModel:
    """`model`: {"record": the model's plain form, "inputs": names, "known": its project's schema, "options":
    its project's parameters, "encoding": plain or None, "imputing": statistics in base64, or None}."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        from federation.statistics import Moments, Schema
        from node.encoding import restored
        from node.project_options import ProjectOptions

        self._record, self._inputs = dict(model["record"]), list(model["inputs"])
        self._options = ProjectOptions.read(model.get("options") or {}, restored(model.get("encoding")))
        held = model.get("imputing")
        self._imputing = None if held is None else Moments.from_bytes(base64.b64decode(held))
        self._schema = self._columns(Schema.from_dict(model["known"]))

    def _columns(self, known: Schema) -> Schema:
        """The columns that a table to predict has, as they are before they are encoded."""
        from federation.statistics import Attribute, AttributeType, Schema
        from node.modelling import attribute_of

        if self._options.order is not None:
            names = list(self._record.get("columns") or [])
            if len(names) < 2:
                raise BadRequest(
                    "this model of sequences does not name the columns that hold one, at least two",
                    "fit it with the parameter columns; a sequence down a column is predicted in its project",
                )
            return Schema(tuple(Attribute(name, AttributeType.CATEGORY) for name in names))
        names = list(dict.fromkeys(attribute_of(name, known) for name in self._inputs))
        lacking = [name for name in names if name not in known]
        if lacking and self._options.encoding is None and self._options.powers is None:
            raise BadRequest(f"the model's input {lacking[0]!r} is not in its schema", "take the model anew")
        known = known.restrict([name for name in names if name in known])
        if self._options.encoding is not None or self._options.powers is not None:
            known = self._options.before(known)
        return known

    def shape(self) -> dict[str, Any]:
        """The schema of what it takes and gives, as a version of it tells by default.

        A column of dates is one field, whose parts the model knows.
        """
        found: dict[str, str] = {}
        for attribute in self._schema.attributes:
            column = column_of(attribute.name)
            if column is not None and column not in self._schema:
                found[column] = "date"
            else:
                found[attribute.name] = "number" if attribute.numeric else "string"
        optional = self._imputing is not None
        taken = [
            {"path": str(Path.of(name)), "type": type_, "optional": optional} for name, type_ in found.items()
        ]
        given = [
            {"path": str(Path.of(name)), "type": type_, "optional": True}
            for name, type_ in self._outputs().items()
        ]
        return {"input_type": None, "input": taken, "output_type": None, "output": given}

    def _outputs(self) -> dict[str, str]:
        """What it gives for a record of nothing, and of which type."""
        import pyarrow as pa

        from node import modelling

        nothing = {
            a.name: pa.nulls(1, pa.float64() if a.numeric else pa.string()) for a in self._schema.attributes
        }
        outputs = modelling.predict(self._record, self._table(nothing), self._inputs, self._imputing)
        return {name: _type(np.asarray(values)) for name, values in outputs.items()}

    def _table(self, arrays: Mapping[str, Any]) -> Table:
        """Columns as the model sees them. Raises ModelError."""
        import pyarrow as pa

        from node.sources.columns import table_of

        return self._options.levels_of(table_of(pa.record_batch(dict(arrays)), self._schema))

    def score(self, taken: Sequence[Field], columns: Sequence[Column], first: int, rows: int) -> Cells:
        """The model's outputs for records. Raises SourceError naming record and field."""
        from node import modelling

        arrays = {
            field.path.header: _array(field, column, first)
            for field, column in zip(taken, columns, strict=True)
        }
        try:
            table = self._table(arrays)
            outputs, self._record = modelling.advance(self._record, table, self._inputs, self._imputing)
        except SourceError:
            raise
        except ValueError as error:
            raise SourceError(_in_file(str(error), first)) from None
        return Cells({name: [np.asarray(values)] for name, values in outputs.items()}, first, rows, 0, 0)


def _array(field: Field, column: Column, first: int) -> Any:
    import pyarrow as pa

    if field.type not in ("number", "boolean"):
        return fields.texts(field, column, first)
    numbers = fields.floats(field, column, first)
    missing = np.isnan(numbers)
    return pa.array(numbers, mask=missing if missing.any() else None)


def _in_file(error: str, first: int) -> str:
    """A model's error about a row of a batch, with the record's number in the file."""
    return _PLACE.sub(lambda at: f"record {int(at['row']) + first - 1}, field {at['name']}:", error, count=1)


def _type(values: NDArray[Any]) -> str:
    if values.dtype.kind == "b":
        return "boolean"
    return "number" if values.dtype.kind in "fiu" else "string"
