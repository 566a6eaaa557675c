"""An ONNX file as a model that scores batches, through onnxruntime (the extra `onnxruntime`).

Its input tensors have the records as their first dimension. Fields belong to the tensor that their path
begins with: a number or text for a tensor (rows,) or (rows, 1), a list or several positions for one of
(rows, d). Of a file with one tensor, whose name none of the fields has, all fields are its columns, in their
order. An output is a column of its own name, several of them a list; one of maps (as classifiers of
scikit-learn give) is an object of as many fields as there are keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from node.errors import BadRequest, Unavailable
from node.scoring import fields
from node.scoring.csv_records import Cells
from node.scoring.fields import Column, Field
from node.scoring.paths import Path
from node.sources import SourceError

ROWS: Final = 1 << 13
"""Records that the model sees at once."""

_KINDS: Final[Mapping[str, type]] = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64,
    "tensor(uint32)": np.uint32,
    "tensor(uint16)": np.uint16,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class OnnxModel:
    """`model`: {"path": the file}."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise Unavailable(
                "scoring by ONNX files needs onnxruntime", "pip install 'suffice[onnxruntime]'"
            ) from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # as everything in a worker
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                str(model["path"]), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no base class of its own for them
            raise BadRequest(
                f"this is no ONNX file that can be run: {_short(error)}", "export it anew"
            ) from None
        self._inputs = self._session.get_inputs()
        for tensor in self._inputs:
            if tensor.type not in _KINDS or len(tensor.shape) > 2 or not tensor.shape:
                raise BadRequest(
                    f"its input {tensor.name[:80]!r} is a {tensor.type} of the shape {tensor.shape}",
                    "give a model whose inputs are (records,) or (records, columns)",
                )
        one = [tensor for tensor in self._inputs if tensor.shape[0] == 1]
        fixed = [t for t in self._inputs if isinstance(t.shape[0], int) and t.shape[0] != 1]
        if fixed:
            raise BadRequest(
                f"its input {fixed[0].name[:80]!r} takes exactly {fixed[0].shape[0]} records",
                "export it with a first dimension that is free",
            )
        self._rows = 1 if one else ROWS

    def shape(self) -> dict[str, Any]:
        """The schema of what it takes and gives, from its graph and from one record of zeros."""
        taken = []
        for tensor in self._inputs:
            width = _width(tensor)
            several = "" if width == 1 else "[*]" if width is None else f"[0+1,{width}]"
            taken.append(
                {
                    "path": f"{Path.of(tensor.name)}{several}",
                    "type": _type(_KINDS[tensor.type]),
                    "optional": False,
                }
            )
        feed = {t.name: _nothing(t) for t in self._inputs}
        given = []
        for path, columns in self._run(feed, 1).items():
            several = "" if len(columns) == 1 else f"[0+1,{len(columns)}]"
            kind = _type(columns[0].dtype.type)
            given.append({"path": f"{path}{several}", "type": kind, "optional": True})
        return {"input_type": None, "input": taken, "output_type": None, "output": given}

    def score(self, taken: Sequence[Field], columns: Sequence[Column], first: int, rows: int) -> Cells:
        """The model's outputs for records. Raises SourceError naming record and field."""
        feed = {
            tensor.name: _tensor(tensor, self._of(tensor, taken, columns), first, rows)
            for tensor in self._inputs
        }
        parts = []
        for at in range(0, rows, self._rows):
            part = {name: values[at : at + self._rows] for name, values in feed.items()}
            try:
                parts.append(self._run(part, min(self._rows, rows - at)))
            except BadRequest as error:
                raise SourceError(f"records from {first + at} on: {error.message}") from None
        found = {
            path.header: [
                np.concatenate(pieces) for pieces in zip(*(part[path] for part in parts), strict=True)
            ]
            for path in parts[0]
        }
        return Cells(found, first, rows, 0, 0)

    def _of(
        self, tensor: Any, taken: Sequence[Field], columns: Sequence[Column]
    ) -> list[tuple[Field, Column]]:
        """The fields that are columns of a tensor."""
        held = list(zip(taken, columns, strict=True))
        own = [(field, column) for field, column in held if field.path.steps[0] == tensor.name]
        if own:
            return own
        if len(self._inputs) == 1:
            return held
        names = ", ".join(repr(t.name[:80]) for t in self._inputs[:20])
        raise SourceError(
            f"no field of the schema is called {tensor.name[:80]!r}, an input of the ONNX file ({names}): "
            "call the fields as its inputs"
        )

    def _run(self, feed: Mapping[str, NDArray[Any]], rows: int) -> dict[Path, list[NDArray[Any]]]:
        """The columns of each output. Raises BadRequest."""
        wanted = [output.name for output in self._session.get_outputs()]
        try:
            outputs = self._session.run(wanted, dict(feed))
        except Exception as error:
            raise BadRequest(f"the ONNX file does not run: {_short(error)}", "compare its inputs") from None
        found: dict[Path, list[NDArray[Any]]] = {}
        for name, values in zip(wanted, outputs, strict=True):
            if isinstance(values, list) and len(values) == rows and all(isinstance(v, dict) for v in values):
                for key in sorted({key for value in values for key in value}, key=str):
                    found[Path((name, str(key)))] = [np.array([value.get(key, np.nan) for value in values])]
            elif isinstance(values, np.ndarray) and values.ndim <= 2 and values.shape[:1] == (rows,):
                table = values.reshape(rows, -1)
                found[Path.of(name)] = [table[:, at] for at in range(table.shape[1])]
            elif isinstance(values, np.ndarray) and values.size == rows:
                found[Path.of(name)] = [values.reshape(rows)]
        if not found:
            raise BadRequest(
                "the ONNX file gives nothing with a value for each record", "export it otherwise"
            )
        return found


def _tensor(tensor: Any, held: Sequence[tuple[Field, Column]], first: int, rows: int) -> NDArray[Any]:
    """The values of a tensor for a batch, (rows,) or (rows, d)."""
    kind, width = _KINDS[tensor.type], _width(tensor)
    columns: list[NDArray[Any]] = []
    for field, column in held:
        if not field.path.lists:
            columns.append(_values(kind, field, column, first))
            continue
        spread = fields.plain(field, column, first)
        wide = width or len(spread[0] or [])
        for at, items in enumerate(spread):
            if items is None or len(items) != wide:
                raise SourceError(
                    f"record {first + at}, field {field.path}: {len(items or [])} values, where {wide} are "
                    "needed"
                )
        single = Field(Path.of(str(field.path)), field.type, field.optional)
        columns += [_values(kind, single, [row[at] for row in spread], first) for at in range(wide)]
    if width is not None and len(columns) != width:
        raise SourceError(
            f"the ONNX file's input {tensor.name[:80]!r} has {width} columns, and the fields give "
            f"{len(columns)}"
        )
    return columns[0] if len(tensor.shape) == 1 else np.stack(columns, axis=1)


def _values(kind: type, field: Field, column: Column, first: int) -> NDArray[Any]:
    """A column in a tensor's own type. Raises SourceError for a value that it cannot hold."""
    if kind is np.object_:
        cells = fields.texts(field, column, first).to_pylist()
        return np.array(["" if text is None else text for text in cells], object)
    if field.type not in ("number", "boolean"):
        raise SourceError(f"field {field.path} is of the type {field.type}, and the ONNX file takes numbers")
    numbers = fields.floats(field, column, first)
    if np.issubdtype(kind, np.floating):
        with np.errstate(over="ignore"):
            return numbers.astype(kind)
    low, high = (0, 1) if kind is np.bool_ else (np.iinfo(kind).min, np.iinfo(kind).max)
    wrong = ~((numbers == np.floor(numbers)) & (numbers >= low) & (numbers <= high))
    if wrong.any():
        at = int(np.argmax(wrong))
        what = "no value" if np.isnan(numbers[at]) else f"{numbers[at]:g}"
        raise SourceError(
            f"record {first + at}, field {field.path}: {what}, where the ONNX file takes whole numbers from "
            f"{low} to {high}"
        )
    if (
        numbers.size and np.abs(numbers).max() >= 2.0**53
    ):  # a double does not hold all whole numbers from here
        return np.array([int(value) for value in fields.plain(field, column, first)]).astype(kind)
    return numbers.astype(kind)


def _width(tensor: Any) -> int | None:
    """How many columns a tensor has, None if any number of them."""
    if len(tensor.shape) == 1:
        return 1
    return tensor.shape[1] if isinstance(tensor.shape[1], int) else None


def _nothing(tensor: Any) -> NDArray[Any]:
    kind, width = _KINDS[tensor.type], _width(tensor) or 1
    values = np.full((1, width), "", object) if kind is np.object_ else np.zeros((1, width), kind)
    return values[:, 0] if len(tensor.shape) == 1 else values


def _type(kind: type) -> str:
    if kind is np.bool_:
        return "boolean"
    return "string" if issubclass(kind, (np.object_, np.str_)) else "number"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
