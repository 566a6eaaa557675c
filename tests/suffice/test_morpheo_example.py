"""The example of Morpheo runs as it is, beside a real node, with the real worker."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples" / "morpheo_digits.py"
SECONDS = 240


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_three_owners_train_an_algorithm_and_have_digits_read(
    start_nodes: Callable[..., Any], tmp_path: Path
) -> None:
    start_nodes("node")
    done = run(EXAMPLE, "--credentials", tmp_path / "node" / "credentials.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "belongs to 'Ada'" in done.stdout  # who is not the worker does not read her sheets
    ranks = re.findall(r"^ +(\d)  done +([0-9.]+)  Ada, Ben, Cleo ", done.stdout, re.MULTILINE)
    assert [rank for rank, _ in ranks] == ["0", "1", "2", "3"]
    assert float(ranks[-1][1]) > 0.9
    found = re.search(r"(\d+) of 100 rightly", done.stdout)
    assert found is not None
    assert int(found[1]) > 85


def test_without_scikit_learn_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"url": "http://x", "access_key": "a", "secret_key": "b"}')
    source = (
        "import runpy, sys; sys.modules['sklearn'] = None; sys.modules['sklearn.datasets'] = None; "
        f"sys.argv = ['x', '--credentials', {str(tmp_path / 'credentials.json')!r}]; "
        f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    )
    done = run("-c", source)
    assert done.returncode == 1
    assert "pip install 'suffice[sklearn]'" in done.stderr


def test_without_a_node_it_says_so(tmp_path: Path) -> None:
    done = run(EXAMPLE, "--credentials", tmp_path / "nowhere.json")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "nowhere.json" in done.stderr
