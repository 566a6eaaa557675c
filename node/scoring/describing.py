"""The schema of a model that its owner did not give one: what the model itself tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.scoring.models import NodeModel


def described(model: Mapping[str, Any]) -> dict[str, Any]:
    """{"input_type", "input": [{"path", "type", "optional"}], "output_type", "output"}, as a request to score
    has it; None as a type is whatever the file is. Raises BadRequest for a model that cannot be read."""
    return NodeModel(model).shape()
