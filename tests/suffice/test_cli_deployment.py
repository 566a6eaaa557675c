"""Deployments by the command line, on one real node."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

SCRIPT = """
import sys

with open(sys.argv[1]) as source, open(sys.argv[2], "w") as target:
    target.write(source.read().upper())
"""


def call(url: str, key: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    request = Request(url, data, {"x-api-key": key, **headers}, method=method)  # noqa: S310
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


def post(url: str, key: str, asked: dict[str, Any], file: str) -> Any:
    lines = ["--b", 'Content-Disposition: form-data; name="data"', "", json.dumps(asked), "--b"]
    lines += ['Content-Disposition: form-data; name="file"; filename="in.csv"', "", file, "--b--", ""]
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    return call(f"{url}/api/v1/jobs", key, "POST", "\r\n".join(lines).encode(), **kind)


def test_a_model_is_deployed_keyed_used_and_ended(learned: Any) -> None:
    run, url = learned.run, json.loads((learned.folder / "here/credentials.json").read_text())["url"]
    assert "suffice deployment create" in run("deployment", "list").stdout
    made = run("deployment", "create", "late", "--group-size", "2", "--price", "20").stdout
    assert "20 units ($0.020) per 2 records" in made and "add-version" in made
    shown = run("deployment", "add-version", "late", "--model", "trial/m").stdout
    assert "0.0.1" in shown and "distance" in shown and "number" in shown and "res" in shown
    assert "trial/m (mlr)" in run("deployment", "show", "late").stdout

    told = run("deployment", "key", "late", "--label", "Newark").stdout
    assert "not shown again" in told
    (key,) = (word for word in told.split() if word.startswith("GAI-"))
    asked = {"mimeType": "text/csv; header=present"}
    job = post(url, key, asked, "distance,carrier\n100,AA\n200,UA\n300,DL\n")
    assert (job["status"], job["billedUsage"]) == ("success", 40)
    report = run("deployment", "usage", "late").stdout
    assert "Newark" in report and "$0.040" in report and "total" in report
    assert learned.json("deployment", "usage")["units"] == 40
    assert learned.json("deployment", "usage", "late", "--month", "1999-01")["usage"] == []

    assert "30 units" in run("deployment", "change", "late", "--price", "30").stdout
    (learned.folder / "shout").mkdir()
    (learned.folder / "shout/main.py").write_text(SCRIPT)
    command = "python main.py {input} {output}"
    run("deployment", "add-version", "late", "--script", "shout", "--command", command, "--version", "3")
    plain = {"mimeType": "text/plain"}
    assert post(url, key, plain, "hello")["recordCount"] == 1
    link = call(f"{url}/api/v1/jobs/result-link/{post(url, key, plain, 'hello')['id']}", key)
    with urlopen(link, timeout=60) as result:  # noqa: S310
        assert result.read() == b"HELLO"
    assert "no" in run("deployment", "activate", "late", "3", "--off").stdout
    assert "0.0.1" in run("deployment", "list").stdout

    assert "Newark" in run("deployment", "keys", "late").stdout
    run("deployment", "revoke", "late", key[4:12])
    assert learned.json("deployment", "keys", "late")[0]["revoked"] is not None
    run("deployment", "delete", "late")
    assert learned.json("deployment", "list") == []


def test_what_cannot_be_is_refused(learned: Any) -> None:
    learned.run("deployment", "create", "x")
    learned.run("deployment", "add-version", "x", code=2)
    learned.run("deployment", "add-version", "x", "--model", "m", code=2)
    learned.run("deployment", "add-version", "x", "--script", "nowhere", code=2)
    assert learned.error("deployment", "add-version", "x", "--onnx", "nowhere")["code"] == "bad_file"
    assert learned.error("deployment", "add-version", "x", "--model", "trial/none")["code"] == "not_found"
    assert learned.error("deployment", "create", "x")["code"] == "already_exists"
    assert learned.error("deployment", "create", "y", "--price", "-1")["code"] == "bad_request"
    assert learned.error("deployment", "create", "y", "--group-size", "0")["code"] == "bad_request"
    assert learned.error("deployment", "revoke", "x", "unknown0")["code"] == "not_found"
    learned.run("deployment", "delete", "x")
