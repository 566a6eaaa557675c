"""Data sources by the command line, on one real node."""

from __future__ import annotations

from typing import Any


def test_a_source_is_named_shown_learned_and_removed(one_node: Any) -> None:
    (one_node.folder / "rows.csv").write_text("ward;age\n" + "".join(f"W{n % 3};{n}\n" for n in range(30)))
    one_node.run("source", "add", "visits", "rows.csv", "--set", "csv_entry_separator=;")
    assert one_node.error("source", "add", "visits", "rows.csv")["code"] == "already_exists"
    assert one_node.json("source", "show", "visits")["info"]["path"] == str(one_node.folder / "rows.csv")
    assert "visits" in one_node.run("source", "list").stdout
    sample = one_node.run("source", "show", "visits", "--sample").stdout
    assert "ward (T)" in sample and "W1" in sample
    one_node.run("project", "create", "p", "--like", "visits")
    assert "30" in one_node.run("project", "learn", "p", "visits").stdout
    one_node.run("project", "fit", "p", "m", "--target", "age", "--inputs", "ward")
    assert one_node.json("project", "assess", "p", "m", "visits")["assessment"]["rows"] == 30
    one_node.run("project", "predict", "p", "m", "visits", "--output", "out.csv")
    assert (one_node.folder / "out.csv").read_text().startswith("ward;age;res_Result")
    assert one_node.json("project", "forget", "p", "visits")["result"]["rows"] == 0
    one_node.run("source", "remove", "visits")
    assert one_node.json("source", "list") == []
    assert "visits" in one_node.error("project", "learn", "p", "visits")["message"]
    one_node.run("project", "delete", "p")


def test_secrets_come_from_files_and_are_not_shown_again(one_node: Any) -> None:
    (one_node.folder / "secret.txt").write_text("hush\n")
    key = ["--set", "s3accessKey=AK", "--set", "s3secretKey=@secret.txt"]
    made = one_node.json("source", "add", "wards", "s3://hospital/a/wards.parquet", *key)
    assert (made["type"], made["info"]) == (
        "s3",
        {"s3bucket": "hospital", "path": "a/wards.parquet", "s3accessKey": "AK", "s3secretKey": "***"},
    )
    assert "hush" not in one_node.run("source", "show", "wards").stdout
    again = one_node.json("source", "add", "wards", "https://me:hush@example.org/w.csv", "--replace")
    assert (again["type"], again["info"]) == ("http", {"path": "https://me:***@example.org/w.csv"})
    assert one_node.error("source", "add", "x", "cobol://there", "--set", "table=t")["code"] == "bad_request"
    one_node.run("source", "remove", "wards")
