"""The commands in the documentation do what they are shown for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs"
SECONDS = 120


@pytest.mark.parametrize("name", ["files-and-backup.md"])
def test_a_page_can_be_followed(name: str, tmp_path: Path) -> None:
    """All blocks of a page in one shell, in an empty folder; the first that fails ends it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (PAGES / name).read_text(), re.MULTILINE | re.DOTALL)
    script = "trap 'for home in */node.lock; do suffice node stop --home \"${home%/*}\"; done' EXIT\n"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SUFFICE_")}
    environment |= {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script + "".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
