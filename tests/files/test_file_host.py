"""The file host over HTTP: what goes in comes out, whatever its name; what is not allowed changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.file_store import OwnPath

MIB = 2**20


async def test_what_is_uploaded_can_be_read_and_deleted(host: Any) -> None:
    assert (await host.post(("p/task.1/artifacts/a.csv", b"x,y\n1,2\n"))).json == ["p/task.1/artifacts/a.csv"]
    got = await host("GET", "/p/task.1/artifacts/a.csv")
    assert (got.status, got.body) == (200, b"x,y\n1,2\n")
    assert got.headers["Content-Type"] == "text/csv"
    assert got.headers["Content-Length"] == "8"
    assert (await host("DELETE", "/p/task.1/artifacts/a.csv")).json == "p/task.1/artifacts/a.csv"
    assert (await host("GET", "/p/task.1/artifacts/a.csv")).status == 404
    assert host.contents() == set()


async def test_what_is_gone_may_be_deleted_again(host: Any) -> None:
    """A client deletes a task, with which the node deletes its files, and then the files one by one."""
    assert (await host("DELETE", "/p/task.1/artifacts/a.csv")).json == "p/task.1/artifacts/a.csv"


async def test_what_is_the_nodes_own_is_not_there_for_clients(host: Any, store_files: Any) -> None:
    await store_files(host.node.files, (OwnPath("a", "b"), b"private"))
    for path in ("/.node/a/b", "//.node//a/b", "/./.node/a/b", "/%2Enode/a/b"):
        for method in ("GET", "HEAD", "DELETE"):
            assert (await host(method, path)).status == 404, path
    for name in (".node/a/b", ".node/a", ".node", f"{host.url}/.node/a/b", f"{host.url}/%2Enode/a"):
        answer = await host("POST", "/delete_many", json.dumps({"files": [name]}).encode())
        assert answer.json["deleted"] == {}
        assert list(answer.json["errors"].values()) == [[name]]
    assert (await host.post((".node/a/b", b"forged"))).status == 404
    assert (await host.node.files.find(OwnPath("a", "b"))).size == len(b"private")
    assert (await host.post((".node.csv", b"1"))).status == 200


async def test_every_reply_closes_its_connection(host: Any) -> None:
    await host.post(("a", b"1"))
    replies = [
        await host("GET", "/"),
        await host("GET", "/a"),
        await host("HEAD", "/a"),
        await host("GET", "/none"),
        await host("PUT", "/a"),
        await host.post(("b", b"")),
    ]
    assert [reply.headers["Connection"] for reply in replies] == ["close"] * 6
    assert [reply.status for reply in replies] == [200, 200, 200, 404, 405, 200]
    assert replies[0].text == "OK"


async def test_nobody_gets_in_without_a_key_and_a_reader_writes_nothing(host: Any, as_role: Any) -> None:
    await host.post(("a", b"1"))
    stranger = type(host)(host.node, host.url, host.session)
    refused = [
        await stranger.post(("b", b"2")),
        await stranger("GET", "/a"),
        await stranger("DELETE", "/a"),
        await stranger("POST", "/delete_many", b'{"files": ["a"]}'),
    ]
    assert [reply.status for reply in refused] == [401] * 4
    reader = await as_role("annotator")
    assert (await reader("GET", "/a")).body == b"1"
    assert (await reader.post(("b", b"2"))).status == 403
    assert (await reader("DELETE", "/a")).status == 403
    foreign = await host.post(("b", b"2"), Origin="http://elsewhere.example")
    assert foreign.status == 403
    assert await host.node.files.count() == 1


async def test_pages_elsewhere_may_ask_with_a_token(host: Any) -> None:
    await host.post(("a", b"12"))
    page = {"Origin": "http://web.example", "Access_Control_Request_Headers": "authorization,range"}
    stranger = type(host)(host.node, host.url, host.session)
    for path in ("/", "/a", "/delete_many"):
        allowed = await stranger("OPTIONS", path, **page)
        assert (allowed.status, allowed.headers["Connection"]) == (200, "close")
        assert allowed.headers["Access-Control-Allow-Origin"] == "*"
        assert "DELETE" in allowed.headers["Access-Control-Allow-Methods"]
        assert allowed.headers["Access-Control-Allow-Headers"] == "authorization,range"
    key, sessions = host.node.first_key, host.node.sessions
    token = sessions.token(sessions.by_key(key.access_key, key.secret_key, None), 60, {})
    bearer = type(host)(host.node, host.url, host.session, {"Authorization": f"Bearer {token}"})
    read = await bearer("GET", "/a", Origin="http://web.example", Range="bytes=0-0")
    assert (read.status, read.body, read.headers["Access-Control-Allow-Origin"]) == (206, b"1", "*")
    assert "Content-Range" in read.headers["Access-Control-Expose-Headers"]
    refused = await stranger("GET", "/a", Origin="http://web.example")
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


async def test_a_token_opens_it_as_a_key_does_and_ends_with_it(host: Any) -> None:
    sessions = host.node.sessions
    key = await host.node.keys.create("ada", "user")
    token = sessions.token(sessions.by_key(key.access_key, key.secret_key, None), 60, {})
    bearer = type(host)(host.node, host.url, host.session, {"Authorization": f"Bearer {token}"})
    assert (await bearer.post(("a", b"1"))).status == 200
    assert (await host.node.files.find("a")).owner == "ada"
    browser = type(host)(host.node, host.url, host.session, {"Cookie": f"clearml_token_basic={token}"})
    assert (await browser("GET", "/a")).body == b"1"
    assert (await browser("GET", "/a", Sec_Fetch_Site="same-site")).body == b"1"  # a picture in a page
    assert (await browser("DELETE", "/a", Sec_Fetch_Site="same-site")).status == 401
    assert (await browser("DELETE", "/a", Origin="http://elsewhere.example")).status == 401
    assert (await browser("DELETE", "/a", Authorization="Bearer nonsense")).status == 401
    await host.node.keys.revoke(key.access_key)
    assert (await bearer("GET", "/a")).status == 401
    assert (await browser("GET", "/a")).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "naïve Übung/模型 №1.bin",
        "100% sure #1+2=3; a&b?c",
        'quo"ted\\back',
        "%41%2F%252e",
        "😀/\u202eevil",
        " leading and trailing ",
        "a" * 2048,
        "line\nbreak",
    ],
)
async def test_any_character_may_be_in_a_path(host: Any, path: str) -> None:
    assert (await host.post((path, path.encode()))).json == [path]
    assert (await host("GET", "/" + quote(path))).body == path.encode()
    assert (await host("HEAD", "/" + quote(path, safe=""))).status == 200
    saved = await host("GET", f"/{quote(path)}?download")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename")
    assert (await host("DELETE", "/" + quote(path))).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "a/../../outside",
        "/../outside",
        "..",
        "%2e%2e/outside",
        "%2e%2e%2foutside",
        "a/%2e%2e/b",
    ],
)
async def test_no_path_climbs_out(host: Any, path: str) -> None:
    (host.home / "outside").write_text("secret")
    decoded = path.replace("%2e", ".").replace("%2f", "/")
    assert (await host.post((decoded, b"x"))).status == 404
    assert (await host("GET", "/" + path)).status == 404
    assert (await host("DELETE", "/" + path)).status == 404
    many = await host("POST", "/delete_many", json.dumps({"files": [path]}).encode())
    assert many.json["deleted"] == {}
    assert (host.home / "outside").read_text() == "secret"
    assert host.contents() == set()


async def test_an_absolute_path_is_below_the_root_like_any_other(host: Any) -> None:
    assert (await host.post(("//etc//./passwd", b"x"))).json == ["etc/passwd"]
    assert (await host("GET", "//etc/passwd")).body == b"x"


@pytest.mark.parametrize("path", ["", "/", "a\0b", "a" * 2049])
async def test_a_path_that_cannot_be_is_refused(host: Any, path: str) -> None:
    assert (await host.post(("good", b"1"), (path, b"x"))).status == 400
    assert await host.node.files.count() == 0
    assert host.arriving() == []


async def test_one_request_brings_many_files_and_the_last_of_a_name_counts(host: Any) -> None:
    reply = await host.post(("a", b"1"), ("d/b", b""), ("a", b"2"))
    assert sorted(reply.json) == ["a", "d/b"]
    assert (await host("GET", "/a")).body == b"2"
    assert (await host("GET", "/d/b")).body == b""
    assert host.contents() == {hashlib.sha256(data).hexdigest() for data in (b"", b"2")}
    assert host.arriving() == []


async def test_contents_are_private_and_kept_once(host: Any) -> None:
    await host.post(("a", b"same"), ("b", b"same"))
    (path,) = (path for path in (host.home / "files" / "contents").rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o777 == 0o600
    await host("DELETE", "/a")
    assert (await host("GET", "/b")).body == b"same"
    await host("DELETE", "/b")
    assert not path.exists()


async def test_ranges(host: Any) -> None:
    await host.post(("a", b"0123456789"), ("empty", b""))
    tag = (await host("HEAD", "/a")).headers["ETag"]

    async def part(text: str, **more: str) -> tuple[int, bytes, str | None]:
        reply = await host("GET", "/a", Range=text, **more)
        return reply.status, reply.body, reply.headers.get("Content-Range")

    assert await part("bytes=2-4") == (206, b"234", "bytes 2-4/10")
    assert await part("bytes=7-") == (206, b"789", "bytes 7-9/10")
    assert await part("bytes=-3") == (206, b"789", "bytes 7-9/10")
    assert await part("bytes=8-99") == (206, b"89", "bytes 8-9/10")
    assert await part("bytes=-99") == (200, b"0123456789", None)
    assert await part("bytes=10-") == (416, b"", "bytes */10")
    assert await part("bytes=nonsense") == (200, b"0123456789", None)
    assert await part("bytes=0-1,3-4") == (200, b"0123456789", None)
    assert await part("bytes=0-0", If_Range=tag) == (206, b"0", "bytes 0-0/10")
    assert await part("bytes=0-0", If_Range='"older"') == (200, b"0123456789", None)
    assert (await host("GET", "/empty")).status == 200


async def test_what_a_client_has_already_is_not_sent_again(host: Any) -> None:
    await host.post(("a", b"1"))
    seen = (await host("GET", "/a")).headers
    assert (await host("GET", "/a", If_None_Match=seen["ETag"])).status == 304
    assert (await host("GET", "/a", If_Modified_Since=seen["Last-Modified"])).status == 304
    await host.post(("a", b"2"))
    assert (await host("GET", "/a", If_None_Match=seen["ETag"])).body == b"2"


async def test_what_is_compressed_is_served_as_it_is_and_a_page_has_no_session(host: Any) -> None:
    await host.post(("a.csv.gz", b"\x1f\x8b"), ("plot.html", b"<script>1</script>"))
    packed = await host("GET", "/a.csv.gz")
    assert packed.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in packed.headers
    page = await host("GET", "/plot.html")
    assert page.headers["Content-Type"] == "text/html"
    assert page.headers["Content-Security-Policy"].startswith("sandbox")


async def test_many_are_deleted_by_path_by_url_and_by_folder(host: Any) -> None:
    await host.post(*((path, b"x") for path in ("a b", "c#d", "t/1", "t/2/3", "t2/4", "A b")))
    names = [host.url + "/c%23d", "a%20b", "/t/", "none", "../x"]
    reply = await host("POST", "/delete_many", json.dumps({"files": names}).encode())
    assert reply.json["deleted"] == {host.url + "/c%23d": "c#d", "a%20b": "a b", "/t/": "t/"}
    assert sorted(name for names in reply.json["errors"].values() for name in names) == ["../x", "none"]
    assert await host.node.files.count() == 2
    for body in (b"", b"[]", b'{"files": 1}', b'{"files": [1]}', b"\xff"):
        assert (await host("POST", "/delete_many", body)).status == 400


async def test_the_quota_refuses_before_and_while_it_is_sent(tmp_path: Any, start_host: Any) -> None:
    async with start_host(tmp_path / "home", files_quota=1000) as host:
        assert (await host.post(("a", b"x" * 700))).status == 200
        refused = await host.post(("b", b"y" * 400))
        assert refused.status == 507
        assert "quota of 1,000 bytes" in refused.text
        assert "--files-quota" in refused.text

        async def unannounced() -> Any:
            yield host_form[0]

        host_form = (
            b'--b\r\nContent-Disposition: form-data; name="b"\r\n\r\n' + b"y" * 400 + b"\r\n--b--\r\n",
        )
        chunked = await host("POST", "/", unannounced(), Content_Type="multipart/form-data; boundary=b")
        assert chunked.status == 507
        assert host.arriving() == []
        await host("DELETE", "/a")
        assert host.node.files.used == 0
        assert (await host.post(("b", b"y" * 400))).status == 200


@pytest.mark.parametrize("cut", [1, 40, 200, 5000, -3, -12])
async def test_a_truncated_upload_leaves_nothing(host: Any, form: Any, cut: int) -> None:
    body, kind = form(("a", os.urandom(3000)), ("b", os.urandom(3000)))
    assert (await host("POST", "/", body[:cut], Content_Type=kind)).status == 400
    assert (await host.node.files.count(), host.contents(), host.arriving()) == (0, set(), [])


async def test_a_client_that_goes_away_leaves_nothing(host: Any, form: Any, until: Any) -> None:
    body, kind = form(("a", b"x" * MIB))
    parts = urlsplit(host.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: {host.headers['Authorization']}\r\n\r\n"
    writer.write(head.encode() + body[: MIB // 2])
    await writer.drain()
    await until(host.arriving)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.shutdown(socket.SHUT_RDWR)
    writer.close()
    await until(lambda: not host.arriving())
    assert (await host.node.files.count(), host.contents()) == (0, set())


async def test_what_is_no_form_is_refused(host: Any) -> None:
    kinds = [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed",
    ]
    for kind in [*kinds, "multipart/form-data; boundary=" + "x" * 300]:
        assert (await host("POST", "/", b"x", Content_Type=kind or "text/plain")).status == 400
    nameless = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
    assert (await host("POST", "/", nameless, Content_Type="multipart/form-data; boundary=b")).status == 400


PIECES = [
    *(b"--b", b"--b--", b"--c", b"\r\n", b"\n", b"\0", b"\xff", b": ", b"x" * 70, b'"a"', b'"a'),
    *(b"Content-Disposition: form-data; name=", b"Content-Disposition:", b'name="_charset_"'),
    *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Type: multipart/mixed; boundary=c"),
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.sampled_from(PIECES),
        max_size=12,
    )
)
def test_no_malformed_form_is_an_error_of_the_node(
    pieces: list[bytes], malformed: Callable[..., Any]
) -> None:
    assert malformed(b"".join(pieces)) in (200, 400, 404, 413)


@pytest.fixture
def malformed(tmp_path: Any, start_host: Any) -> Any:
    """Send a body as a form; a loop of its own, since hypothesis calls it many times."""
    with asyncio.Runner() as runner:
        it = start_host(tmp_path / "home")
        host = runner.run(it.__aenter__())

        async def send(body: bytes) -> int:
            status: int = (
                await host("POST", "/", body, Content_Type="multipart/form-data; boundary=b")
            ).status
            return status

        yield lambda body: runner.run(send(body))
        runner.run(it.__aexit__(None, None, None))


async def test_many_at_once_on_one_path_leave_one_of_them(host: Any) -> None:
    bodies = [os.urandom(100_000) for _ in range(8)]
    replies = await asyncio.gather(
        *(host.post(("same", body)) for body in bodies), *(host("GET", "/same") for _ in range(8))
    )
    assert {reply.status for reply in replies[:8]} == {200}
    assert {reply.status for reply in replies[8:]} <= {200, 404}
    assert all(reply.body in bodies for reply in replies[8:] if reply.status == 200)
    kept = (await host("GET", "/same")).body
    assert kept in bodies
    assert host.contents() == {hashlib.sha256(kept).hexdigest()}
    assert host.node.files.used == 100_000
    assert host.arriving() == []


async def test_a_file_being_read_may_be_deleted(host: Any) -> None:
    data = os.urandom(8 * MIB)
    await host.post(("a", data))
    async with host.session.get(host.url + "/a", headers=host.headers) as response:
        start = await response.content.read(1000)
        assert (await host("DELETE", "/a")).status == 200
        assert start + await response.read() == data
    assert host.contents() == set()


async def test_a_large_file_passes_through_in_small_memory(host: Any) -> None:
    import resource

    size, block = 300 * MIB, os.urandom(MIB)
    head = b'--b\r\nContent-Disposition: form-data; name="big"\r\n\r\n'

    async def body() -> Any:
        yield head
        for _ in range(size // MIB):
            yield block
        yield b"\r\n--b--\r\n"

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await host("POST", "/", body(), Content_Type="multipart/form-data; boundary=b")).status == 200
    read = 0
    async with host.session.get(host.url + "/big", headers=host.headers) as response:
        async for part in response.content.iter_any():
            read += len(part)
    assert read == size
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 * MIB


async def test_contents_cut_short_on_the_disk_cut_the_connection(host: Any) -> None:
    await host.post(("a", b"x" * 100_000))
    (path,) = (path for path in (host.home / "files" / "contents").rglob("*") if path.is_file())
    path.write_bytes(b"x" * 50_000)
    with pytest.raises(aiohttp.ClientError):
        await host("GET", "/a")
