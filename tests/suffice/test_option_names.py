"""A refusal is told in the words of whoever typed the options."""

from __future__ import annotations

from typing import Any

import pytest

from node.project_options import KNOWN, WITHOUT_EFFECT
from suffice.option_names import OPTIONS, in_own_words


def test_every_parameter_of_a_project_is_an_option_of_the_command() -> None:
    from typer.testing import CliRunner

    from suffice.commands.root import app

    create = CliRunner().invoke(app, ["project", "create", "--help"], env={"COLUMNS": "120"}).output
    for name in KNOWN - WITHOUT_EFFECT:
        assert OPTIONS.get(name, f"--{name}") in create


def test_what_the_node_calls_otherwise_is_replaced_as_a_whole_word() -> None:
    told = in_own_words(
        "partitionSplit 'x' is not possible; partitionSplits, selector_type_fw_bw are other words"
    )
    assert told == "--split 'x' is not possible; partitionSplits, selector_type_fw_bw are other words"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("create", "odd", "--sequence", "2", "--filter", "x > 1"),
            "--filter and --sequence do not go together",
        ),
        (("create", "odd", "--window", "9999999"), "--window 9999999 is out of range"),
        (("create", "odd", "--powers-of", "x", "--powers", "1:2:a"), "--powers 'a' is not a whole number"),
        (("explore", "trial", "delay", "--metric", "gain"), "1 target to compare by, not 1 and 0"),
        (("select", "trial", "best", "--target", "delay", "--selector", "magic"), "--selector"),
    ],
)
def test_a_refusal_names_the_option(learned: Any, arguments: tuple[str, ...], message: str) -> None:
    assert message in learned.error("project", *arguments)["message"]


def test_a_frozen_project_says_how_to_let_it_learn_again(learned: Any) -> None:
    learned.run("project", "create", "still", "--like", "table.csv")
    learned.run("project", "freeze", "still")
    failed = learned.error("project", "learn", "still", "table.csv")
    assert "is frozen" in failed["message"]
    learned.run("project", "freeze", "still", "--thaw")
    learned.run("project", "learn", "still", "table.csv")
