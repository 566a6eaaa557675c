"""The tour by hand with small tables: three nodes, manual approval, invitations good and bad, leaving.

The tests of this file are one story, told in order on the same three nodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NODES = ("ewr", "jfk", "lga")
SECONDS = 30


@pytest.fixture(scope="module")
def airports(three_nodes: Any, write_table: Callable[..., Path]) -> Any:
    """A federation of all three with the project ``flights``, in which each has learned its own 100 rows."""
    cli = three_nodes
    for number, name in enumerate(NODES):
        write_table(cli.folder / f"{name}.csv", 100, seed=number)
    cli.run("federation", "create", "airports", "--approval", "manual", "--home", "ewr")
    cli.run("project", "create", "flights", "--federation", "airports", "--like", "ewr.csv", "--home", "ewr")
    for name in NODES[1:]:
        done = cli.run("federation", "invite", "airports", "--home", "ewr")
        assert "It admits one node" in done.stderr
        (cli.folder / f"{name}.txt").write_text(done.stdout)
        joined = cli.json("federation", "join", f"{name}.txt", "--wait", "0", "--home", name)
        assert joined["state"] == "joining"
    ask_until(lambda: "lga" in cli.run("federation", "requests", "airports", "--home", "ewr").stdout)
    for name in NODES[1:]:
        cli.run("federation", "approve", "airports", name, "--home", "ewr")
        cli.run("project", "create", "flights", "--federation", "airports", "--home", name)
    for name in NODES:
        cli.run("project", "learn", "flights", f"{name}.csv", "--home", name)
    return cli


def ask_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def fused(cli: Any, home: str) -> dict[str, Any]:
    found: dict[str, Any] = cli.json("project", "info", "flights", "--home", home)["fused"] or {}
    return found


def test_every_node_comes_to_hold_the_same_statistics(airports: Any) -> None:
    for home in NODES:
        ask_until(lambda home=home: fused(airports, home).get("rows") == 300)  # type: ignore[misc]
    assert len({fused(airports, home)["digest"] for home in NODES}) == 1


def test_the_fused_statistics_are_those_of_all_rows_in_one_project(airports: Any) -> None:
    airports.run("project", "create", "pooled", "--like", "ewr.csv", "--home", "lga")
    for name in NODES:
        airports.run("project", "learn", "pooled", f"{name}.csv", "--home", "lga")
    pooled = airports.json("project", "info", "pooled", "--home", "lga")["digest"]
    assert pooled == fused(airports, "lga")["digest"]


def test_a_peer_fits_from_everybodys_rows_and_says_whose(airports: Any) -> None:
    options = ["--target", "delay", "--inputs", "distance,carrier", "--home", "jfk"]
    shown = airports.run("project", "fit", "flights", "delay", *options).stdout
    assert "ewr 100 rows (v1), jfk 100 rows (v1), lga 100 rows (v1)" in shown


def test_the_status_shows_members_rows_and_digest(airports: Any) -> None:
    shown = airports.run("federation", "status", "airports", "--home", "jfk").stdout
    for word in (*NODES, "300", "manual", "all members", fused(airports, "jfk")["digest"][:16]):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "airports" in airports.run("federation", "status", "--home", "lga").stdout
    synced = airports.json("federation", "sync", "airports", "--home", "lga")
    assert synced["projects"][0]["rows"] == 300


def test_an_invitation_admits_one_node_once(
    airports: Any, start_nodes: Callable[..., Any], tmp_path: Path
) -> None:
    start_nodes("late")
    home = str(tmp_path / "late")
    error = airports.error("federation", "join", "jfk.txt", "--wait", "30", "--home", home)
    assert "did not admit this node" in error["message"]
    assert "invitation already used" in error["message"]
    assert "new invitation" in error["remedy"]
    status = airports.json("federation", "status", "airports", "--home", home)
    assert status["state"] == "refused"
    assert "invitation already used" in status["problem"]
    shown = airports.run("federation", "status", "airports", "--home", home).stdout
    assert "waits for" not in shown
    assert "connecting" not in shown
    create = ("project", "create", "flights", "--federation", "airports", "--home", home)
    assert "invitation already used" in airports.error(*create)["message"]
    assert [
        m["name"] for m in airports.json("federation", "status", "airports", "--home", "ewr")["members"]
    ].count("late") == 0


def state(cli: Any, home: str) -> str:
    return str(cli.json("federation", "status", "airports", "--home", home)["state"])


def test_bad_invitations_are_refused_with_the_reason(
    airports: Any, start_nodes: Callable[..., Any], tmp_path: Path
) -> None:
    start_nodes("guest")
    home = str(tmp_path / "guest")
    short = airports.json("federation", "invite", "airports", "--lifetime", "1", "--home", "ewr")
    good = short["invitation"]
    join = ("federation", "join", "--home", home)
    assert airports.error(*join)["code"] == "no_invitation"
    assert "cannot be read" in airports.error("federation", "join", "nope.txt", "--home", home)["message"]
    assert "invitation" in airports.error(*join, text="hello\n")["message"]
    assert "invitation" in airports.error(*join, text=good[:-6] + "AAAAAA\n")["message"]
    ask_until(lambda: time.time() > short["expires"])
    assert "expired" in airports.error(*join, text=good + "\n")["message"]
    locked = airports.json(
        "federation", "invite", "airports", "--password", "--home", "ewr", SUFFICE_INVITATION_PASSWORD="right"
    )["invitation"]
    assert "password" in airports.error(*join, text=locked + "\n")["message"]
    wrong = airports.error(*join, "--password", text=locked + "\n", SUFFICE_INVITATION_PASSWORD="wrong")
    assert "password" in wrong["message"]
    joined = airports.json(
        *join, "--password", "--wait", "0", text=locked + "\n", SUFFICE_INVITATION_PASSWORD="right"
    )
    assert joined["state"] == "joining"
    ask_until(lambda: bool(airports.json("federation", "requests", "airports", "--home", "ewr")))
    airports.run("federation", "refuse", "airports", "guest", "--home", "ewr")
    ask_until(lambda: state(airports, home) == "refused")


def test_a_peer_can_neither_invite_nor_found(airports: Any) -> None:
    assert "admin" in airports.error("federation", "invite", "airports", "--home", "jfk")["message"]
    assert "broker" in airports.error("federation", "create", "mine", "--home", "jfk")["message"]
    assert airports.error("federation", "status", "nowhere", "--home", "jfk")["code"] == "not_found"
    error = airports.error("federation", "approve", "airports", "nobody", "--home", "ewr")
    assert "no request 'nobody'" in error["message"]


def test_a_project_that_a_federation_offers_is_named_with_it(airports: Any) -> None:
    airports.run(
        "project", "create", "offered", "--federation", "airports", "--like", "ewr.csv", "--home", "ewr"
    )
    offers = lambda: airports.json("federation", "status", "airports", "--home", "jfk")["projects"]  # noqa: E731
    ask_until(lambda: "offered" in [project["name"] for project in offers()])
    take_part = "suffice project create offered --federation airports"
    for command in (
        ("learn", "offered", "jfk.csv"),
        ("info", "offered"),
        ("fit", "offered", "m", "--target", "delay", "--inputs", "distance"),
    ):
        error = airports.error("project", *command, "--home", "jfk")
        assert error["code"] == "not_found"
        assert take_part in error["remedy"]
    assert "airports" not in airports.error("project", "info", "nowhere", "--home", "jfk")["remedy"]
    airports.run("project", "create", "offered", "--federation", "airports", "--home", "jfk")
    model = airports.error("project", "model", "offered", "nothing", "--home", "jfk")
    assert "create offered" not in model["remedy"]
    for home in ("ewr", "jfk"):
        airports.run("project", "delete", "offered", "--home", home)


def test_whoever_has_not_contributed_is_named(airports: Any) -> None:
    airports.run(
        "project", "create", "rides", "--federation", "airports", "--like", "ewr.csv", "--home", "ewr"
    )
    airports.run("project", "learn", "rides", "ewr.csv", "--home", "ewr")
    options = ["--target", "delay", "--inputs", "distance", "--wait", "0", "--home", "ewr"]
    error = airports.error("project", "fit", "rides", "m", *options)
    assert error["code"] == "unavailable"
    assert "jfk" in error["message"]
    assert "lga" in error["message"]
    assert "not fused" in airports.run("project", "info", "rides", "--home", "ewr").stdout


def test_who_leaves_or_is_expelled_no_longer_counts(airports: Any) -> None:
    assert "left airports" in airports.run("federation", "leave", "airports", "--home", "lga").stdout
    ask_until(lambda: fused(airports, "ewr").get("rows") == 200)
    members = airports.json("federation", "status", "airports", "--home", "ewr")["members"]
    jfk = next(member["node_id"] for member in members if member["name"] == "jfk")
    airports.run("federation", "expel", "airports", jfk, "--home", "ewr")
    ask_until(lambda: fused(airports, "ewr").get("rows") == 100)
