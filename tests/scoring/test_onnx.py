"""ONNX files score files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, checker, helper

from node.errors import BadRequest
from node.modelling import onnx
from node.scoring import described
from node.sources import SourceError

Score = Callable[..., str]


@pytest.fixture
def exported(line: dict[str, Any], tmp_path_factory: Any) -> dict[str, Any]:
    """The node's own model as an ONNX file: an input for each attribute."""
    path = tmp_path_factory.mktemp("onnx") / "line.onnx"
    path.write_bytes(onnx(line["record"]))
    return {"kind": "onnx", "path": str(path)}


def saved(
    folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: Any = ()
) -> dict[str, Any]:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(constants))
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=8)
    checker.check_model(model)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return {"kind": "onnx", "path": str(path)}


def tensor(name: str, kind: int, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def weights(tmp_path_factory: Any) -> dict[str, Any]:
    """One tensor of three columns in, one number out: 1·a + 10·b + 100·c."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [1.0, 10.0, 100.0])
    return saved(
        tmp_path_factory.mktemp("onnx"),
        [helper.make_node("MatMul", ["X", "w"], ["y"])],
        [tensor("X", TensorProto.FLOAT, ["rows", 3])],
        [tensor("y", TensorProto.FLOAT, ["rows", 1])],
        [weight],
    )


@pytest.fixture
def counts(tmp_path_factory: Any) -> dict[str, Any]:
    """A whole number and a text in, both out again."""
    return saved(
        tmp_path_factory.mktemp("onnx"),
        [helper.make_node("Identity", ["n"], ["n2"]), helper.make_node("Identity", ["s"], ["s2"])],
        [tensor("n", TensorProto.INT64, ["rows", 1]), tensor("s", TensorProto.STRING, ["rows"])],
        [tensor("n2", TensorProto.INT64, ["rows", 1]), tensor("s2", TensorProto.STRING, ["rows"])],
    )


def test_the_nodes_own_model_exported_gives_what_the_node_gives(
    line: dict[str, Any], exported: dict[str, Any], score: Score
) -> None:
    assert described(exported)["input"] == described(line)["input"]
    data = "kind,x\n" + "".join(f"{'ab'[at % 2]},{at / 7}\n" for at in range(20_000))
    ours, theirs = (
        np.array([float(cell) for cell in score(model, data).split()[1:]]) for model in (line, exported)
    )
    assert len(ours) == 20_000
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_one_tensor_takes_a_list(weights: dict[str, Any], score: Score) -> None:
    schema = described(weights)
    assert [field["path"] for field in schema["input"]] == ["X[0+1,3]"]
    assert [field["path"] for field in schema["output"]] == ["y"]
    assert json.loads(score(weights, '{"X": [1, 2, 3]}', "application/json")) == [{"y": 321.0}]
    assert score(weights, "X,X,X\n1,2,3\n", schema=schema) == "y\n321\n"


def test_one_tensor_takes_fields_in_their_order(weights: dict[str, Any], score: Score) -> None:
    fields = [{"path": name, "type": "number"} for name in ("c", "b", "a")]
    schema = described(weights) | {"input": fields}
    assert score(weights, "a,b,c\n3,2,1\n", schema=schema) == "y\n321\n"


def test_columns_are_mapped_into_a_tensor(weights: dict[str, Any], score: Score) -> None:
    mapping = [{"source": name, "destination": f"X[{at}]"} for at, name in enumerate(["one", "two"])]
    mapping.append({"source": "none", "destination": "X[2]", "defaultValue": "5"})
    assert score(weights, "two,one\n2,1\n", mapping=mapping) == "y\n521\n"


def test_whole_numbers_and_texts(counts: dict[str, Any], score: Score) -> None:
    assert [field["type"] for field in described(counts)["input"]] == ["number", "string"]
    text = score(counts, '[{"n": 1152921504606846977, "s": "ä,\\n"}]', "application/json")
    assert json.loads(text) == [{"n2": 1152921504606846977, "s2": "ä,\n"}]
    assert score(counts, 'n,s\n3,"say ""a, b"""\n') == 'n2,s2\n3,"say ""a, b"""\n'
    with pytest.raises(
        SourceError, match=r"record 2, field n: 0\.5, where the ONNX file takes whole numbers"
    ):
        score(counts, "n,s\n1,a\n0.5,b\n")


def test_a_classifiers_maps_are_objects(tmp_path_factory: Any, score: Score) -> None:
    """As scikit-learn's classifiers are exported."""
    maps = helper.make_node("ZipMap", ["X"], ["p"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"])
    kind = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    out = helper.make_value_info("p", helper.make_sequence_type_proto(kind))
    folder = tmp_path_factory.mktemp("onnx")
    model = saved(folder, [maps], [tensor("X", TensorProto.FLOAT, ["rows", 2])], [out])
    assert [field["path"] for field in described(model)["output"]] == ["p/no", "p/yes"]
    text = score(model, '{"X": [0.25, 0.75]}', "application/json")
    assert json.loads(text) == [{"p": {"no": 0.25, "yes": 0.75}}]
    assert score(model, "X,X\n0.25,0.75\n") == "p/no,p/yes\n0.25,0.75\n"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ('[{"X": [1, 2, 3]}, {"X": [1, 2]}]', r"record 2, field X\[0\+1,3\]: 2 values, where 3 are needed"),
        ('[{"X": [1, 2, "3"]}]', r"record 1, field X\[0\+1,3\]: the text '3' is not a number"),
        ('[{"X": 1}]', r"record 1: X is the number 1, where X\[0\+1,3\] needs a list"),
        ("[{}]", r"record 1, field X\[0\+1,3\]: there is no value"),
    ],
)
def test_records_that_do_not_fit_the_tensor(
    weights: dict[str, Any], score: Score, data: str, error: str
) -> None:
    with pytest.raises(SourceError, match=error):
        score(weights, data, "application/json")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"what")
    with pytest.raises(BadRequest, match="no ONNX file that can be run"):
        described({"kind": "onnx", "path": str(tmp_path / "model.onnx")})
    image = tensor("X", TensorProto.FLOAT, ["rows", 3, 8, 8])
    out = tensor("y", TensorProto.FLOAT, ["rows", 3, 8, 8])
    model = saved(tmp_path, [helper.make_node("Identity", ["X"], ["y"])], [image], [out])
    with pytest.raises(BadRequest, match="shape"):
        described(model)
