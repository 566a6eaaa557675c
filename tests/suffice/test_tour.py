"""The five-minute tour of the README, run exactly as it is written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
SECONDS = 240


def test_the_tour_runs_as_written(tmp_path: Path) -> None:
    tour = re.search(r"<!-- tour -->(.*?)<!-- end tour -->", README.read_text(), re.DOTALL)
    assert tour is not None, "the README has no tour between <!-- tour --> and <!-- end tour -->"
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", tour[1], re.DOTALL))
    scripts = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SUFFICE_")}
    environment |= {"PATH": f"{scripts}:{environment['PATH']}", "HOME": str(tmp_path)}
    try:
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    finally:
        for credentials in tmp_path.glob(
            "*/credentials.json"
        ):  # does nothing where the tour stopped its nodes
            stop = [scripts / "suffice", "node", "stop", "--home", credentials.parent]
            subprocess.run(stop, env=environment, check=True, capture_output=True)
    asked = ("332.876", "168,849", "pc1", "tailnum → tailnum", "best: arr_delay ~", "0.866299", "57,1,4.0537")
    for word in ("336,776", "carrier = UA", "R²", *asked):
        assert word in done.stdout
