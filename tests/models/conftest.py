"""What tests of models share: the NIST benchmark as a module, and tables of rows with a class."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sklearn import datasets


@pytest.fixture(scope="session")
def nist() -> ModuleType:
    """`benchmarks/nist.py`: the digits that the tests hold to their bounds are those it prints."""
    path = Path(__file__).parents[2] / "benchmarks" / "nist.py"
    spec = importlib.util.spec_from_file_location("benchmarks_nist", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def labelled() -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Real tables with a category "kind", and the names of their inputs: iris, wine, breast cancer."""
    tables = {}
    for name, bunch in (
        ("iris", datasets.load_iris()),
        ("wine", datasets.load_wine()),
        ("breast_cancer", datasets.load_breast_cancer()),
    ):
        inputs = [f"x{i}" for i in range(bunch.data.shape[1])]
        kinds = [str(bunch.target_names[label]) for label in bunch.target]
        tables[name] = (dict(zip(inputs, bunch.data.T, strict=True)) | {"kind": kinds}, inputs)
    return tables
