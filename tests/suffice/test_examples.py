"""The examples run as they are, beside a real node, and import nothing of suffice."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples" / "symetry_tour.py"
SECONDS = 60


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", EXAMPLE, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_symetry_tour_is_made_on_one_node(start_nodes: Callable[..., Any], tmp_path: Path) -> None:
    start_nodes("node")
    done = run("--credentials", tmp_path / "node" / "credentials.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for words in (
        "Project Created with id:stays",
        "Job is finished",
        "attributes: stay (C), age (C), severity (C), ward (T)",
        "count 2000",
        "linCorr",
        "of 2000 rows",
        "Job was killed",
        "deleted Project with id[stays]",
    ):
        assert words in done.stdout
    found = re.search(r"severity +coefficient +([0-9.]+)", done.stdout)
    assert found is not None
    assert abs(float(found[1]) - 1.5) < 0.1  # the days a degree of severity was made to add


def test_the_symetry_tour_is_made_on_a_federation_of_two(
    start_nodes: Callable[..., Any], tmp_path: Path
) -> None:
    start_nodes("first", "second", admin="first")
    places = (tmp_path / name / "credentials.json" for name in ("first", "second"))
    done = run("--credentials", next(places), "--peer", next(places))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    _, together = done.stdout.split("Create federation stays")
    assert together.count("rows of both: 2000") == 2
    assert together.count("of 2000 rows") == 2
    for words in (
        "Fed Project created with join",
        "linCorr",
        "the same on both nodes, in all digits",
        "age ?, severity 5, surgery",
        "Job was killed",
    ):
        assert words in together
    assert together.count("deleted Project with id[stays]") == 2


def test_the_symetry_tour_says_what_is_wrong(tmp_path: Path) -> None:
    done = run("--credentials", tmp_path / "nowhere.json")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "nowhere.json" in done.stderr


def test_the_symetry_tour_needs_the_standard_library_only() -> None:
    tree = ast.parse(EXAMPLE.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported <= set(sys.stdlib_module_names)
