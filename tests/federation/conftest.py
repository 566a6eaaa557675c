"""Fixtures of the protocol's tests; what they give is in `tools.py` and `simulator.py`."""

import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from federation.identity import Identity


def _load(name: str, file: str) -> ModuleType:
    """Tests are imported by path (importlib mode), so a module that they share is loaded by path as well."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(file))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


tools = _load("tests_federation_tools", "tools.py")


@pytest.fixture
def circle() -> Any:
    """The admin "ewr", alone, with the open project "flights" and no disclosure rule."""
    return tools.Circle()


@pytest.fixture
def make_circle() -> Callable[..., Any]:
    """Makes a circle with other rules: `approval`, `quorum`, `min_rows_margin`."""
    return tools.Circle


@pytest.fixture
def moments() -> Callable[..., Any]:
    return tools.moments_of


@pytest.fixture
def schema() -> Callable[..., Any]:
    return tools.schema_of


@pytest.fixture
def identity() -> Identity:
    return Identity.from_seed(bytes(range(64)))


@pytest.fixture
def stranger() -> Identity:
    return Identity.from_seed(bytes(range(64, 128)))


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    return random.Random(7).randbytes


@pytest.fixture(scope="session")
def simulator() -> ModuleType:
    """The module `simulator.py`, which is also a program."""
    return _load("tests_federation_simulator", "simulator.py")
