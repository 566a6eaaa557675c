"""What tests of several rooms share: statistics from plain columns, the iris of the reference, databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from hypothesis import settings

from federation.statistics import Attribute, AttributeType, Coded, Extra, Moments, Quantum, Schema, Table

Learned = Callable[..., Moments]

# No deadline, because the first example of a run pays for imports.
settings.register_profile("suffice", deadline=None, max_examples=50)
settings.load_profile("suffice")


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than cores, since many tests wait for processes that they started."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def iris_of_the_reference() -> dict[str, Any]:
    """Iris as in the UCI archive (two rows differ from Fisher's), whose numbers the reference documents."""
    from sklearn import datasets

    bunch = datasets.load_iris()
    data = bunch.data.copy()
    data[34] = data[37] = [4.9, 3.1, 1.5, 0.1]
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    return {name: data[:, i] for i, name in enumerate(names)} | {
        "species": [str(bunch.target_names[i]) for i in bunch.target]
    }


@pytest.fixture(scope="session")
def tabulated() -> Callable[[dict[str, Any]], Table]:
    """A table from arrays of numbers and lists of text (None is missing)."""

    def build(columns: dict[str, Any]) -> Table:
        return Table(
            {
                name: Coded.of(values)
                if isinstance(values, list) and any(isinstance(value, str) for value in values)
                else np.asarray(values, dtype=np.float64)
                for name, values in columns.items()
            }
        )

    return build


@pytest.fixture(scope="session")
def learned(tabulated: Callable[[dict[str, Any]], Table]) -> Learned:
    """Statistics of columns; `precision` bits for non-decimal numbers, `types` where guesses are wrong, and
    `extras` to be counted beside, and apart for each level of `split`."""

    def build(
        columns: dict[str, Any],
        precision: int = 60,
        types: dict[str, str] | None = None,
        extras: Iterable[Extra] = (),
        split: str | None = None,
    ) -> Moments:
        table = tabulated(columns)
        schema = Schema.infer(table, precision)
        if types:
            schema = Schema(
                tuple(
                    Attribute(a.name, AttributeType(types[a.name]), a.quantum or Quantum(0, 0))
                    if a.name in types
                    else a
                    for a in schema.attributes
                )
            )
        return Moments(replace(schema, extras=frozenset(extras), split=split)).learn(table)

    return build


@dataclass(frozen=True)
class PostgreSQL:
    """A server of the tests' own, in a temporary folder, reached through a socket there."""

    folder: Path

    def make_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{uuid4().hex}"
        with psycopg.connect(host=str(self.folder), user="suffice", dbname="postgres", autocommit=True) as c:
            c.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://suffice@/{name}?host={self.folder}"


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A real server, from Debian's package; as root it runs as the package's user, as it insists on."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert programs, "PostgreSQL is missing: apt-get install postgresql"
    as_user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    )
    with tempfile.TemporaryDirectory(prefix="pg-") as short:  # a socket's path has to be short
        folder = Path(short)
        if as_user:
            shutil.chown(folder, "postgres", "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs[-1] / program), "-D", str(folder / "data"), *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

        run(
            "initdb", "--no-sync", "--auth=trust", "--username=suffice", "--encoding=UTF8", "--locale=C.UTF-8"
        )
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "start", "--wait", "--silent", "-l", str(folder / "log"), "-o", settings)
        try:
            yield PostgreSQL(folder)
        finally:
            run("pg_ctl", "stop", "--wait", "--silent", "-m", "immediate")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that a node may have."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.make_database()
