"""The page about the dialect and the dialect itself say the same."""

from __future__ import annotations

import re
from pathlib import Path

from api.clearml import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs" / "clearml.md"
ROW = re.compile(r"^\| `(\w+\.\w+)` \| (\S.*) \|$", re.MULTILINE)


def test_every_action_is_on_the_page_once_and_every_one_on_the_page_exists():
    told = [name for name, _ in ROW.findall(PAGE.read_text())]
    assert sorted(told) == sorted({endpoint.name for endpoint in ENDPOINTS})


def test_every_action_has_a_state():
    states = {state.split(":")[0] for _, state in ROW.findall(PAGE.read_text())}
    assert states == {"works", "differs", "suffice's own"}
