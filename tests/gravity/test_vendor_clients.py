"""What the vendor's published clients send and expect, request by request.

Python: https://github.com/GravityAI/gai-python-sdk (not on PyPI), which sends by requests; with its three
addresses changed it is what `Python` below does, header for header. C#: the parts' types and the polling of
GravityAI.Client.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

CRLF = "\r\n"


@dataclass
class Sent:
    status: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def send(method: str, url: str, headers: dict[str, str], data: bytes | None = None) -> Sent:
    """One request of its own, as requests.request makes it."""
    with urlopen(Request(url, data, headers, method=method), timeout=60) as answer:  # noqa: S310
        return Sent(answer.status, answer.read())


def multipart(fields: dict[str, str], name: str, content: bytes) -> tuple[str, bytes]:
    """As requests writes a form: fields first and without a type, then the file with its name only."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}{CRLF}Content-Disposition: form-data; name="{key}"{CRLF}{CRLF}{value}{CRLF}'
        for key, value in fields.items()
    ]
    head = f'--{boundary}{CRLF}Content-Disposition: form-data; name="file"; filename="{name}"{CRLF}{CRLF}'
    body = "".join(parts).encode() + head.encode() + content + f"{CRLF}--{boundary}--{CRLF}".encode()
    return f"multipart/form-data; boundary={boundary}", body


class Python:
    """The class with its addresses as attributes; every answer but 200 is an error to it."""

    def __init__(self, url: str, key: str) -> None:
        self.api_url = url + "/"
        self.create_job_url = self.api_url + "api/v1/jobs"
        self.get_job_result_url = self.api_url + "api/v1/jobs/result-link"
        self.headers = {"x-api-key": key}

    def post_job(self, path: Path, name: str | None = None, version: str | None = None) -> str:
        asked = {
            "version": version,
            "mimeType": mimetypes.guess_type(str(path))[0],
            "jobName": name or str(path),
            "mapping": None,
            "outputMapping": None,
            "data": None,
            "groupId": None,
            "isGrouped": False,
            "versionId": None,
            "containerId": None,
        }
        return self._posted(asked, path.name, path.read_bytes())

    def post_json(self, data: Any) -> str:
        asked = {
            "version": None,
            "mimeType": "application/json",
            "name": None,
            "mapping": None,
            "outputMapping": None,
            "data": None,
            "groupId": None,
            "isGrouped": False,
            "versionId": None,
            "containerId": None,
        }
        return self._posted(asked, "file", json.dumps(data).encode())

    def _posted(self, asked: Any, name: str, content: bytes) -> str:
        kind, body = multipart({"data": json.dumps(asked)}, name, content)
        answer = send("POST", self.create_job_url, self.headers | {"Content-Type": kind}, body)
        assert answer.status == 200
        told = answer.json()
        assert not told.get("isError", False)
        identity: str = told["data"]["id"]
        return identity

    def job_result(self, job: str) -> bytes:
        """At once, without asking whether the job has ended."""
        answer = send("GET", f"{self.get_job_result_url}/{job}", self.headers)
        assert answer.status == 200 and not answer.json().get("isError", False)
        return send("GET", answer.json()["data"], {}).content

    def latest_jobs(self) -> Any:
        return send("GET", self.create_job_url + "/latest", self.headers).json()

    def change_job_name(self, job: str, name: str) -> bool:
        headers = self.headers | {"Content-Type": "application/json"}
        body = json.dumps({"name": name}).encode()
        told = send("PUT", f"{self.create_job_url}/{job}", headers, body).json()
        return told["data"] is not None and told["data"].get("name") == name


async def test_the_python_client_drives_a_node_with_its_addresses_changed(
    served: Any, tmp_path: Path
) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y\n1,1\n2,0\n")
    client = Python(served.url, served.client.key)

    def drive() -> None:
        job = client.post_job(path)
        assert [round(float(row), 6) for row in client.job_result(job).split()[1:]] == [10, 9]
        told = client.latest_jobs()["data"][0]
        assert (told["name"], told["inputFileName"]) == (str(path), "points.csv")
        assert client.change_job_name(job, "Job2")
        assert client.latest_jobs()["data"][0]["name"] == "Job2"

        one = client.post_json({"x": 1, "y": 1})  # one object is one record
        assert [round(record["res"], 6) for record in json.loads(client.job_result(one))] == [10]
        many = client.post_json([{"x": 1, "y": 1}, {"x": 0, "y": 0}])
        assert len(json.loads(client.job_result(many))) == 2
        assert client.latest_jobs()["data"][0]["name"] == "file"
        named = client.post_job(path, name="mine", version="0.0.1")
        assert client.latest_jobs()["data"][0]["id"] == named

        odd = tmp_path / "points.unknown"  # whose type nobody can guess: null, for what the version takes
        odd.write_bytes(path.read_bytes())
        assert client.job_result(client.post_job(odd)).count(b"\n") == 3

    await asyncio.to_thread(drive)


async def test_the_c_sharp_client_sends_types_and_polls(served: Any, monkeypatch: Any) -> None:
    """Its parts have types, its names are in the header unquoted, and it asks until the job has ended."""
    from api.gravity import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    asked = {
        "version": None,
        "jobName": "",
        "mimeType": "text/csv; header=present",
        "mapping": [],
        "outputMapping": [],
    }
    lines = [
        "--b",
        "Content-Type: application/json; charset=utf-8",
        "Content-Disposition: form-data; name=data",
        "",
        json.dumps(asked),
        "--b",
        "Content-Type: text/csv; header=present",
        'Content-Disposition: form-data; name=file; filename="=?utf-8?B?w6kuZGF0?="; '
        "filename*=utf-8''%C3%A9.dat",
        "",
        "x,y\n1,1\n",
        "--b--",
        "",
    ]
    form = {"Content-Type": 'multipart/form-data; boundary="b"'}
    posted = await served.client("POST", "/api/v1/jobs", CRLF.join(lines).encode(), headers=form)
    job = posted.data
    assert job["name"] == job["inputFileName"] == "é.dat"
    numbers = ("billedUsage", "recordCount", "recordGroupCount", "processingTimeMS")
    assert all(type(job[name]) is int for name in numbers)  # they are ints to it, never null
    while job["status"] == "incomplete":
        job = (await served.client("GET", f"/api/v1/jobs/{job['id']}")).data
    assert job["status"] in ("success", "error", "fail")
    assert (await served.client.result(job["id"])).body.startswith(b"res\n")
    refused = await served.client("POST", "/api/v1/jobs", b"--b--", headers=form)
    assert refused.status == 400 and refused.error  # which it decodes as the envelope
