"""What tests of models share: the NIST benchmark as a module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


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
