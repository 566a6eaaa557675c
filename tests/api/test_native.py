"""The native dialect: what it takes, what it answers, who may ask, and how it refuses."""

from __future__ import annotations

import asyncio
import base64

import pytest

from api.server import Server
from node.config import NodeConfig
from node.node import Node

SCHEMA = {
    "attributes": [{"name": "x", "type": "C", "quantum": "0.1"}, {"name": "y", "type": "C", "quantum": "1"}]
}
TABLE = {"names": ["x", "y", "kind"], "rows": [[0.1, 1, "a"], [0.2, 3, "b"], [0.3, 4, "a"], [0.5, 4, None]]}


@pytest.fixture
async def call(served):
    """The client of a node with a project p that has learned TABLE."""
    assert (await served.native("POST", "/api/projects", {"name": "p"})).status == 201
    assert (await served.native("POST", "/api/projects/p/learn", TABLE)).status == 200
    return served.native


async def test_the_node_tells_about_itself(call, served):
    info = (await call("GET", "/api/node")).json
    assert info["node_id"] == served.node.node_id
    assert (info["role"], info["projects"], info["federations"], info["url"]) == (
        "peer",
        ["p"],
        [],
        served.url,
    )


async def test_health_and_documents_need_no_key(served):
    for path, kind in (
        ("/healthz", "application/json"),
        ("/metrics", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
    ):
        answer = await served.anonymous("GET", path)
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, kind)
    assert (await served.anonymous("GET", "/healthz")).json == {"status": "ok", "problems": []}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_a_wrong_key_is_401_and_says_nothing_more(served):
    key = served.node.first_key
    wrong = [
        basic(f"{key.access_key}:wrong"),
        basic(f"nobody:{key.secret_key}"),
        basic("nobody:no such key"),
        basic(key.access_key),
        basic(""),
        "Basic ###",
        "Basic",
        "Bearer x",
        basic("ä:ö"),
    ]
    answers = [await served.anonymous("GET", "/api/projects", headers={"Authorization": w}) for w in wrong]
    answers.append(await served.anonymous("GET", "/api/projects"))
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].error["code"] == "unauthorized"
    assert answers[0].headers["WWW-Authenticate"].startswith("Basic ")


async def test_a_page_of_another_site_cannot_use_a_remembered_password(served):
    for origin, status in ((served.url, 201), ("https://evil.example", 403), ("null", 403)):
        answer = await served.native("POST", "/api/projects", {"name": "p"}, headers={"Origin": origin})
        assert answer.status == status


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("annotator", "GET", "/api/projects", None, 200),
        ("annotator", "POST", "/api/projects", {"name": "q"}, 403),
        ("user", "POST", "/api/projects", {"name": "q"}, 201),
        ("user", "POST", "/api/projects/p/learn", {"path": "/etc/passwd"}, 403),
        ("user", "POST", "/api/projects", {"name": "q", "schema_from": {"path": "/etc/passwd"}}, 403),
        ("user", "POST", "/api/federations", {"name": "f"}, 403),
        ("superuser", "GET", "/api/keys", None, 403),
        ("admin", "GET", "/api/keys", None, 200),
    ],
)
async def test_roles(call, as_user, role, method, path, body, status):
    client, _ = await as_user("ann", role)
    answer = await client(method, path, body)
    assert answer.status == status
    if status == 403:
        assert answer.error["code"] == "forbidden" and answer.error["remedy"]


async def test_the_other_dialect_knows_the_same_roles(call, as_user):
    _, client = await as_user("ann", "annotator")
    assert (await client("GET", "/projects/p/info")).status == 200
    refused = await client("DELETE", "/projects/p")
    assert (refused.status, refused.json["statusCode"]) == (401, "UNAUTHORIZED")
    assert "role user" in refused.json["statusString"]


async def test_keys_are_told_once_and_can_be_revoked(served):
    call = served.native
    made = await call("POST", "/api/keys", {"user": "ann", "role": "user", "label": "laptop"})
    assert made.status == 201
    assert len(base64.b64decode(made.json["secret_key"])) == 16
    listed = await call("GET", "/api/keys")
    assert made.json["secret_key"] not in listed.text
    first, ann = listed.json["keys"]
    assert (first["user"], first["last_used_from"]) == ("admin", "127.0.0.1") and first["last_used"]
    assert (ann["user"], ann["label"], ann["last_used"]) == ("ann", "laptop", None)
    assert (await call("DELETE", f"/api/keys/{made.json['access_key']}")).json == {}
    assert (await call("DELETE", f"/api/keys/{made.json['access_key']}")).status == 404
    assert (await call("POST", "/api/keys", {"user": "ann", "role": "king"})).status == 400


async def test_a_projects_life(served):
    call = served.native
    made = await call(
        "POST", "/api/projects", {"name": "flights", "schema": SCHEMA, "parameters": {"precision": 60}}
    )
    assert made.status == 201
    assert [a["quantum"] for a in made.json["attributes"]] == ["0.1", "1"]
    assert made.json["parameters"] == {"precision": 60}
    refused = await call("POST", "/api/projects", {"name": "f", "parameters": {"a": 1}})
    assert (refused.status, refused.error["message"]) == (400, "there is no project option 'a'")
    again = await call("POST", "/api/projects", {"name": "flights"})
    assert (again.status, again.error["code"]) == (409, "already_exists")
    assert [p["name"] for p in (await call("GET", "/api/projects")).json["projects"]] == ["flights"]
    assert (await call("GET", "/api/projects/flights")).json["rows"] == 0
    assert (await call("DELETE", "/api/projects/flights")).json == {}
    gone = await call("GET", "/api/projects/flights")
    assert (gone.status, gone.error["code"]) == (404, "not_found")


async def test_statistics_are_merged_carried_and_frozen(served):
    call = served.native
    for name in ("a", "b"):
        parameters = {"partitionSplit": "kind", "enableHistogram": False}
        await call("POST", "/api/projects", {"name": name, "parameters": parameters})
        rows = [[1, "x"], [2, "y"], [4, "y"]]
        await call("POST", f"/api/projects/{name}/learn", {"names": ["n", "kind"], "rows": rows})
    merged = await call("POST", "/api/projects/a/merge", {"other": "b"})
    assert (merged.status, merged.json["rows"], merged.json["split"]) == (200, 6, "kind")
    assert (await call("GET", "/api/projects/a/statistics")).json["levels"] == {"x": 2, "y": 4}
    exported = await call("GET", "/api/projects/a/export")
    imported = await call("POST", "/api/projects/c/import", exported.json)
    assert (imported.status, imported.json["digest"]) == (201, merged.json["digest"])
    assert (await call("POST", "/api/projects/c/import", exported.json)).error["code"] == "already_exists"
    assert (await call("POST", "/api/projects/c/freeze")).json["frozen"] is True
    body = {"names": ["n", "kind"], "rows": [[1, "x"]]}
    assert "frozen" in (await call("POST", "/api/projects/c/learn", body)).error["message"]
    assert (await call("POST", "/api/projects/c/freeze", {"frozen": False})).json["frozen"] is False
    assert (await call("POST", "/api/projects/c/learn", body)).json["rows"] == 7


async def test_rows_of_any_kind_of_column(served):
    call = served.native
    await call("POST", "/api/projects", {"name": "free"})
    rows = [[f"2013-01-{i % 28 + 1:02}", f"note {i}", "ab"[i % 2], i, i % 2] for i in range(60)]
    body = {"names": ["day", "note", "kind", "x", "z"], "rows": rows, "types": {"z": "C", "day.day": "T"}}
    learned = await call("POST", "/api/projects/free/learn", body)
    assert learned.status == 200, learned.text
    assert {a["name"]: a["type"] for a in learned.json["attributes"]} == {
        "day.year": "C", "day.month": "T", "day.day": "T", "day.weekday": "T",
        "kind": "T", "x": "C", "z": "C",
    }  # fmt: skip
    assert "'note' is ignored" in learned.json["remarks"][0]
    assert (await call("POST", "/api/projects/free/forget", body)).json["rows"] == 0
    wrong = {"names": ["day"], "rows": [["2013-01-01"], ["soon"]]}
    refused = await call("POST", "/api/projects/free/learn", wrong)
    assert (refused.status, refused.error["code"]) == (400, "bad_request")
    assert "'day', row 2: 'soon' is not a date" in refused.error["message"]


async def test_learning_rows_and_forgetting_them(call):
    before = (await call("GET", "/api/projects/p/statistics")).json
    part = TABLE | {"rows": TABLE["rows"][:2]}
    learned = await call("POST", "/api/projects/p/learn", part)
    assert (learned.status, learned.json["rows"]) == (200, 6)
    assert (await call("POST", "/api/projects/p/forget", part)).json["rows"] == 4
    after = (await call("GET", "/api/projects/p/statistics")).json
    assert after["digest"] == before["digest"] and after["version"] > before["version"]
    assert (after["rows"], after["fused"], after["problem"]) == (4, None, None)


async def test_rows_are_read_by_the_types_the_project_has(served):
    await served.native("POST", "/api/projects", {"name": "q"})
    first = {"names": ["code", "n"], "rows": [["1", 1], ["2", 2]], "types": {"code": "T"}}
    assert (await served.native("POST", "/api/projects/q/learn", first)).status == 200
    second = {"names": ["code", "n"], "rows": [["1", 5], [3, 7]]}
    info = (await served.native("POST", "/api/projects/q/learn", second)).json
    assert [(a["name"], a["type"]) for a in info["attributes"]] == [("code", "T"), ("n", "C")]
    assert info["rows"] == 4


async def test_learning_a_file_is_a_job(call, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("x,y,kind\n0.1,1,a\n0.2,3,b\n0.3,4,a\n0.5,4,\n")
    once = (await call("GET", "/api/projects/p/statistics")).json["digest"]
    await call("POST", "/api/projects", {"name": "f"})
    started = await call("POST", "/api/projects/f/learn", {"path": str(path)})
    assert started.status == 202
    job = await call.finished(started.json)
    assert (job["status"], job["result"]["rows"]) == ("completed", 4)
    assert job["result"]["digest"] == once
    assert [j["id"] for j in (await call("GET", "/api/jobs?project=f")).json["jobs"]] == [job["id"]]


async def test_a_file_that_is_not_there_fails_the_job_by_name(call):
    started = await call("POST", "/api/projects/p/learn", {"path": "/no/such/file.csv"})
    job = await call.finished(started.json)
    assert job["status"] == "failed" and "/no/such/file.csv" in job["error"]
    assert (await call("GET", "/api/projects/p")).json["rows"] == 4


async def test_a_long_poll_ends_when_the_job_changes(call, big_file):
    job = (await call("POST", "/api/projects/p/learn", {"path": str(big_file)})).json
    poll = asyncio.create_task(call.finished(job))
    killed = await call("DELETE", f"/api/jobs/{job['id']}")
    assert killed.json["status"] == "stopped"
    assert (await poll)["status"] == "stopped"


async def test_stopping_the_server_answers_long_polls(tmp_path, big_file, make_native):
    async with Node(NodeConfig(home=tmp_path / "other", workers=1)) as node:
        server = Server(node, "127.0.0.1", 0)
        await server.start()
        async with make_native(server.url, node.first_key) as call:
            await call("POST", "/api/projects", {"name": "p"})
            job = (await call("POST", "/api/projects/p/learn", {"path": str(big_file)})).json
            while job["status"] != "in_progress":
                job = (await call("GET", f"/api/jobs/{job['id']}?wait=30")).json
            poll = asyncio.create_task(call("GET", f"/api/jobs/{job['id']}?wait=60"))
            while not (waits := [t for t in asyncio.all_tasks() if "Jobs.wait" in repr(t.get_coro())]):
                await call("GET", "/healthz")
            await server.stop()
            assert (await poll).json["status"] == "in_progress"
            assert waits
            await node.jobs.kill(job["id"])


async def test_only_owner_or_superuser_kills(call, as_user, big_file):
    job = (await call("POST", "/api/projects/p/learn", {"path": str(big_file)})).json
    ann, _ = await as_user("ann", "user")
    assert (await ann("DELETE", f"/api/jobs/{job['id']}")).status == 403
    root, _ = await as_user("root", "superuser")
    assert (await root("DELETE", f"/api/jobs/{job['id']}")).json["status"] == "stopped"


async def test_exploring(call):
    uni = await call("GET", "/api/projects/p/explore?metric=uni&attributes=x,y")
    assert set(uni.json["values"]) == {"x", "y"}
    assert uni.json["values"]["y"]["mean"] == 3.0
    assert uni.json["contributions"][0]["rows"] == 4
    repeated = await call("GET", "/api/projects/p/explore?attributes=x&attributes=y")
    assert repeated.json["values"] == uni.json["values"]
    bi = await call("GET", "/api/projects/p/explore?metric=bi&attributes=x,y")
    assert "linCorr" in bi.json["values"]


async def test_every_metric_is_listed_and_asked_with_its_parameters(call, served):
    listed = (await call("GET", "/api/metrics")).json
    metrics = {metric["name"]: metric for metric in listed["metrics"]}
    assert metrics["ttestmu"]["parameters"][0]["name"] == "mu"
    assert metrics["anova"]["attributes"] == [1, None]
    assert "global" in {drift["name"] for drift in listed["drift"]}
    answer = await call("GET", "/api/projects/p/explore?metric=ttestmu&attributes=x&mu=2")
    assert set(answer.json["values"]["x"]) == {"t", "tp"}
    assert answer.json["parameters"] == {"mu": "2"}
    two = await call("GET", "/api/projects/p/explore?metric=ttest&attributes=x&targets=y")
    assert two.json["targets"] == ["y"]
    drift = await call("GET", "/api/projects/p/drift?baseline=p&metric=marginal_stat&attributes=x,y")
    assert set(drift.json["values"]) == {"driftScore", "x_drift", "y_drift"}
    assert drift.json["baseline_rows"] == drift.json["rows"] == 4
    for query in ("explore?metric=ttestmu&attributes=x&sigma=2", "explore?metric=ttestmu&mu=1&mu=2", "drift"):
        assert (await call("GET", f"/api/projects/p/{query}")).status == 400


async def test_models(call):
    body = {"name": "m", "algorithm": "mlr", "target": "y", "inputs": ["x"], "parameters": {}}
    made = await call("POST", "/api/projects/p/models", body)
    assert made.status == 201
    assert made.json["model"]["terms"] == ["(intercept)", "x"]
    assert [m["name"] for m in (await call("GET", "/api/projects/p/models")).json["models"]] == ["m"]
    assert (await call("GET", "/api/projects/p/models/m")).json == made.json
    table = {"names": ["x"], "rows": [[0.1], [None]]}
    predicted = await call("POST", "/api/projects/p/models/m/predict", table)
    intercept, slope = made.json["model"]["coef"]
    assert predicted.json["columns"]["res"][0] == pytest.approx(intercept + slope * 0.1, rel=1e-12)
    assert (await call("DELETE", "/api/projects/p/models/m")).json == {}
    assert (await call("GET", "/api/projects/p/models/m")).status == 404


async def test_metrics_count_by_template_and_name_nothing(call, served):
    await call("GET", "/api/projects/no-such-project")
    page = (await served.anonymous("GET", "/metrics")).text
    assert (
        'suffice_http_requests_total{method="GET",route="/api/projects/{project}",status="404"} 1.0' in page
    )
    assert 'suffice_http_refusals_total{code="not_found",dialect="native"} 1.0' in page
    assert "suffice_projects 1.0" in page and 'suffice_jobs{status="completed"}' in page
    assert "suffice_federation_members 0.0" in page
    assert "no-such-project" not in page and 'project="p"' not in page


async def test_the_access_log_has_no_secrets(served, caplog):
    caplog.set_level("INFO", logger="suffice.access")
    await served.native("GET", "/api/projects?token=hidden")
    await served.symetry("GET", "/projects/list?token=hidden")
    lines = [record.getMessage() for record in caplog.records if record.name == "suffice.access"]
    assert [line.split()[:3] for line in lines] == [
        ["GET", "/api/projects", "200"],
        ["GET", "/symetry/rest/{cid}/projects/list", "200"],
    ]
    assert all("admin" in line and "hidden" not in line for line in lines)
    assert served.node.first_key.secret_key not in caplog.text


async def test_a_filter_by_an_unknown_column_is_told_when_the_attributes_are(call, tmp_path):
    """A filter may name a column that is not learned, so a schema alone cannot refuse it; a file can."""
    given = {"attributes": [{"name": "x", "type": "C", "quantum": "1"}]}
    wrong = {"parameters": {"sml_project_predicate_row_filter": "x > 1; nope == 1"}}
    made = await call("POST", "/api/projects", {"name": "f", "schema": given} | wrong)
    assert made.status == 201 and "'nope', which is no attribute" in made.json["remarks"][0]
    learned = await call("POST", "/api/projects/f/learn", {"names": ["x"], "rows": [[2]]})
    assert learned.status == 400 and "'nope'" in learned.error["message"]
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,2\n")
    refused = await call("POST", "/api/projects", {"name": "q", "schema_from": {"path": str(path)}} | wrong)
    assert refused.status == 400 and "no column 'nope'" in refused.error["message"]
    assert (await call("GET", "/api/projects/q")).status == 404
