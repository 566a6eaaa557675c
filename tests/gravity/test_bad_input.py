"""Nothing that a client sends is a 500, nor leaves anything behind: it gets the envelope, and a reason."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FILE = "x,y\n1,1\n"
RULE = {"source": "x", "destination": "x"}

BAD_DATA: list[tuple[str, str]] = [
    ("", "not JSON"),
    ("[]", "not a JSON object"),
    ("null", "not a JSON object"),
    ('{"mimeType": ', "not JSON"),
    ("{}", "mimeType"),
    ('{"mimeType": 7}', "mimeType"),
    ('{"mimeType": "text/csv; header=perhaps"}', "header"),
    ('{"mimeType": "nonsense"}', "mime type"),
    ('{"mimeType": "image/png"}', "the model takes records"),
    ('{"mimeType": "text/csv\\u0000"}', "NUL"),
    ('{"mimeType": "text/csv", "version": "9.9.9"}', "9.9.9"),
    ('{"mimeType": "text/csv", "version": "\\u0000"}', "NUL"),
    ('{"mimeType": "text/csv", "version": 1}', "version"),
    ('{"mimeType": "text/csv", "name": "a\\u0000b"}', "NUL"),
    ('{"mimeType": "text/csv", "name": "\\ud800"}', "UTF-8"),
    ('{"mimeType": "text/csv", "name": {"deep": []}}', "name"),
    (json.dumps({"mimeType": "text/csv", "name": "n" * 501}), "name"),
    ('{"mimeType": "text/csv", "mapping": {}}', "mapping"),
    ('{"mimeType": "text/csv", "mapping": [7]}', "mapping[0]"),
    ('{"mimeType": "text/csv", "mapping": [{"source": "x"}]}', "mapping[0]"),
    (json.dumps({"mimeType": "text/csv", "mapping": [RULE, RULE | {"destination": "w"}]}), "mapping[1]"),
    (json.dumps({"mimeType": "text/csv", "mapping": [RULE | {"source": "x[3+2-1]"}]}), "mapping[0]"),
    (json.dumps({"mimeType": "text/csv", "mapping": [RULE | {"defaultValue": "much"}]}), "mapping[0]"),
    (json.dumps({"mimeType": "text/csv", "mapping": [RULE | {"defaultValue": 9**99}]}), "mapping[0]"),
    (json.dumps({"mimeType": "text/csv", "outputMapping": [RULE]}), "outputMapping[0]"),
    ("[" * 100_000, "nested too deeply"),
    ('{"mimeType": "text/csv", "n": ' + "9" * 5000 + "}", "not JSON"),
]

BAD_FILES: list[tuple[bytes, str]] = [
    (b"", "header"),
    (b"a,b\n1,2\n", "x"),
    (b"x,y\n1\n", "record 1"),
    (b"x,y\n\xff\xfe,1\n", "UTF-8"),
    (b'x,y\n"1,2\n', ""),
    (b"x,x\n1,2\n", "2 columns 'x'"),
]


@pytest.fixture
async def quiet(served: Any) -> Any:
    """A node after which nothing has changed: no job, no file, no cost, and no incident."""
    yield served
    assert (await served.client("GET", "/api/v1/jobs/latest")).data == []
    assert served.node.files.used == 0
    assert (await served.native.ok("GET", "/api/usage"))["usage"] == []


async def test_a_submission_that_cannot_be_is_refused_and_leaves_nothing(quiet: Any, submission: Any) -> None:
    for data, words in BAD_DATA:
        answer = await quiet.client("POST", "/api/v1/jobs", submission(data, FILE))
        assert answer.status == 400, (data[:80], answer)
        assert words in answer.error, (data[:80], answer.error)
    for file, words in BAD_FILES:
        answer = await quiet.client.post(file)
        assert answer.status == 400, (file, answer)
        assert words in answer.error, (file, answer.error)
    answer = await quiet.client.post('[{"x": 1, "y": 2}, 7]', "x.json", "application/json")
    assert answer.status == 400 and "record 2" in answer.error


async def test_a_form_that_cannot_be_is_refused_and_leaves_nothing(quiet: Any) -> None:
    post = {"method": "POST", "path": "/api/v1/jobs"}
    data = json.dumps({"mimeType": "text/csv"})

    def form(*parts: tuple[str, str, str | None]) -> aiohttp.FormData:
        made = aiohttp.FormData()
        for name, text, file in parts:
            made.add_field(name, io.BytesIO(text.encode()), filename=file)
        return made

    for parts, words in (
        ((("data", data, "d"),), "'file'"),
        ((("file", FILE, "f"),), "'data'"),
        ((("other", FILE, "f"),), "'data'"),
        ((("data", data, "d"), ("data", data, "d"), ("file", FILE, "f")), "two parts"),
        ((("data", data, "d"), ("file", FILE, "f"), ("file", FILE, "f")), "two parts"),
        ((("data", data, "d"), ("file", FILE, "f" * 300)), "name"),
    ):
        answer = await quiet.client(body=form(*parts), **post)
        assert answer.status == 400 and words in answer.error, (words, answer)
    for kind, body in (
        ("application/json", data.encode()),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n{'),
        ("text/plain", b"x"),
    ):
        answer = await quiet.client(body=body, headers={"Content-Type": kind}, **post)
        assert answer.status == 400 and answer.error, (kind, answer)
    large = form(("data", "x" * (2**20 + 1), "d"), ("file", FILE, "f"))
    assert (await quiet.client(body=large, **post)).status == 413
    many = form(*[(f"p{n}", "", "f") for n in range(40)])
    assert (await quiet.client(body=many, **post)).status == 413


async def test_keys_paths_and_methods_that_cannot_be_are_refused(quiet: Any, holder: Any) -> None:
    for key in (
        None,
        "",
        "x",
        "GAI-",
        "GAI-aaaaaaaa.bbbbbbbbbbbbbbbbbbbb",
        quiet.client.key + "x",
        "GAI-é.ü" * 9,
    ):
        answer = await holder(key)("GET", "/api/v1/jobs/latest")
        assert answer.status == 401 and "x-api-key" in answer.error
    some = "59015703-de7f-4e92-9451-6b08210fbb16"
    for job in (some, "x", "59015703", some.replace("-", "") + "0", "%00", "..%2f..", "é", "9" * 3000):
        for method, path, body in (
            ("GET", f"/api/v1/jobs/{job}", None),
            ("PUT", f"/api/v1/jobs/{job}", {"name": "n"}),
            ("GET", f"/api/v1/jobs/result-link/{job}", None),
        ):
            answer = await quiet.client(method, path, body)
            assert answer.status in (400, 404) and answer.error, (method, path[:60], answer)
    for method, path, status in (
        ("DELETE", "/api/v1/jobs", 405),
        ("GET", "/api/v1/nonsense", 404),
        ("POST", f"/api/v1/jobs/{some}", 405),
    ):
        answer = await quiet.client(method, path)
        assert answer.status == status and answer.error


async def test_a_name_that_cannot_be_is_refused(served: Any) -> None:
    job = (await served.client.post(FILE)).data["id"]
    path = f"/api/v1/jobs/{job}"
    for body in (
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"name": 7}',
        b'{"name": "\\u0000"}',
        b'{"name": "\\udfff"}',
        b"\xff",
    ):
        answer = await served.client("PUT", path, body)
        assert answer.status == 400 and answer.error, body
    assert (await served.client("PUT", path, {"name": "n" * 501})).status == 400
    assert (await served.client("GET", path)).data["name"] == "example.csv"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.fixed_dictionaries(
        {"mimeType": st.just("text/csv") | json_values},
        optional=dict.fromkeys(
            ("version", "name", "jobName", "mapping", "outputMapping", "groupId"), json_values
        ),
    ),
    file=st.binary(max_size=30),
)
async def test_whatever_is_submitted_gets_the_envelope(
    served: Any, submission: Any, data: Any, file: bytes
) -> None:
    answer = await served.client("POST", "/api/v1/jobs", submission(json.dumps(data), file))
    assert answer.status in (200, 400), answer
    assert set(answer.json) == {"data", "isError", "errorMessage"}
    assert answer.json["isError"] is (answer.status != 200)


async def test_a_file_for_which_there_is_no_room_is_refused(serve: Any, tmp_path: Any) -> None:
    async with serve(tmp_path / "home", files_quota=4000) as served:
        answer = await served.client.post("x,y\n" + "1,1\n" * 2000)
        assert answer.status == 507 and "quota" in answer.error
        assert served.node.files.used == 0
        assert (await served.client.post(FILE)).data["status"] == "success"
        full = (await served.client.post("x,y\n" + "1,1\n" * 700)).data  # its output would not fit
        assert full["status"] == "error" and "quota" in full["errorMessage"]


async def test_who_goes_away_in_the_middle_leaves_nothing_and_is_no_incident(quiet: Any, caplog: Any) -> None:
    part = (
        b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"mimeType": "text/csv"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx,y\n1,1\n'
    )
    head = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: node\r\nx-api-key: {quiet.client.key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(part) + 100}\r\n\r\n"
    )
    incoming = quiet.node.config.home / "files" / "incoming"
    host, port = quiet.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + part)
    async with asyncio.timeout(20):
        while not any(incoming.iterdir()):
            await quiet.client("GET", "/api/v1/jobs/latest")
        writer.close()
        while any(incoming.iterdir()):
            await quiet.client("GET", "/api/v1/jobs/latest")
    await quiet.client("GET", "/api/v1/jobs/latest")
    assert "incident" not in caplog.text


async def test_few_files_are_looked_at_at_once(served: Any, monkeypatch: Any) -> None:
    from node.deployments import jobs

    at_once, most = 0, 0
    lock, inspect = threading.Lock(), jobs.inspect_file

    def counted(*given: Any) -> int:
        nonlocal at_once, most
        with lock:
            at_once, most = at_once + 1, max(most, at_once + 1)
        try:
            return inspect(*given)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(jobs, "inspect_file", counted)
    answers = await asyncio.gather(*(served.client.post("x,y\n" + "1,1\n" * 20_000) for _ in range(8)))
    assert {answer.data["status"] for answer in answers} == {"success"}
    assert most <= jobs.INSPECTED
