"""The commands in the documentation do what they are shown for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs"
SECONDS = 300
"""How long a page may take: an agent starts several interpreters."""

CLEANUP = """
finish() {
    if ls tmp/.clearmlagent_* > /dev/null 2>&1; then clearml-agent daemon --stop; fi
    for lock in */node.lock; do suffice node stop --home "${lock%/*}"; done
}
trap finish EXIT
"""
"""Ends what a page that fails leaves running."""


@pytest.mark.parametrize("name", ["files-and-backup.md", "clearml.md", "morpheo.md", "gravity.md"])
def test_a_page_can_be_followed(name: str, tmp_path: Path) -> None:
    """All blocks of a page in one shell, in an empty folder; the first that fails ends it. What the page says
    that it prints is printed."""
    page = (PAGES / name).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("SUFFICE_", "CLEARML_"))
    }
    (tmp_path / "tmp").mkdir()
    environment |= {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", CLEANUP + "".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for printed in re.findall(r"^It prints `([^`]+)`", page, re.MULTILINE):
        assert printed in done.stdout.splitlines()
