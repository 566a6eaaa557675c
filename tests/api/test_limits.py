"""Bodies are bounded in size, time and total, and refused before they are read; the loop goes on."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from api.bodies import LARGE, MAX_BODY, parse_json
from api.problems import Problem
from api.symetry.signing import content_md5

GIGABYTE = 2**30


async def raw(url: str, head: str, body: bytes = b"") -> bytes:
    """What the server answers to bytes on a socket, until it closes or says no more."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    answer += await reader.readexactly(length)
    writer.close()
    return answer


def headers(client) -> str:
    token = base64.b64encode(f"{client.key.access_key}:{client.key.secret_key}".encode()).decode()
    return f"Host: x\r\nAuthorization: Basic {token}\r\n"


async def test_a_gigabyte_is_refused_by_its_length_alone(served):
    head = f"POST /api/projects HTTP/1.1\r\n{headers(served.native)}Content-Length: {GIGABYTE}\r\n\r\n"
    answer = await raw(served.url, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "too_large"


async def test_a_client_that_asks_first_is_not_told_to_continue(served):
    head = (
        f"POST /api/projects HTTP/1.1\r\n{headers(served.native)}"
        f"Content-Length: {GIGABYTE}\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await raw(served.url, head)).startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_asks_first_is_told_to_continue_with_a_small_body(served):
    head = (
        f"POST /api/projects HTTP/1.1\r\n{headers(served.native)}"
        "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n"
    )
    place = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(head.encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b'{"name":"p"}')
    assert (await reader.readline()).startswith(b"HTTP/1.1 201 ")
    writer.close()


async def test_a_gigabyte_without_a_length_is_refused_by_counting(served):
    """It is really sent; the node's memory does not grow by more than the limit allows."""
    sent = 0

    async def endless():
        nonlocal sent
        chunk = b"x" * 2**20
        while sent < GIGABYTE:
            sent += len(chunk)
            yield chunk

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        answer = await served.native("POST", "/api/projects/p/learn", data=endless())
        assert (answer.status, answer.error["code"]) == (413, "too_large")
    except aiohttp.ClientError:
        pass  # the server has hung up on the rest before the client saw its answer
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 3 * MAX_BODY
    assert (await served.native("GET", "/healthz")).status == 200


async def test_symetry_says_it_in_its_envelope(served, iris):
    cid = served.symetry.key.access_key
    call = served.symetry
    answer = await call("POST", "/projects?pid=p")
    assert answer.status == 201
    head = (
        f"POST /symetry/rest/{cid}/projects/p/learn HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\n"
        f"sym-date: {datetime.now(UTC):%Y-%m-%d %H:%M:%S};1\r\nContent-Length: {GIGABYTE}\r\n\r\n"
    )
    answer = await raw(served.url, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.split(b"\r\n\r\n")[1])["statusCode"] == "REQUEST_ENTITY_TOO_LARGE"


async def test_nobody_makes_the_node_read_a_body_without_a_key(served):
    for path, status in (("/api/projects", 401), ("/symetry/rest/nobody/projects", 400)):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        assert (await raw(served.url, head)).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.fixture
async def narrow(served, small_bodies, app_of, make_native):
    """A second door to the same node, through which little fits."""
    async with (
        TestServer(app_of(served.node, bodies=small_bodies)) as server,
        make_native(str(server.make_url("")).rstrip("/"), served.node.first_key) as call,
    ):
        yield call, small_bodies


async def test_what_unpacks_to_more_than_fits_is_refused(narrow):
    call, _ = narrow
    packed = gzip.compress(b" " * 100_000)
    answer = await call("POST", "/api/projects", data=packed, headers={"Content-Encoding": "gzip"})
    assert len(packed) < 1000 and answer.status == 413


async def test_a_body_that_dawdles_is_refused(narrow):
    call, _ = narrow

    async def slow():
        yield b'{"name"'
        await asyncio.Event().wait()

    answer = await call("POST", "/api/projects", data=slow())
    assert (answer.status, answer.error["code"]) == (408, "timeout")


async def test_all_bodies_together_have_a_budget_that_is_given_back(narrow):
    call, bodies = narrow
    gate = asyncio.Event()

    async def held():
        yield b" " * 900
        await gate.wait()

    async def send():
        return (await call("POST", "/api/projects", data=held())).status

    bodies.seconds = 30.0
    tasks = [asyncio.create_task(send()) for _ in range(2)]
    while bodies.held < 1800:
        await asyncio.wait(tasks, timeout=0.01)
    answer = await call("POST", "/api/projects", data=b" " * 900)
    assert (answer.status, answer.error["code"]) == (503, "unavailable")
    gate.set()
    assert await asyncio.gather(*tasks) == [400, 400]
    assert bodies.held == 0


async def test_a_request_that_takes_too_long_is_refused(served, app_of, make_native, monkeypatch):
    monkeypatch.setattr(served.node.projects, "list", asyncio.Event().wait)
    async with (
        TestServer(app_of(served.node, request_seconds=0.1)) as server,
        make_native(str(server.make_url("")).rstrip("/"), served.node.first_key) as call,
    ):
        answer = await call("GET", "/api/projects")
        assert (answer.status, answer.error["code"]) == (503, "timeout")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As if the disk were full beyond this many bytes of a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_full_disk_is_named_and_nothing_is_half_written(served):
    attributes = [{"name": f"{at:0200}", "type": "B"} for at in range(4000)]
    project = {"name": "p", "schema": {"attributes": attributes}}
    with files_of_at_most(2**19):
        answer = await served.native("POST", "/api/projects", project)
    assert answer.status == 503
    assert "nothing was committed" in answer.error["message"]
    assert "INSERT" not in answer.error["message"]
    assert "disk" in answer.error["remedy"]
    assert (await served.native("GET", "/api/projects/p")).status == 404
    assert (await served.native("POST", "/api/projects", project)).status == 201


async def test_the_unforeseen_is_an_incident_without_a_trace(served, monkeypatch, caplog):
    async def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(served.node.projects, "list", broken)
    native = await served.native("GET", "/api/projects")
    symetry = await served.symetry("GET", "/projects/list")
    assert native.error["code"] == "internal"
    assert symetry.json["statusCode"] == "INTERNAL_SERVER_ERROR"
    for answer in (native, symetry):
        assert answer.status == 500
        assert "secret detail" not in answer.text and "Traceback" not in answer.text
        incident = answer.text.split("incident ")[1][:12]
        assert f"incident {incident}" in caplog.text
    assert "secret detail" in caplog.text


async def test_a_large_table_does_not_hold_up_the_loop():
    """While megabytes are parsed, the loop is late by a few milliseconds at most, not by the whole parse."""
    body = json.dumps({"data": [[str(i), i * 0.5] for i in range(100_000)]}).encode()
    assert len(body) > 20 * LARGE
    lags: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    parsed = await parse_json(body)
    watcher.cancel()
    assert parsed == json.loads(body)
    assert len(lags) > 5 and sorted(lags)[len(lags) // 2] < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '[1, [2, {"a": []}], "x"]',
        '{"a": {"b": [1, [2], {"c": 3}], "d": {}}, "e" : null }',
        '"text"',
    ],
)
async def test_a_large_document_is_read_as_a_small_one(text):
    padded = (text + " " * LARGE).encode()
    assert await parse_json(padded) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["{", "[1,", "[1 2]", '{"a" 1}', '{"a": 1,}', "{1: 2}", "[] []", '{"a": NaN}']
)
async def test_a_large_document_is_refused_as_a_small_one(text):
    for body in (text.encode(), (" " * LARGE + text).encode()):
        with pytest.raises(Problem, match="not JSON"):
            await parse_json(body)


def test_md5_is_what_the_header_says():
    assert content_md5(b"") == "1B2M2Y8AsgTpgAmY7PhCfg=="
