"""Models and files that tests of scoring share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.models import fit
from node.scoring import described, score_file


@pytest.fixture(scope="session")
def line(learned: Callable[..., Any]) -> dict[str, Any]:
    """A model of the node: y = 1 + 2·x + 10 if kind is b."""
    x = np.arange(12.0)
    kinds = ["a", "b", "a"] * 4
    y = 1 + 2 * x + np.array([10.0 if kind == "b" else 0.0 for kind in kinds])
    moments = learned({"x": x, "kind": kinds, "y": y})
    model = fit("mlr", moments, "y", ["x", "kind"])
    return {
        "kind": "model",
        "record": model.to_dict(),
        "inputs": ["x", "kind"],
        "known": moments.schema.to_dict(),
        "options": {},
        "encoding": None,
    }


Score = Callable[..., str]


@pytest.fixture
def score(tmp_path: Path) -> Score:
    """The text of the output for the bytes of an input."""

    def run(
        model: dict[str, Any], data: bytes | str, mime: str = "text/csv; header=present", **more: Any
    ) -> str:
        source, output = tmp_path / "input.dat", tmp_path / "output.dat"
        source.write_bytes(data if isinstance(data, bytes) else data.encode())
        schema = more.pop("schema", None) or described(model)
        request = {"mime": mime, "schema": schema, "model": model} | more
        told = score_file(request, source, output, lambda done, total: None)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["input.dat", "output.dat"]
        run.told = told  # type: ignore[attr-defined]
        return output.read_text(encoding="utf-8")

    return run
