"""Building an ONNX graph: constants, nodes, and the columns of a model made from its input tensors.

Names of tensors are handed around as plain strings. What a model computes from its columns is in `export`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from federation.models import InputColumn

OPSET: Final = 18
ML_OPSET: Final = 3
IR_VERSION: Final = 8  # that of ONNX 1.13, which brought opset 18


class Graph:
    """A graph in the making, over these attributes; `texts` are the categories among them."""

    INT64: Final = TensorProto.INT64

    def __init__(self, attributes: Iterable[str], texts: Iterable[str]) -> None:
        self._kinds = dict.fromkeys(attributes, TensorProto.DOUBLE)
        self._kinds |= dict.fromkeys(texts, TensorProto.STRING)
        # No name made here is that of an attribute.
        self._prefix = "t"
        while any(name.startswith(self._prefix) for name in self._kinds):
            self._prefix += "_"
        self._made = 0
        self._derived: dict[str, str] = {}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._outputs: list[Any] = []

    def constant(self, values: Any) -> str:
        """An array of doubles, integers or texts."""
        name = self._name()
        array = np.asarray(values)
        if array.dtype.kind == "U":
            made = helper.make_tensor(
                name, TensorProto.STRING, array.shape, [text.encode() for text in array.ravel().tolist()]
            )
        else:
            made = numpy_helper.from_array(array, name)
        self._constants.append(made)
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The one result of an operator."""
        name = self._name()
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def output(self, key: str, result: str, *, text: bool = False) -> None:
        """Answer with `result` (rows,) under this key, with `_Result` after it if an input has that name."""
        while key in self._kinds:
            key += "_Result"
        self._nodes.append(helper.make_node("Identity", [result], [key]))
        kind = TensorProto.STRING if text else TensorProto.DOUBLE
        self._outputs.append(helper.make_tensor_value_info(key, kind, ["rows"]))

    def derive(self, attribute: str, values: str) -> None:
        """Let an attribute that is no input be these numbers (rows, 1)."""
        self._derived[attribute] = values

    def total(self, parts: Sequence[str]) -> str:
        """The sum of tensors of one shape, from the first to the last."""
        return reduce(lambda before, part: self.node("Add", before, part), parts)

    def number(self, attribute: str) -> str:
        """A number (rows, 1), NaN where it is missing; an infinite one is an infinite one."""
        if attribute in self._derived:
            return self._derived[attribute]
        return self.node("Unsqueeze", attribute, self.constant(np.array([1])))

    def design(self, columns: Sequence[InputColumn], expanded: Mapping[str, str | None]) -> str:
        """The columns (rows, columns) as `prediction.weighted_sum` takes them: a missing number is its
        column's mean, a missing category the means of its indicators."""
        blocks: list[str] = []
        order: list[int] = []
        by_category: dict[str, list[int]] = {}
        plain = [at for at, column in enumerate(columns) if column.level is None]
        for at, column in enumerate(columns):
            if column.level is not None:
                by_category.setdefault(column.attribute, []).append(at)
        if plain:
            numbers = [self.number(columns[at].attribute) for at in plain]
            matrix = numbers[0] if len(numbers) == 1 else self.node("Concat", *numbers, axis=1)
            means = self.constant([[columns[at].mean for at in plain]])
            blocks.append(self.unless_infinite(matrix, self.unless_missing(matrix, means, matrix)))
            order += plain
        for category, places in by_category.items():
            lines = {str(columns[at].level): np.eye(len(places))[i] for i, at in enumerate(places)}
            absent = np.array([columns[at].mean for at in places])
            none = np.zeros(len(places))
            other = none
            if category in expanded:
                reference, other = expanded[category], np.full(len(places), np.nan)
                if reference is not None:
                    lines[reference] = none
            blocks.append(self.by_level(category, lines, absent, other))
            order += places
        together = blocks[0] if len(blocks) == 1 else self.node("Concat", *blocks, axis=1)
        if order == sorted(order):
            return together
        return self.node("Gather", together, self.constant(np.argsort(order)), axis=1)

    def by_level(self, category: str, lines: Mapping[str, Any], absent: Any, other: Any) -> str:
        """Numbers (rows, k) for each row's level: those of `lines`, or of a missing or another level."""
        levels = ["", *lines]
        code = self.node(
            "LabelEncoder",
            category,
            domain="ai.onnx.ml",
            keys_strings=levels,
            values_int64s=list(range(len(levels))),
            default_int64=len(levels),
        )
        return self.node("Gather", self.constant(np.array([absent, *lines.values(), other])), code, axis=0)

    def unless_missing(self, values: str, instead: str, otherwise: str) -> str:
        """`instead` where `values` are NaN, elsewhere `otherwise`."""
        return self.node("Where", self.node("IsNaN", values), instead, otherwise)

    def unless_infinite(self, values: str, otherwise: str) -> str:
        """NaN where `values` are infinite, elsewhere `otherwise`."""
        infinite = self.node("Equal", self.node("Abs", values), self.constant(np.inf))
        return self.node("Where", infinite, self.constant(np.nan), otherwise)

    def column(self, matrix: str, at: int) -> str:
        """One column (rows,) of a matrix."""
        return self.node("Gather", matrix, self.constant(np.array(at)), axis=1)

    def model(self, name: str, properties: Mapping[str, str]) -> bytes:
        """The finished model as the bytes of a file."""
        inputs = [
            helper.make_tensor_value_info(attribute, kind, ["rows"])
            for attribute, kind in self._kinds.items()
        ]
        graph = helper.make_graph(self._nodes, name, inputs, self._outputs, self._constants)
        made = helper.make_model(
            graph,
            producer_name="suffice",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        )
        helper.set_model_props(made, dict(properties))
        onnx.checker.check_model(made, full_check=True)
        return bytes(made.SerializeToString())

    def _name(self) -> str:
        self._made += 1
        return f"{self._prefix}{self._made}"
