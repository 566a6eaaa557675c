"""The client against a scripted server: what it sends, and what it makes of answers and refusals."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from suffice.client import (
    AuthenticationFailed,
    CannotReachNode,
    Client,
    Job,
    JobFailed,
    NodeRefused,
    SufficeError,
)


class Script:
    """Answers in turn, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str, str, Any]] = []
        self.url = ""

    def answer(self, *answers: Any, status: int = 200) -> None:
        self.answers += [(status, json.dumps(answer).encode()) for answer in answers]


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.asked.append(
                (self.command, self.path, self.headers["Authorization"], json.loads(body) if body else None)
            )
            status, content = script.answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield script
        server.shutdown()
        thread.join()


@pytest.fixture
def client(script: Script) -> Client:
    return Client(script.url, "AK", "SK")


def job(**more: Any) -> dict[str, Any]:
    return {"id": "5f", "kind": "learn", "status": "in_progress", "current": 0, "maximum": 0, **more}


def test_every_request_carries_the_key(script: Script, client: Client) -> None:
    script.answer({"node_id": "n"})
    assert client.node() == {"node_id": "n"}
    method, path, authorization, body = script.asked[0]
    assert (method, path, body) == ("GET", "/api/node", None)
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"AK:SK"


def test_names_are_quoted_in_paths(script: Script, client: Client) -> None:
    script.answer({})
    client.project("a/b c")
    assert script.asked[0][1] == "/api/projects/a%2Fb%20c"


def test_a_list_comes_without_its_wrapping(script: Script, client: Client) -> None:
    script.answer({"projects": [{"name": "p"}]}, [{"name": "q"}])
    assert client.projects() == [{"name": "p"}]
    assert client.projects() == [{"name": "q"}]


def test_what_is_not_given_is_left_to_the_node(script: Script, client: Client) -> None:
    script.answer({}, job())
    client.create_project("p", federation="f")
    client.learn("p", "/x.csv")
    assert script.asked[0][3] == {"name": "p", "federation": "f"}
    assert script.asked[1][3] == {"path": "/x.csv"}


def test_waiting_sees_each_change_and_returns_the_finished_job(script: Script, client: Client) -> None:
    script.answer(
        job(current=1, maximum=4), job(current=4, maximum=4), job(status="completed", result={"rows": 9})
    )
    seen: list[float] = []
    done = client.wait_for("5f", lambda state: seen.append(state.current))
    assert done.result == {"rows": 9}
    assert seen == [1, 4, 0]
    assert script.asked[1][1] == "/api/jobs/5f?wait=10"


def test_waiting_for_a_job_that_fails_raises_its_error(script: Script, client: Client) -> None:
    script.answer(job(status="failed", error="no column 'x'"))
    with pytest.raises(JobFailed, match="no column 'x'") as caught:
        client.wait_for(Job.from_dict(job()))
    assert caught.value.job.status == "failed"


def test_waiting_ends_when_the_time_is_over(script: Script, client: Client) -> None:
    script.answer(job())
    with pytest.raises(TimeoutError, match="still in_progress"):
        client.wait_for("5f", timeout=0)


def test_a_job_of_a_newer_node_may_have_more_keys() -> None:
    assert Job.from_dict(job(colour="blue")).id == "5f"


def test_a_refusal_keeps_status_code_message_and_remedy(script: Script, client: Client) -> None:
    script.answer(
        {"error": {"code": "not_found", "message": "no project 'p'", "remedy": "make it"}}, status=404
    )
    with pytest.raises(NodeRefused) as caught:
        client.project("p")
    error = caught.value
    assert (error.status, error.code, error.message, error.remedy) == (
        404,
        "not_found",
        "no project 'p'",
        "make it",
    )


def test_a_wrong_key_is_a_kind_of_its_own(script: Script, client: Client) -> None:
    script.answer({"error": {"code": "unauthorized", "message": "unknown key"}}, status=401)
    with pytest.raises(AuthenticationFailed):
        client.node()


@pytest.mark.parametrize("page", [b"<html>bad gateway</html>", b"[]", b'{"error": "no"}'])
def test_a_foreign_error_page_is_told_by_its_status(script: Script, client: Client, page: bytes) -> None:
    script.answers.append((502, page))
    with pytest.raises(NodeRefused, match="status 502"):
        client.node()


def test_something_else_at_the_address_is_not_taken_for_a_node(script: Script, client: Client) -> None:
    script.answers.append((200, b"<html>hello</html>"))
    with pytest.raises(CannotReachNode, match="does not speak JSON"):
        client.node()


def test_nobody_at_the_address(script: Script) -> None:
    with pytest.raises(CannotReachNode, match=r"No node answers at http://127\.0\.0\.1:1 "):
        Client("http://127.0.0.1:1", "AK", "SK").node()


@pytest.mark.parametrize("url", ["ftp://host:1", "http://", "http://host:port", ""])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SufficeError, match="not a node's address"):
        Client(url, "AK", "SK")


def test_secrets_are_in_no_error(script: Script) -> None:
    with pytest.raises(SufficeError) as caught:
        Client("http://127.0.0.1:1", "AK", "top-secret").node()
    assert "top-secret" not in f"{caught.value} {caught.value.__cause__!r}"
