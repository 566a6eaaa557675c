"""A stranger's first five minutes: a clean clone, an empty environment, the README's own commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def readme_block(marker: str) -> str:
    """The shell commands between ``<!-- marker -->`` and ``<!-- end marker -->`` in the README."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"<!-- {marker} -->\s*```sh\n(.*?)```\s*<!-- end {marker} -->", text, re.DOTALL)
    assert found, f"README.md has no block {marker!r}"
    return found[1]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as a stranger's shell would: nothing of this environment on the path."""
    environment = {
        "HOME": str(folder),
        "PATH": f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def test_the_readme_installs_suffice_from_a_clean_clone_and_runs_the_demo(tmp_path: Path) -> None:
    clone = tmp_path / "suffice"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)

    shown = run(readme_block("demo"), clone)
    assert shown.returncode == 0, shown.stderr
    assert "Identical to the bit" in shown.stdout

    answer = run(".venv/bin/suffice demo --json", clone)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["bit_identical"] is True
    assert result["rows"] == 336_776
    assert result["nodes"] == 3
    assert set(result["fused_digests"].values()) == {result["pooled_digest"]}
