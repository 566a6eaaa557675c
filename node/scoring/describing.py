"""The schema of a model to which its owner gave none: what the model itself tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.scoring.fields import shapes_of
from node.scoring.models import NodeModel
from node.scoring.onnx_model import OnnxModel
from node.scoring.script import opened


def described(model: Mapping[str, Any]) -> dict[str, Any]:
    """{"input_type", "input": [{"path", "type", "optional"}], "output_type", "output"}, as a request to score
    has it; None as a type: whatever the file is; no fields: whatever it holds.

    Raises BadRequest for a model that cannot be read.
    """
    if model["kind"] == "script":
        with opened(model) as script:
            schema = script.config.schema
    else:
        schema = (OnnxModel if model["kind"] == "onnx" else NodeModel)(model).shape()
    shapes_of(schema)
    return schema
