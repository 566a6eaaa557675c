"""The command without a node: its help, its exit codes, what it says when there is nothing to talk to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def commands() -> list[tuple[str, ...]]:
    from suffice.commands.root import app

    found: list[tuple[str, ...]] = [("demo",)]
    for group in app.registered_groups:
        assert group.name is not None
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            found.append((group.name, command.name or command.callback.__name__))
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_teaches_by_an_example(command: tuple[str, ...]) -> None:
    from typer.testing import CliRunner

    from suffice.commands.root import app

    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    assert f"suffice {' '.join(command)}" in shown.output.split("Example", 1)[1]
    assert "--json" in shown.output


def test_help_imports_nothing_heavy() -> None:
    """It has to be there at once; numpy alone would cost more than all of it."""
    check = (
        "import sys; sys.argv = ['suffice', '--help']\n"
        "try:\n    from suffice.cli import main; main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'aiohttp', 'nats', 'sqlalchemy', 'pyarrow', 'api', 'node', 'federation'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)


def test_the_exit_codes_are_documented(cli: Any) -> None:
    assert "3 no node can be reached" in " ".join(cli.run("--help").stdout.split())


def test_no_arguments_show_the_help(cli: Any) -> None:
    assert "Commands" in cli.run(code=2).stdout


def test_wrong_usage_is_2(cli: Any) -> None:
    cli.run("nonsense", code=2)
    cli.run("project", "fit", code=2)
    cli.run("node", "start", "--http", "nowhere", code=2)
    cli.run("node", "start", "--nats-credentials", "x", code=2)
    cli.run("node", "start", "--nats-listen", "127.0.0.1:0", code=2)


def test_without_any_node_the_error_says_how_to_start_one(cli: Any) -> None:
    done = cli.run("project", "list", code=3)
    assert done.stdout == ""
    assert "credentials.json" in done.stderr
    assert "suffice node start --home" in done.stderr


def test_an_address_where_nobody_answers_is_3(cli: Any) -> None:
    key = {"SUFFICE_ACCESS_KEY": "x", "SUFFICE_SECRET_KEY": "y"}
    error = cli.error("jobs", "list", "--node", "http://127.0.0.1:1", code=3, **key)
    assert error["code"] == "cannot_reach"
    assert "http://127.0.0.1:1" in error["message"]


def test_an_address_without_a_key_is_4(cli: Any) -> None:
    error = cli.error("jobs", "list", "--node", "http://127.0.0.1:1", code=4)
    assert "SUFFICE_ACCESS_KEY" in error["remedy"]


def test_what_is_no_address_is_refused(cli: Any) -> None:
    key = {"SUFFICE_ACCESS_KEY": "x", "SUFFICE_SECRET_KEY": "y"}
    assert cli.error("jobs", "list", "--node", "ftp://x", **key)["code"] == "bad_url"


def test_stopping_where_nothing_runs_is_no_error(cli: Any, tmp_path: Path) -> None:
    assert cli.json("node", "stop", "--home", tmp_path)["stopped"] is False


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ann:secret@db/suffice", "SUFFICE_DATABASE"),
        ("mysql://db/suffice", "postgresql://USER@HOST/NAME"),
        ("nonsense", "postgresql://USER@HOST/NAME"),
    ],
)
def test_a_database_is_named_without_its_password(tmp_path: Path, url: str, told: str) -> None:
    from typer.testing import CliRunner

    from suffice.commands.root import app

    command = ["node", "start", "--home", str(tmp_path / "home"), "--database", url]
    shown = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert shown.exit_code == 2
    assert told in shown.output.replace("\n", "") and "secret" not in shown.output
    assert not (tmp_path / "home").exists()
