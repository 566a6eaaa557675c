"""The five calls of the jobs API and the link, in the words and forms of the vendor's own documentation."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

THREE = "x,y\n1,1\n2,0\n0,-1\n"
FIELDS = [
    "name", "inputFileName", "inputMime", "billedUsage", "recordCount", "recordGroupCount",
    "processingTimeMS", "status", "errorMessage", "id", "createdDateUtc", "lastUpdatedUtc",
]  # fmt: skip


async def test_a_file_is_scored_while_its_submission_waits(served: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    job = (await served.client.post(THREE)).data
    assert list(job) == FIELDS
    assert job == job | {
        "name": "example.csv",
        "inputFileName": "example.csv",
        "inputMime": "text/csv; header=present",
        "billedUsage": 20,
        "recordCount": 3,
        "recordGroupCount": 1,
        "status": "success",
        "errorMessage": None,
    }
    assert isinstance(job["processingTimeMS"], int) and job["processingTimeMS"] > 0
    assert str(UUID(job["id"])) == job["id"]
    for at in (job["createdDateUtc"], job["lastUpdatedUtc"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", at)
    assert before < datetime.fromisoformat(job["createdDateUtc"]) < datetime.now(UTC)

    result = await served.client.result(job["id"])
    header, *rows = result.text.splitlines()
    assert header == "res"
    assert [round(float(row), 6) for row in rows] == [10, 9, 2]
    name = f"data_{job['id'][:8]}.csv"
    assert name in result.headers["Content-Disposition"]
    assert result.headers["Content-Type"].startswith("text/csv")


async def test_a_job_is_got_listed_and_renamed(served: Any) -> None:
    first = (await served.client.post(THREE)).data
    second = (await served.client.post(THREE, "other.csv", name="mine")).data
    assert (second["name"], second["inputFileName"]) == ("mine", "other.csv")
    got = (await served.client("GET", f"/api/v1/jobs/{first['id']}")).data
    assert list(got) == FIELDS
    assert re.fullmatch(r".*\.\d{3}Z", got["createdDateUtc"])
    assert first["createdDateUtc"].startswith(got["createdDateUtc"][:-1])  # the same to the millisecond
    assert (await served.client("GET", f"/api/v1/jobs/{UUID(first['id']).hex}")).data == got

    renamed = (await served.client("PUT", f"/api/v1/jobs/{first['id']}", {"name": "Jöb"})).data
    assert renamed == got | {"name": "Jöb", "lastUpdatedUtc": renamed["lastUpdatedUtc"]}
    assert renamed["lastUpdatedUtc"] >= got["lastUpdatedUtc"]
    latest = (await served.client("GET", "/api/v1/jobs/latest")).data
    assert [job["name"] for job in latest] == ["mine", "Jöb"]
    assert latest[1] == renamed

    task = UUID(first["id"]).hex
    assert (await served.node.tasks.get(task))["name"] == "Jöb"
    again = (await served.client("PUT", f"/api/v1/jobs/{first['id']}", {"name": None})).data
    assert again["name"] == "example.csv"


async def test_the_documented_name_wins(served: Any) -> None:
    names = [
        ({"jobName": "theirs"}, "theirs"),
        ({"name": "ours", "jobName": "theirs"}, "ours"),
        ({"name": None, "jobName": "theirs"}, "theirs"),
        ({"name": "", "jobName": ""}, "example.csv"),
    ]
    for given, expected in names:
        assert (await served.client.post(THREE, **given)).data["name"] == expected


async def test_mappings_types_and_defaults_apply(served: Any) -> None:
    job = (
        await served.client.post(
            "a,b\n1,1\n2,\n",
            mapping=[
                {"source": "a", "destination": "x"},
                {"source": "b", "destination": "y", "defaultValue": 7},
            ],
            outputMapping=[{"source": "res", "destination": "Zed"}],
        )
    ).data
    header, *rows = (await served.client.result(job["id"])).text.splitlines()
    assert header == "Zed"
    assert [round(float(row), 6) for row in rows] == [10, 30]


async def test_json_is_answered_by_json(served: Any) -> None:
    file = '[{"x": 1, "y": 1}, {"x": 2, "y": 0}]'
    job = (await served.client.post(file, "in.json", "application/json")).data
    assert (job["recordCount"], job["status"]) == (2, "success")
    result = await served.client.result(job["id"])
    assert [round(record["res"], 6) for record in result.json] == [10, 9]
    assert f"data_{job['id'][:8]}.json" in result.headers["Content-Disposition"]


async def test_what_does_not_fit_ends_the_job_and_names_record_and_field(served: Any) -> None:
    job = (await served.client.post("x,y\n1,1\n2,two\n")).data
    assert job["status"] == "error"
    assert "record 2" in job["errorMessage"] and "field y" in job["errorMessage"]
    assert job["billedUsage"] == 20  # fixed when it was made
    refused = await served.client("GET", f"/api/v1/jobs/result-link/{job['id']}")
    assert refused.status == 400
    assert "field y" in refused.error


async def test_a_job_that_takes_long_is_answered_before_its_end(served: Any, monkeypatch: Any) -> None:
    from api.gravity import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    job = (await served.client.post(THREE)).data
    assert (job["status"], job["processingTimeMS"], job["billedUsage"]) == ("incomplete", 0, 20)
    monkeypatch.setattr(calls, "WAIT_SECONDS", 60.0)
    assert (await served.client.result(job["id"])).status == 200  # for which the link waits
    assert (await served.client("GET", f"/api/v1/jobs/{job['id']}")).data["status"] == "success"


async def test_a_link_to_nothing_yet_is_refused(served: Any, monkeypatch: Any) -> None:
    from api.gravity import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    job = (await served.client.post("x,y\n" + "1,1\n" * 300_000)).data
    early = await served.client("GET", f"/api/v1/jobs/result-link/{job['id']}")
    assert early.status == 400 and "not finished" in early.error
    await served.native.ok("DELETE", f"/api/jobs/{UUID(job['id']).hex}")


async def test_a_stopped_job_has_failed(served: Any, monkeypatch: Any, eventually: Any) -> None:
    from api.gravity import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    rows = "x,y\n" + "1,1\n" * 300_000
    job = (await served.client.post(rows)).data
    await served.native.ok("DELETE", f"/api/jobs/{UUID(job['id']).hex}")
    ended = await eventually(served, served.client, job["id"])
    assert (ended["status"], ended["errorMessage"]) == ("fail", "the job was stopped")


async def test_a_job_that_was_called_failed_afterwards_says_so(served: Any) -> None:
    job = (await served.client.post("x,y\n1,1\n")).data["id"]
    await served.native.ok("POST", "/tasks.failed", {"task": UUID(job).hex, "force": True})
    ended = (await served.client("GET", f"/api/v1/jobs/{job}")).data
    assert (ended["status"], ended["errorMessage"]) == ("error", "the job failed")
    refused = await served.client("GET", f"/api/v1/jobs/result-link/{job}")
    assert refused.status == 400 and "it failed" in refused.error


async def test_a_link_needs_no_key_expires_and_cannot_be_made_up(served: Any, holder: Any) -> None:
    job = (await served.client.post(THREE)).data
    link = (await served.client("GET", f"/api/v1/jobs/result-link/{job['id']}")).data
    anybody = holder(None)
    assert (await anybody("GET", link)).text.startswith("res\n")
    part = await anybody("GET", link, headers={"Range": "bytes=0-2"})
    assert (part.status, part.body) == (206, b"res")

    links, task = served.node.result_links, UUID(job["id"]).hex
    for token in (
        links.sign(task, seconds=-1),
        links.sign(task)[:-3] + "abc",
        jwt.encode({"sub": task, "aud": "suffice.result"}, "guessed" * 8, "HS256"),
        served.node.sessions.token(
            served.node.sessions.by_key(
                served.node.first_key.access_key, served.node.first_key.secret_key, None
            ),
            60,
            {},
        ),
        "x",
        "x" * 5000,
    ):
        refused = await anybody("GET", f"/api/v1/results/{token}/data.csv")
        assert refused.status == 403
        assert "link" in refused.error
    assert served.node.sessions.by_token(links.sign(task)) is None
    assert (await anybody("GET", f"/api/v1/results/{links.sign('0' * 32)}/data.csv")).status == 404


async def test_a_key_sees_its_own_jobs_only(served: Any) -> None:
    job = (await served.client.post(THREE)).data["id"]
    other = await served.client_of()
    assert (await other("GET", "/api/v1/jobs/latest")).data == []
    for method, path, body in (
        ("GET", f"/api/v1/jobs/{job}", None),
        ("GET", f"/api/v1/jobs/result-link/{job}", None),
        ("PUT", f"/api/v1/jobs/{job}", {"name": "stolen"}),
    ):
        refused = await other(method, path, body)
        assert refused.status == 404
        assert job.replace("-", "") in refused.error
    assert (await served.client("GET", f"/api/v1/jobs/{job}")).data["name"] == "example.csv"


async def test_a_key_opens_nothing_else_of_the_node(served: Any) -> None:
    for path in ("/api/node", "/api/projects", "/api/deployments", "/api/jobs", "/problem"):
        assert (await served.client("GET", path)).status == 401
    answer = await served.native("GET", "/api/v1/jobs/latest")
    assert answer.status == 401 and "x-api-key" in answer.error
