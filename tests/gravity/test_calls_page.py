"""The page about the dialect and the dialect itself say the same."""

from __future__ import annotations

import re
from pathlib import Path

from api.gravity import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "gravity.md"
ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \| (\S.*) \|$", re.MULTILINE)


def test_every_call_is_on_the_page_once_and_every_one_on_the_page_exists() -> None:
    told = [call for call, _ in ROW.findall(PAGE.read_text())]
    assert sorted(told) == sorted(f"{route.method} {route.path}" for route in ROUTES)


def test_every_call_has_a_state() -> None:
    assert {state.split(":")[0] for _, state in ROW.findall(PAGE.read_text())} == {"works", "suffice's own"}
