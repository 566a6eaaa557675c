"""`suffice backup`: from a running node, from a stopped one, from afar; and a node of it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_running_node_is_kept_and_made_again(
    cli: Any, tmp_path: Path, start_nodes: Callable[..., Any], write_table: Callable[..., Path]
) -> None:
    (ready,) = start_nodes("ewr", admin="ewr")
    cli.run("federation", "create", "air", "--home", "ewr")
    cli.run("project", "create", "delays", "--home", "ewr")
    cli.run("project", "learn", "delays", write_table(tmp_path / "t.csv", 200), "--home", "ewr")
    learned = cli.json("project", "info", "delays", "--home", "ewr")
    made = cli.json("backup", "create", "ewr.tar", "--home", "ewr")
    assert (made["running"], made["bytes"]) == (True, (tmp_path / "ewr.tar").stat().st_size)
    assert (tmp_path / "ewr.tar").stat().st_mode & 0o777 == 0o600
    assert cli.json("backup", "check", "ewr.tar")["made"] == made["made"]
    cli.run("node", "stop", "--home", "ewr")

    restored = cli.json("backup", "restore", "ewr.tar", "--home", "again")
    command = restored["start"].split()
    assert command == ["suffice", "node", "start", "--home", "again", "--role", "admin"]
    again = cli.json(*command[1:], "--detach")
    try:
        assert {**again, "credentials": ""} == {**ready, "credentials": ""}
        assert cli.json("project", "info", "delays", "--home", "again") == learned
        assert cli.json("federation", "status", "air", "--home", "again")["name"] == "air"
    finally:
        cli.run("node", "stop", "--home", "again")


def test_a_stopped_node_is_kept_as_well(cli: Any, tmp_path: Path, start_nodes: Callable[..., Any]) -> None:
    start_nodes("here")
    cli.run("node", "stop", "--home", "here")
    assert cli.json("backup", "create", "it.tar", "--home", "here")["running"] is False
    assert "is whole" in cli.run("backup", "check", "it.tar").stdout
    assert (
        "start it: suffice node start --home again"
        in cli.run("backup", "restore", "it.tar", "--home", "again").stdout
    )


def test_from_afar_with_an_admins_key_alone(
    cli: Any, tmp_path: Path, start_nodes: Callable[..., Any]
) -> None:
    (ready,) = start_nodes("here")
    admin = json.loads((tmp_path / "here" / "credentials.json").read_text())
    user = cli.json("keys", "create", "--user", "ada", "--role", "superuser", "--home", "here")

    def key(of: dict[str, str]) -> dict[str, str]:
        return {"SUFFICE_ACCESS_KEY": of["access_key"], "SUFFICE_SECRET_KEY": of["secret_key"]}

    assert cli.json("backup", "create", "it.tar", "--node", ready["url"], **key(admin))["running"] is True
    refused = cli.error("backup", "create", "no.tar", "--node", ready["url"], **key(user))
    assert refused["code"] == "forbidden"
    assert not list(tmp_path.glob("*no.tar*"))


def test_what_cannot_be_is_said(cli: Any, tmp_path: Path, start_nodes: Callable[..., Any]) -> None:
    assert cli.error("backup", "create", "it.tar", "--home", "nowhere", code=1)["code"] == "bad_backup"
    assert cli.error("backup", "check", "none.tar")["code"] == "bad_backup"
    (tmp_path / "none.tar").write_text("nothing")
    assert "no backup" in cli.error("backup", "restore", "none.tar", "--home", "new")["message"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none.tar"]
    start_nodes("here")
    cli.run("backup", "create", "it.tar", "--home", "here")
    assert "is not empty" in cli.error("backup", "restore", "it.tar", "--home", "here")["message"]
    assert cli.error("backup", "create", "no/where.tar", "--home", "here")["code"] == "bad_file"
    nobody = cli.error("backup", "create", "a.tar", "--node", "http://127.0.0.1:1", "--home", "here", code=3)
    assert nobody["code"] == "cannot_reach"
