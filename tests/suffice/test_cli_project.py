"""Projects, jobs and keys by the command line, on one real node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_file_is_learned_as_a_job_and_the_project_shows_it(learned: Any) -> None:
    info = learned.json("project", "info", "trial")
    assert info["rows"] == 300
    assert {item["name"]: item["type"] for item in info["attributes"]} == {
        "delay": "C",
        "distance": "C",
        "carrier": "T",
        "late": "B",
    }
    assert "300" in learned.run("project", "list").stdout


def test_learning_and_forgetting_leave_no_trace(learned: Any, write_table: Callable[..., Path]) -> None:
    write_table(learned.folder / "more.csv", 50, seed=2)
    before = learned.json("project", "info", "trial")["digest"]
    done = learned.json("project", "learn", "trial", "more.csv")
    assert (done["status"], done["result"]["learned"], done["result"]["rows"]) == ("completed", 50, 350)
    assert learned.json("project", "forget", "trial", "more.csv")["result"]["digest"] == before


def test_a_project_takes_its_schema_from_a_file_or_as_written(learned: Any) -> None:
    created = learned.json(
        "project",
        "create",
        "like",
        "--like",
        "table.csv",
        "--attributes",
        "delay,carrier",
        "--type",
        "delay=C",
    )
    assert [item["name"] for item in created["attributes"]] == ["delay", "carrier"]
    (learned.folder / "schema.json").write_text(
        '{"attributes": [{"name": "x", "type": "C", "quantum": "0.5"}]}'
    )
    written = learned.json("project", "create", "written", "--schema", "schema.json")
    assert written["attributes"][0]["quantum"] in ("0.5", "2^-1")
    for name in ("like", "written"):
        learned.run("project", "delete", name)
    assert learned.error("project", "info", "like")["code"] == "not_found"
    learned.run("project", "create", "x", "--like", "table.csv", "--schema", "schema.json", code=2)
    learned.run("project", "create", "x", "--type", "a=C", code=2)
    learned.run("project", "create", "x", "--like", "table.csv", "--type", "a=Q", code=2)


def test_options_of_a_project_are_kept_shown_and_followed(learned: Any) -> None:
    options = ["--filter", "carrier == UA; distance > 500", "--window", "50", "--precision", "60"]
    shown = learned.run("project", "create", "picky", *options, "--lower-case").stdout
    for words in ("carrier == UA; distance > 500", "the last 50 rows", "60 bits", "in lower case"):
        assert words in shown
    assert "pass the row filter" in learned.run("project", "learn", "picky", "table.csv").stdout
    info = learned.json("project", "info", "picky")
    assert info["rows"] == 50
    assert info["parameters"]["precision"] == 60
    assert "rolling window" in learned.error("project", "forget", "picky", "table.csv")["message"]
    assert "precision 7" in learned.error("project", "create", "other", "--precision", "7")["message"]
    wrong = learned.error("project", "create", "other", "--filter", "delay = 3")
    assert "'delay = 3' is not of the form" in wrong["message"]
    learned.run("project", "delete", "picky")


def test_statistics_are_split_exported_imported_merged_and_frozen(learned: Any) -> None:
    run = learned.run
    options = ["--split", "carrier", "--no-profiles", "--conditionals"]
    shown = run("project", "create", "parted", *options).stdout
    assert "split by" in shown
    assert "conditionals" in shown
    run("project", "learn", "parted", "table.csv")
    assert "carrier: AA (" in run("project", "info", "parted").stdout
    assert sum(learned.json("project", "info", "parted")["levels"].values()) == 300
    assert "300 rows" in run("project", "export", "parted", "parted.json").stdout
    made = learned.json("project", "import", "copy", "parted.json")
    assert (made["rows"], made["split"]) == (300, "carrier")
    assert learned.json("project", "merge", "copy", "parted")["rows"] == 600
    assert "neither learns nor forgets" in run("project", "freeze", "copy").stdout
    assert "frozen" in learned.error("project", "learn", "copy", "table.csv")["message"]
    assert "neither" not in run("project", "freeze", "copy", "--thaw").stdout
    assert "table.csv" in learned.error("project", "import", "other", "table.csv")["message"]
    for name in ("parted", "copy"):
        run("project", "delete", name)


def test_the_columns_left_out_are_named(learned: Any) -> None:
    lines = [f"{i},note {i}" for i in range(60)]
    (learned.folder / "noted.csv").write_text("\n".join(["delay,note", *lines, ""]))
    assert "'note'" in learned.run("project", "create", "noted", "--like", "noted.csv").stdout
    learned.run("project", "create", "free")
    assert "'note'" in learned.run("project", "learn", "free", "noted.csv").stdout
    for name in ("noted", "free"):
        learned.run("project", "delete", name)


def test_dates_are_learned_as_their_parts_and_predicted_from(learned: Any) -> None:
    rows = [f"{day % 7 + day / 100},2013-01-{day:02}" for day in range(1, 31)]
    (learned.folder / "dated.csv").write_text("\n".join(["delay,day", *rows, ""]))
    shown = learned.run("project", "create", "dated", "--like", "dated.csv", "--type", "day.day=C").stdout
    assert "day.weekday" in shown
    learned.run("project", "learn", "dated", "dated.csv")
    learned.run("project", "fit", "dated", "m", "--target", "delay", "--inputs", "day.weekday,day.day")
    (learned.folder / "next.csv").write_text("day\n2013-01-31\n")
    (found,) = learned.json("project", "predict", "dated", "m", "next.csv")["res"]
    assert found == pytest.approx(31 % 7 + 0.31, abs=1e-9)
    learned.run("project", "delete", "dated")


def test_a_job_can_be_left_to_itself_and_looked_at(learned: Any, write_table: Callable[..., Path]) -> None:
    learned.run("project", "create", "later")
    write_table(learned.folder / "later.csv", 100, seed=3)
    job = learned.json("project", "learn", "later", "later.csv", "--no-wait")
    assert job["status"] in ("created", "queued", "in_progress", "completed")
    assert job["id"] in {item["id"] for item in learned.json("jobs", "list")}
    assert [item["id"] for item in learned.json("jobs", "list", "--project", "later")] == [job["id"]]
    assert learned.json("jobs", "show", job["id"])["number"] == job["number"]
    killed = learned.json("jobs", "kill", str(job["number"]))
    assert killed["status"] in ("stopped", "in_progress", "completed")
    assert f"job {job['number']}" in learned.run("jobs", "show", str(job["number"])).stdout


def test_errors_name_the_thing(learned: Any) -> None:
    assert "'no-such'" in learned.error("project", "info", "no-such")["message"]
    assert learned.error("project", "create", "trial")["code"] == "already_exists"
    assert "no job" in learned.error("jobs", "show", "9999")["message"]
    assert "no job" in learned.error("jobs", "kill", "0" * 32)["message"]
    assert (
        "'nope'"
        in learned.error("project", "fit", "trial", "x", "--target", "delay", "--inputs", "nope")["message"]
    )
    assert "does not exist" in learned.error("project", "learn", "trial", "nope.csv")["message"]


def test_a_table_with_a_wrong_column_fails_and_changes_nothing(learned: Any) -> None:
    learned.run("project", "create", "strict", "--like", "table.csv", "--attributes", "delay,distance")
    before = learned.json("project", "info", "strict")["digest"]
    (learned.folder / "wrong.csv").write_text("delay,remoteness\n1.0,5\n2.0,6\n")
    assert "distance" in learned.error("project", "learn", "strict", "wrong.csv")["message"]
    (learned.folder / "text.csv").write_text("delay,distance\n1.0,5\n2.0,far\n")
    error = learned.error("project", "learn", "strict", "text.csv")
    assert "distance" in error["message"]
    assert "far" in error["message"]
    assert learned.json("project", "info", "strict")["digest"] == before


def test_a_wrong_key_is_4(learned: Any) -> None:
    url = learned.json("node", "status")["url"]
    key = {"SUFFICE_ACCESS_KEY": "nobody", "SUFFICE_SECRET_KEY": "nothing"}
    error = learned.error("project", "list", "--node", url, code=4, **key)
    assert "nothing" not in str(error)


def test_keys_come_and_go(learned: Any) -> None:
    made = learned.json("keys", "create", "--user", "ada", "--role", "user", "--label", "laptop")
    assert "laptop" in learned.run("keys", "list").stdout
    assert made["secret_key"] not in learned.run("keys", "list", "--json").stdout
    url = learned.json("node", "status")["url"]
    key = {"SUFFICE_ACCESS_KEY": made["access_key"], "SUFFICE_SECRET_KEY": made["secret_key"]}
    learned.run("project", "list", "--node", url, **key)
    assert learned.error("keys", "list", "--node", url, **key)["code"] == "forbidden"
    learned.run("keys", "revoke", made["access_key"])
    learned.run("project", "list", "--node", url, code=4, **key)
    assert "SUFFICE_SECRET_KEY" in learned.run("keys", "create", "--user", "bob").stdout
