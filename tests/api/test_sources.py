"""Named data sources over HTTP: the native calls, and SymetryML's."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from api.symetry.encryption import decrypt, encrypt

ROWS = [(f"W{at % 4}", at, round(at * 0.5 + at % 3, 1), at % 2) for at in range(60)]
NAMES = ["ward", "age", "cost", "ill"]
TEXT = ",".join(NAMES) + "\n" + "".join(f"{w},{a},{c},{i}\n" for w, a, c, i in ROWS)
HEADING = {"attributeNames": NAMES, "attributeTypes": ["T", "C", "C", "B"], "data": []}
CONTEXT = {"targetAttributeNames": ["ill"], "inputAttributeNames": ["age", "cost"]}


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    path = tmp_path / "visits.csv"
    path.write_text(TEXT)
    return path


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    """A web server that has the file for who knows a password, and speaks enough of S3's protocol."""

    async def web_file(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:hush").decode():
            return web.Response(status=401, text="who are you, me:hush?")
        return web.Response(text=TEXT, content_type="text/csv")

    async def s3_object(request: web.Request) -> web.Response:
        if "AWS4-HMAC-SHA256 Credential=AK/" not in request.headers.get("Authorization", ""):
            return web.Response(status=403)
        data = TEXT.encode()
        headers = {"Accept-Ranges": "bytes", "Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT", "ETag": '"1"'}
        found = request.http_range
        if request.method == "GET" and found.start is not None:
            part = data[found]
            start = found.start
            headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
            return web.Response(status=206, body=part, headers=headers)
        return web.Response(body=data, headers=headers)

    app = web.Application()
    app.router.add_get("/export", web_file)
    app.router.add_get("/bucket/wards/visits.csv", s3_object)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
def places(visits: Path, tmp_path: Path, elsewhere: str) -> dict[str, dict[str, Any]]:
    """The same rows in each kind of place."""
    database = tmp_path / "visits.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table visits (ward text, age int, cost real, ill int)")
        connection.executemany("insert into visits values (?, ?, ?, ?)", ROWS)
    connection.close()
    keys = {"s3accessKey": "AK", "s3secretKey": "hush", "s3endpoint": f"http://{elsewhere}"}
    return {
        "localfile": {"path": str(visits)},
        "http": {"path": f"http://me:hush@{elsewhere}/export?token=hush"},
        "s3": {"path": "wards/visits.csv", "s3bucket": "bucket", **keys},
        "sql": {"url": f"sqlite:///{database}", "query": "select * from visits"},
        "jdbc": {
            "driver": "org.sqlite.JDBC",
            "database": str(database),
            "path": "visits",
            "password": "hush",
        },
    }


async def test_a_project_learns_the_same_from_every_kind_of_place(served, places):
    call = served.native
    digests = set()
    for kind, info in places.items():
        made = await call("POST", "/api/sources", {"name": kind, "type": kind, "info": info})
        assert made.status == 201, made.text
        await call("POST", "/api/projects", {"name": kind})
        job = await call.finished((await call("POST", f"/api/projects/{kind}/learn", {"source": kind})).json)
        assert (job["status"], job["result"] and job["result"]["rows"]) == ("completed", 60), job["error"]
        digests.add(job["result"]["digest"])
        everything = json.dumps([job, made.json, (await call("GET", "/api/sources")).json])
        assert "hush" not in everything
    assert len(digests) == 1
    shown = {item["name"]: item["info"] for item in (await call("GET", "/api/sources")).json["sources"]}
    assert shown["s3"]["s3secretKey"] == shown["jdbc"]["password"] == "***"
    assert shown["http"]["path"].startswith("http://me:***@") and shown["http"]["path"].endswith("?***")
    assert not list((served.node.config.workers_folder / "1").iterdir())


async def test_a_source_s_life(served, visits, places):
    call = served.native
    body = {"name": "v", "type": "http", "info": places["http"]}
    await call("POST", "/api/sources", body)
    assert (await call("POST", "/api/sources", body)).error["code"] == "already_exists"
    told = (await call("GET", "/api/sources/v")).json
    back = await call("PUT", "/api/sources/v", {"type": "http", "info": told["info"]})
    assert back.status == 200
    sample = (await call("GET", "/api/sources/v/sample")).json  # its secrets are still known
    assert (sample["names"], sample["types"], len(sample["rows"])) == (NAMES, ["T", "C", "C", "B"], 60)
    assert sample["rows"][1] == ["W1", "1", "1.5", "1"]
    await call("PUT", "/api/sources/v", {"type": "localfile", "info": {"path": str(visits)}})
    assert (await call("GET", "/api/sources/v")).json["type"] == "localfile"
    await call("POST", "/api/projects", {"name": "p"})
    assert (await call("PUT", "/api/projects/p/sources/v")).status == 200
    assert (await call("GET", "/api/sources/v")).json["used_by"] == ["p"]
    assert (await call("DELETE", "/api/sources/v")).error["code"] == "in_use"
    assert (await call("DELETE", "/api/projects/p/sources/v")).json == {}
    assert (await call("DELETE", "/api/projects/p/sources/v")).status == 404
    assert (await call("DELETE", "/api/sources/v")).json == {}
    assert (await call("GET", "/api/sources/v/sample")).status == 404
    assert (await call("POST", "/api/projects/p/learn", {"source": "v"})).status == 404


@pytest.mark.parametrize(
    ("kind", "info", "said"),
    [
        ("sftp", {"path": "/x"}, "use one of localfile, http, s3, sql, jdbc"),
        ("sparks3_map_reduce_4_1_0", {}, "not available on this node"),
        ("localfile", {}, "needs 'path'"),
        ("localfile", {"path": "x.csv"}, "not an absolute path"),
        ("localfile", {"path": "/x.csv", "shared": "1"}, "has no 'shared'"),
        ("localfile", {"path": "/x.csv", "csv_header_missing": "true"}, "a heading"),
        ("localfile", {"path": "/x.csv", "csv_entry_separator": "::"}, "one character"),
        ("localfile", {"path": "/x.csv", "format": "xlsx"}, "csv or parquet"),
        ("http", {"path": "file:///etc/passwd"}, "an address"),
        ("http", {"path": "http://[x"}, "an address"),
        ("s3", {"path": "x", "s3bucket": "b", "s3accessKey": "k"}, "belong together"),
        ("s3", {"path": "x", "s3bucket": "b", "s3endpoint": "nowhere"}, "an address"),
        ("sql", {"url": "nothing", "table": "t"}, "address of a database"),
        ("sql", {"url": "cobol://x/y", "table": "t"}, "no driver for 'cobol'"),
        ("sql", {"url": "sqlite:////x.db"}, "one of table and query"),
        ("jdbc", {"driver": "com.ibm.db2", "database": "d", "table": "t"}, "com.ibm.db2"),
        ("jdbc", {"driver": "sqlite", "database": "d", "table": "t", "port": "x"}, "port 'x'"),
    ],
)  # fmt: skip
async def test_what_is_no_place_is_refused(served, kind, info, said):
    made = await served.native("POST", "/api/sources", {"name": "x", "type": kind, "info": info})
    assert made.status == 400, made.text
    assert said in made.error["message"] + " " + made.error["remedy"]
    assert (await served.native("GET", "/api/sources")).json == {"sources": []}


async def test_a_place_that_cannot_be_read_says_so_without_its_secrets(served, places, elsewhere, tmp_path):
    call = served.native
    wrong = {
        "http": {"path": f"http://me:hushhush@{elsewhere}/export"},
        "gone": {"path": "http://me:hushhush@127.0.0.1:1/x.csv"},
        "s3": {**places["s3"], "s3accessKey": "nobody", "s3secretKey": "hushhush"},
        "sql": {"url": f"sqlite:///{tmp_path / 'visits.db'}", "table": "nothing"},
        "none": {"url": f"sqlite:///{tmp_path / 'none.db'}", "table": "t"},
        "write": {"url": f"sqlite:///{tmp_path / 'visits.db'}", "query": "delete from visits"},
        "jdbc": {**places["jdbc"], "path": "nothing", "password": "hushhush"},
        "localfile": {"path": str(tmp_path / "none.csv")},
    }
    kinds = {"gone": "http", "none": "sql", "write": "sql"}
    await call("POST", "/api/projects", {"name": "p"})
    for name, info in wrong.items():
        await call("POST", "/api/sources", {"name": name, "type": kinds.get(name, name), "info": info})
        job = await call.finished((await call("POST", "/api/projects/p/learn", {"source": name})).json)
        assert job["status"] == "failed" and job["error"], job
        answer = await call("GET", f"/api/sources/{name}/sample")
        assert answer.status == 400, answer.text
        assert "hush" not in json.dumps(job) + answer.text
    assert not (tmp_path / "none.db").exists()
    with sqlite3.connect(tmp_path / "visits.db") as connection:
        assert connection.execute("select count(*) from visits").fetchone() == (60,)
    connection.close()


async def test_only_who_may_read_files_may_name_and_read_sources(served, as_user, places):
    native, symetry = await as_user("someone", "user")
    body = {"name": "v", "type": "localfile", "info": places["localfile"]}
    assert (await native("POST", "/api/sources", body)).status == 403
    await served.native("POST", "/api/sources", body)
    await served.native("POST", "/api/projects", {"name": "p"})
    assert (await native("GET", "/api/sources/v")).status == 200
    assert (await native("GET", "/api/sources/v/sample")).status == 403
    assert (await native("POST", "/api/projects/p/learn", {"source": "v"})).status == 403
    assert (await symetry("POST", "/projects/p/dss/v/learn", HEADING)).status == 401


async def test_a_file_may_be_separated_by_what_its_source_says(served, tmp_path):
    path = tmp_path / "semicolons.csv"
    path.write_text("a;b\n1;x\n2;y\n")
    body = {"name": "s", "type": "localfile", "info": {"path": str(path), "csv_entry_separator": ";"}}
    await served.native("POST", "/api/sources", body)
    sample = (await served.native("GET", "/api/sources/s/sample")).json
    assert (sample["names"], sample["rows"]) == (["a", "b"], [["1", "x"], ["2", "y"]])


async def test_texts_of_a_database_keep_to_their_row(served, tmp_path):
    database = tmp_path / "notes.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table notes (note text, x real, at timestamp, raw blob)")
        rows = [('two\nlines, "quoted"', 1.5, "2013-01-31 10:00:00", b"\x01"), (None, None, None, None)]
        connection.executemany("insert into notes values (?, ?, ?, ?)", rows)
    connection.close()
    body = {"type": "sql", "info": {"url": f"sqlite:///{database}", "table": "notes"}}
    found = (await served.native("POST", "/api/sources/preview", body)).json
    assert found["rows"] == [['two lines, "quoted"', "1.5", "2013-01-31 10:00:00", "01"], ["", "", "", ""]]


async def test_a_selection_an_assessment_a_prediction_and_a_schema_name_sources(served, visits, tmp_path):
    call = served.native
    for name, path in (("v", visits), ("out", tmp_path / "out.csv"), ("flags", tmp_path / "flags.csv")):
        body = {"name": name, "type": "localfile", "info": {"path": str(path)}}
        await call("POST", "/api/sources", body)
    made = await call("POST", "/api/projects", {"name": "p", "schema_from": {"source": "v"}})
    assert [item["name"] for item in made.json["attributes"]] == NAMES
    await call.finished((await call("POST", "/api/projects/p/learn", {"source": "v"})).json)
    asked = {"model": "m", "target": "cost", "inputs": ["age", "ill"], "algorithm": "mlr", "source": "v"}
    done = await call.finished((await call("POST", "/api/projects/p/select", asked)).json)
    assert done["status"] == "completed", done["error"]
    done = await call.finished(
        (await call("POST", "/api/projects/p/assess", {"model": "m", "source": "v"})).json
    )
    assert done["result"]["assessment"]["rows"] == 60
    body = {"source": "v", "output_source": "out"}
    done = await call.finished((await call("POST", "/api/projects/p/models/m/predict", body)).json)
    assert done["result"]["output"] == str(tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 61
    both = await call("POST", "/api/projects/p/learn", {"source": "v", "path": str(visits)})
    assert both.status == 400 and "Both a path and a source" in both.error["message"]


async def test_symetry_s_sources(served, places, visits):
    call, secret = served.symetry, base64.b64decode(served.symetry.key.secret_key)
    cid = call.key.access_key

    def sealed(entity: dict[str, Any]) -> bytes:
        return encrypt(secret, json.dumps(entity)).encode()

    s3 = {"type": "s3", "name": "v", "info": places["s3"], "extra": {}}
    made = await call("POST", "/dss/create", sealed(s3))
    assert (made.status, made.json["statusCode"]) == (201, "CREATED")
    assert made.json["statusString"] == f"DS created with name [v] for customer [{cid}]"
    assert (await call("POST", "/dss/create", sealed(s3))).status == 409
    assert (await call("GET", "/dss/")).json["values"] == {"stringList": {"values": ["v:s3"]}}
    told = json.loads(decrypt(secret, (await call("GET", "/dss/v")).json["values"]["dsinfo"]))
    assert (told["type"], told["name"], told["info"]["s3secretKey"]) == ("s3", "v", "***")
    assert (await call("PUT", "/dss/v", sealed(told))).status == 200
    assert (await call("PUT", "/dss/none", sealed(told))).status == 404
    frame = (await call("GET", "/dss/v/sample")).json["values"]["dataframe"]
    assert (frame["attributeNames"], frame["attributeTypes"]) == (NAMES, ["T", "C", "C", "B"])
    assert (len(frame["data"]), frame["data"][0]) == (60, ["W0", "0", "0.0", "0"])
    preview = await call("POST", "/dss/sample/preview", sealed({"type": "sql", "info": places["sql"]}))
    assert preview.json["values"]["dataframe"] == frame
    listing = {"type": "localfile", "path": str(visits.parent), "info": {}}
    found = (await call("POST", "/projects/dsbrowse", sealed(listing))).json["values"]["dsdirectoryListing"]
    assert found["ok"] and "visits.csv" in found["files"] and "home" in found["dirs"]
    assert (await call("POST", "/projects/dsbrowse", sealed(listing | {"path": "/none"}))).status == 400
    assert (await call("DELETE", "/dss/none")).status == 400
    assert (await call("DELETE", "/dss/v")).status == 200


async def test_symetry_s_projects_learn_and_forget_sources(served, visits):
    call = served.symetry
    info = {"path": str(visits)}
    await call("POST", "/dss/create", {"type": "localfile", "name": "v", "info": info})
    await call("POST", "/projects?pid=p")
    attached = await call("GET", "/projects/p/addds/v")
    assert attached.json["values"]["smlInfo"]["dsList"] == ["v"]
    assert (await call("DELETE", "/dss/v")).status == 409
    learned = await call.finished(await call("POST", "/projects/p/dss/v/learn", HEADING))
    assert learned.json["values"]["smlInfo"]["attributeTypes"] == ["T", "C", "C", "B"]
    await call.finished(await call("GET", "/projects/p/dss/v/learn"))
    assert (await served.native("GET", "/api/projects/p")).json["rows"] == 120
    await call.finished(await call("POST", "/projects/p/dss/v/forget", HEADING))
    assert (await served.native("GET", "/api/projects/p")).json["rows"] == 60
    rows = await call("POST", "/projects/p/dss/v/learn", HEADING | {"data": [["W0", "1", "1", "1"]]})
    assert rows.status == 400 and "heading alone" in rows.json["statusString"]
    assert (await call("POST", "/projects/p/dss/none/learn", HEADING)).status == 400
    detached = await call("GET", "/projects/p/detachds/v")
    assert detached.json["values"]["smlInfo"]["dsList"] == []


async def test_symetry_s_selections_and_predictions_name_sources(served, visits, tmp_path):
    call = served.symetry
    for name, path in (("v", visits), ("out", tmp_path / "out.csv")):
        await call("POST", "/dss/create", {"type": "localfile", "name": name, "info": {"path": str(path)}})
    await call("POST", "/projects?pid=p")
    await call.finished(await call("POST", "/projects/p/dss/v/learn", HEADING))
    started = await call("POST", "/projects/p/selectModel/v?modelid=m&algo=lda", CONTEXT)
    assert started.json["statusString"] == "SelectModel Job Created"
    details = (await call.finished(started)).json["values"]["jobinfo"]["details"]
    assert (details["dsid"], details["algo"]) == ("v", "lda")
    started = await call("POST", "/projects/p/autoSelect/v?modelid=n&task=binary_classifier", CONTEXT)
    job = (await call.finished(started)).json["values"]["jobinfo"]
    assert (job["jobType"], job["details"]["dsid"]) == ("AutoSelectJob", "v")
    assert (
        await call("POST", "/projects/p/autoSelect/none?modelid=n&task=regression", CONTEXT)
    ).status == 400
    done = await call.finished(await call("POST", "/projects/p/dss/predict/m?indsname=v&outdsname=out"))
    frame = done.json["values"]["dataframe"]
    assert frame["attributeNames"][:4] == NAMES and "res_Result" in frame["attributeNames"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 61
    again = await call("POST", "/projects/p/dss/predict/m?indsname=v&outdsname=out")
    assert again.status == 400 and "exists already" in again.json["statusString"]
    assert (await call("POST", "/projects/p/dss/predict/m?indsname=v&outdsname=none")).status == 400
