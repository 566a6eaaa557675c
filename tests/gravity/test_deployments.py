"""What is deployed: versions of models, files and scripts; keys; terms; what was used."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.keys import Role

TEMPLATES = Path(__file__).parents[1] / "scoring" / "templates"
THREE = "x,y\n1,1\n2,0\n0,-1\n"
PLANE = "/api/deployments/plane"

HYPOTENUSE = """
import csv, math, sys

with open(sys.argv[1]) as source, open(sys.argv[2], "w") as target:
    rows = list(csv.DictReader(source))
    out = csv.writer(target)
    out.writerow(["z"])
    out.writerows([math.hypot(float(row["x"]), float(row["y"]))] for row in rows)
"""
BUILD = {
    "UseGaiLib": False,
    "Schema": {
        "InputType": "csv_header",
        "Input": [{"Path": name, "DataType": "Number", "Optional": False} for name in "xy"],
        "OutputType": "csv_header",
        "Output": [{"Path": "z", "DataType": "Number", "Optional": False}],
    },
    "Tests": [{"RelativeInputPath": "in.csv", "RelativeReferencePath": "out.csv"}],
}


def archive(**files: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "-").replace("_", "."))
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def script(expected: str = "z\n5.0\n") -> bytes:
    return archive(
        main_py=HYPOTENUSE, gravityai__build_json=json.dumps(BUILD), in_csv="x,y\n3,4\n", out_csv=expected
    )


def form(data: Any, file: bytes, name: str) -> aiohttp.FormData:
    parts = aiohttp.FormData()
    parts.add_field("data", json.dumps(data))
    parts.add_field("file", io.BytesIO(file), filename=name)
    return parts


async def rows_of(served: Any, job: Any) -> list[float]:
    assert job["status"] == "success", job
    return [round(float(row), 6) for row in (await served.client.result(job["id"])).text.split()[1:]]


async def test_a_version_scores_as_the_model_was(served: Any) -> None:
    node = served.node
    assert await rows_of(served, (await served.client.post(THREE)).data) == [10, 9, 2]
    await node.models.fit("sums", "plane", "mlr", "x", ["y", "z"])  # the same name, another model
    assert await rows_of(served, (await served.client.post(THREE)).data) == [10, 9, 2]
    second = await served.native.ok(
        "POST", f"{PLANE}/versions", {"project": "sums", "model": "plane", "version": "2.0"}
    )
    assert second["origin"]["target"] == "x"
    lacking = await served.client.post(THREE)
    assert lacking.status == 400 and "z" in lacking.error
    assert await rows_of(served, (await served.client.post(THREE, version="0.0.1")).data) == [10, 9, 2]
    await served.native.ok("PATCH", f"{PLANE}/versions/2.0", {"active": False})
    assert await rows_of(served, (await served.client.post(THREE)).data) == [10, 9, 2]
    gone = await served.client.post(THREE, version="2.0")
    assert gone.status == 400 and "2.0" in gone.error
    third = await served.native.ok("POST", f"{PLANE}/versions", {"project": "sums", "model": "plane"})
    assert third["version"] == "2.1"
    again = {"project": "sums", "model": "plane", "version": "2.0"}
    assert (await served.native("POST", f"{PLANE}/versions", again)).status == 409
    shown = await served.native.ok("GET", PLANE)
    assert [one["version"] for one in shown["versions"]] == ["2.1", "2.0", "0.0.1"]


async def test_what_a_version_takes_and_gives_is_the_projects_unless_said_otherwise(served: Any) -> None:
    (first,) = (await served.native.ok("GET", PLANE))["versions"]
    assert first["schema"]["input"] == [
        {"path": "x", "type": "number", "optional": False},
        {"path": "y", "type": "number", "optional": False},
    ]
    assert [field["path"] for field in first["schema"]["output"]] == ["res"]
    schema = {"input": [{"path": "x", "type": "number"}, {"path": "y", "type": "number", "optional": True}]}
    body = {"project": "sums", "model": "plane", "impute": True, "schema": schema}
    await served.native.ok("POST", f"{PLANE}/versions", body)
    assert (await served.client.post("x,y\n1,\n")).data["status"] == "success"
    wrong = {"project": "sums", "model": "plane", "schema": {"input": [{"path": "x[", "type": "number"}]}}
    refused = await served.native("POST", f"{PLANE}/versions", wrong)
    assert refused.status == 400 and "input[0]" in refused.text


async def test_an_onnx_file_scores(served: Any) -> None:
    onnx = await served.native("GET", "/api/projects/sums/models/plane/onnx")
    made = await served.native.ok(
        "POST", f"{PLANE}/files", form({"kind": "onnx", "version": "9"}, onnx.body, "plane.onnx")
    )
    assert (made["kind"], made["origin"]["file"]) == ("onnx", "plane.onnx")
    assert [field["path"] for field in made["schema"]["input"]] == ["x", "y"]
    job = (await served.client.post(THREE)).data
    assert await rows_of(served, job) == [10, 9, 2]
    refused = await served.native("POST", f"{PLANE}/files", form({"kind": "onnx"}, b"no onnx", "x.onnx"))
    assert refused.status == 400
    assert (await served.native.ok("GET", PLANE))["versions"][0]["version"] == "9"


async def test_a_script_scores_once_it_does_its_own_examples(served: Any) -> None:
    asked = {"kind": "script", "seconds": 30}
    wrong = await served.native("POST", f"{PLANE}/files", form(asked, script("z\n6.0\n"), "hyp.tar.gz"))
    assert wrong.status == 400 and "in.csv" in wrong.text
    made = await served.native.ok("POST", f"{PLANE}/files", form(asked, script(), "hyp.tar.gz"))
    assert (made["kind"], made["version"]) == ("script", "0.0.2")
    assert await rows_of(served, (await served.client.post("x,y\n3,4\n6,8\n")).data) == [5, 10]
    used = served.node.files.used
    await served.native.ok("DELETE", PLANE)
    assert served.node.files.used < used


async def test_keys_are_told_once_and_end_at_once(served: Any) -> None:
    made = await served.native.ok("POST", f"{PLANE}/keys", {"label": "Newark"})
    assert made["key"].startswith(f"GAI-{made['id']}.")
    listed = await served.native("GET", f"{PLANE}/keys")
    assert [key["label"] for key in listed.json["keys"]] == ["ours", "Newark"]
    assert made["key"] not in listed.text and made["key"].split(".")[1] not in listed.text
    client = await served.client_of()
    assert (await client("GET", "/api/v1/jobs/latest")).data == []
    identity = client.key[4:12]
    await served.native.ok("DELETE", f"{PLANE}/keys/{identity}")
    assert (await client("GET", "/api/v1/jobs/latest")).status == 401
    assert (await served.native("DELETE", f"{PLANE}/keys/nobodys")).status == 404
    await served.native.ok("DELETE", PLANE)
    assert (await served.client("GET", "/api/v1/jobs/latest")).status == 401


async def test_a_key_ends_with_its_user(served: Any) -> None:
    ann = await served.native_of("ann", Role.SUPERUSER)
    key = (await ann.ok("POST", f"{PLANE}/keys", {}))["key"]
    client = await served.client_of()
    client.key = key
    assert (await client("GET", "/api/v1/jobs/latest")).status == 200
    await served.node.keys.delete_user(served.node.users.find("ann").id)
    assert (await client("GET", "/api/v1/jobs/latest")).status == 401


async def test_who_may_do_what(served: Any) -> None:
    bob = await served.native_of("bob", Role.USER)
    for method, path, body in (
        ("PATCH", PLANE, {"price": 1}),
        ("DELETE", PLANE, None),
        ("POST", f"{PLANE}/versions", {"project": "sums", "model": "plane"}),
        ("PATCH", f"{PLANE}/versions/0.0.1", {"active": False}),
        ("POST", f"{PLANE}/keys", {}),
        ("GET", f"{PLANE}/keys", None),
        ("GET", f"{PLANE}/usage", None),
        ("GET", "/api/usage", None),
    ):
        assert (await bob(method, path, body)).status == 403, (method, path)
    await bob.ok("POST", "/api/deployments", {"name": "bobs"})
    await bob.ok("POST", "/api/deployments/bobs/versions", {"project": "sums", "model": "plane"})
    refused = await bob("POST", "/api/deployments/bobs/files", form({"kind": "script"}, script(), "s.tgz"))
    assert refused.status == 403
    assert len((await bob.ok("GET", "/api/deployments"))["deployments"]) == 2


async def test_units_are_fixed_when_a_job_is_made_and_reported_for_ever(served: Any) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    costs = [(0, 0, 0), (1, 1, 20), (5, 1, 20), (6, 2, 40)]
    for records, groups, units in costs:
        job = (await served.client.post("x,y\n" + "1,1\n" * records)).data
        assert (job["recordCount"], job["recordGroupCount"], job["billedUsage"]) == (records, groups, units)
    await served.native.ok("PATCH", PLANE, {"group_size": 2, "price": 1})
    dear = (await served.client.post("x,y\n" + "1,1\n" * 3)).data
    assert (dear["recordGroupCount"], dear["billedUsage"]) == (2, 2)
    assert (await served.client("GET", f"/api/v1/jobs/{job['id']}")).data["billedUsage"] == 40
    other = await served.client_of(label="theirs")
    assert (await other.post(THREE)).data["billedUsage"] == 2

    report = await served.native.ok("GET", f"{PLANE}/usage")
    lines = [(line["label"], line["month"], line["jobs"], line["records"]) for line in report["usage"]]
    assert lines == [("ours", month, 5, 15), ("theirs", month, 1, 3)]
    assert [(line["groups"], line["units"]) for line in report["usage"]] == [(6, 82), (2, 2)]
    assert (report["units"], report["dollars"]) == (84, 0.084)
    assert (await served.native.ok("GET", f"{PLANE}/usage?key={other.key[4:12]}"))["units"] == 2
    assert (await served.native.ok("GET", f"{PLANE}/usage?month=1999-01"))["usage"] == []
    assert (await served.native("GET", f"{PLANE}/usage?month=January")).status == 400
    await served.native.ok("DELETE", PLANE)
    assert (await served.native.ok("GET", "/api/usage"))["units"] == 84


@pytest.mark.parametrize(
    ("template", "file", "mime", "answer"),
    [
        ("hypotenuse", '{"x": 3, "y": 4}', "application/json", [{"z": 5.0}]),
        ("hypotenuse", "x,y\n6,8\n", "text/csv; header=present", [{"z": 10.0}]),
        (
            "primes",
            '[{"number": 91}, {"number": 97}]',
            "application/json",
            "number,prime\n91,false\n97,true\n",
        ),
    ],
)
async def test_a_script_wrapped_with_the_vendors_package_runs_unchanged(
    served: Any, template: str, file: str, mime: str, answer: Any
) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        packed.add(TEMPLATES / template, arcname=template)
    await served.native.ok("POST", f"{PLANE}/files", form({"kind": "script"}, made.getvalue(), "s.tgz"))
    job = (await served.client.post(file, "in.dat", mime)).data
    assert job["status"] == "success", job
    result = await served.client.result(job["id"])
    assert (result.text if isinstance(answer, str) else result.json) == answer
    suffix = "csv" if isinstance(answer, str) else "json"
    assert f"data_{job['id'][:8]}.{suffix}" in result.headers["Content-Disposition"]


async def test_a_script_that_fails_says_why(served: Any) -> None:
    broken = archive(main_py="import sys\nsys.exit('there is no moon')\n")
    asked = {"kind": "script", "command": "python main.py {input} {output}", "seconds": 30}
    await served.native.ok("POST", f"{PLANE}/files", form(asked, broken, "s.tgz"))
    job = (await served.client.post("any thing", "in.txt", "text/plain")).data
    assert (job["status"], job["recordCount"]) == ("error", 1)
    assert "there is no moon" in job["errorMessage"]
    for wrong in ({"command": "python main.py"}, {"entry": "none.py"}, {"seconds": 0}, {"python": "python"}):
        refused = await served.native(
            "POST", f"{PLANE}/files", form({"kind": "script"} | wrong, broken, "s.tgz")
        )
        assert refused.status == 400, wrong
    refused = await served.native("POST", f"{PLANE}/files", form({"kind": "script"}, b"no archive", "s.tgz"))
    assert refused.status == 400 and "archive" in refused.text


async def test_records_cannot_be_hidden_from_the_bill_by_another_mime_type(served: Any) -> None:
    """A script with `input_type` alone takes any fields, but only files whose records can be counted."""
    asked = {
        "kind": "script",
        "command": "cp {input} {output}",
        "schema": {"input_type": "csv_header"},
        "seconds": 30,
    }
    copying = archive(main_py="")
    await served.native.ok("POST", f"{PLANE}/files", form(asked, copying, "s.tgz"))
    rows = "x\n1\n2\n3\n4\n5\n6\n"
    for other in ("application/octet-stream", "application/json", "text/csv; header=absent"):
        hidden = await served.client.post(rows, mime=other)
        assert hidden.status == 400 and f"takes text/csv; header=present, not {other}" in hidden.error
    job = (await served.client.post(rows)).data
    assert (job["recordCount"], job["recordGroupCount"], job["billedUsage"]) == (6, 2, 40)
