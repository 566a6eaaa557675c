"""A plain client of a node's SymetryML calls: signed requests, with nothing but the standard library.

Start a node, then run this beside it:

    suffice node start --home demo --role admin --detach
    python examples/symetry_client.py --credentials demo/credentials.json

It makes a project, learns rows as a job and polls it to its end, explores, builds a linear regression,
predicts, kills a job, lists the jobs, and removes the project again.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

Json = dict[str, Any]

POLL_SECONDS = 0.2
TIMEOUT_SECONDS = 60.0
NAMES = ["stay", "age", "severity", "ward"]
TYPES = ["C", "C", "C", "T"]  # continuous, and one category


class Refused(Exception):  # noqa: N818 (what happened, in one word)
    """The node's answer, if it is not one of the 2xx: its HTTP status and its own words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status}: {words}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, the id of the job it started (if any), and the envelope's two interesting parts."""

    status: int
    job: str | None
    words: str
    values: Json


class SymetryClient:
    """One node, one access key. Every request is signed; paths are those behind ``/symetry/rest/{cid}``."""

    def __init__(self, url: str, access_key: str, secret_key: str) -> None:
        self._url, self._customer, self._secret = url.rstrip("/"), access_key, secret_key

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """Raises :class:`Refused`."""
        data = b"" if body is None else json.dumps(body).encode()
        place = f"/symetry/rest/{quote(self._customer)}{path}"
        search = urlencode(query)
        address = self._url + place + (f"?{search}" if search else "")
        request = urllib.request.Request(  # noqa: S310 (the address is the one in credentials.json)
            address, data or None, self._headers(method, place, search, data), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                envelope = json.load(response)
                status, job = response.status, response.headers["sym-job-id"]
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, _words(error.read())) from None
        return Answer(status, job, envelope["statusString"], envelope["values"])

    def _headers(self, method: str, place: str, search: str, data: bytes) -> dict[str, str]:
        """The signature covers these lines, each ended by a newline; body and query only if there are any."""
        date = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S};{time.time_ns() % 10**9}"
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        md5 = base64.b64encode(digest).decode() if data else ""
        lines = [method.encode(), md5.encode(), self._secret.encode(), date.encode(), self._customer.encode()]
        lines += [data] if data else []
        lines += [place.encode()]
        lines += [search.encode()] if search else []
        signed = b"".join(line + b"\n" for line in lines)
        signature = hmac.new(base64.b64decode(self._secret), signed, hashlib.sha256).digest()
        return {
            "Authorization": base64.b64encode(signature).decode(),
            "Content-MD5": md5,
            "Content-Type": "application/json",
            "Customer-ID": self._customer,
            "sym-date": date,
            "sym-version": "6.3",
        }

    def states(self, job: str) -> Iterator[Answer]:
        """Ask for a job again and again until it is finished (200); raises :class:`Refused` if it failed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            answer = self("GET", f"/jobs/{job}")
            yield answer
            if answer.status == 200:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job} is not finished after {TIMEOUT_SECONDS:g} s")
            time.sleep(POLL_SECONDS)

    def finished(self, job: str | None) -> Json:
        """What a job answers in the end."""
        assert job is not None, "the node started no job"
        values: Json = {}
        for answer in self.states(job):
            values = answer.values
            if answer.status != 200:
                info = values["jobinfo"]
                print(f"  job {job}: {answer.words}, {info['current']} of {info['maximum']}")
        print(f"  job {job}: Job is finished")
        return values


def _words(content: bytes) -> str:
    try:
        return str(json.loads(content)["statusString"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")[:500]


def patients(count: int) -> Json:
    """Invented stays in hospital: 2 days, and 0.05 a year of age, 1.5 a degree of severity, 3 in surgery."""
    chance = random.Random(7)
    rows = []
    for _ in range(count):
        age, severity = chance.randrange(18, 95), chance.randrange(1, 6)
        ward = chance.choice(["medicine", "surgery"])
        stay = 2 + 0.05 * age + 1.5 * severity + 3 * (ward == "surgery") + chance.gauss(0, 1)
        rows.append([f"{stay:.1f}", str(age), str(severity), ward])
    return _frame(NAMES, TYPES, rows)


def _frame(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> Json:
    return {"attributeNames": names, "attributeTypes": types, "data": rows}


def _show(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {float(value):.6g}" for name, value in row.items())


def tour(call: SymetryClient, project: str) -> None:
    print(f"Create project {project}")
    print(" ", call("POST", "/projects", pid=project).words)
    try:
        _learn_and_ask(call, project)
        _jobs(call, project)
    finally:
        print("Delete the project")
        print(" ", call("DELETE", f"/projects/{project}").words)


def _learn_and_ask(call: SymetryClient, project: str) -> None:
    print("Learn 2,000 rows, as a job")
    started = call("POST", f"/projects/{project}/learn", patients(2000), **{"async": "true"})
    info = call.finished(started.job)["smlInfo"]
    print("  attributes:", ", ".join(map("{} ({})".format, info["attributeNames"], info["attributeTypes"])))

    print("Explore stay, and stay with age")
    for metric, names in (("uni", ["stay"]), ("bi", ["stay", "age"])):
        question = {"values": [{"inputAttributeNames": names}]}
        found = call("POST", f"/projects/{project}/explore", question, metric=metric)
        for row in found.values["KSVDMap"]["values"]:
            print(f"  {' ~ '.join(names)}: {_show(row)}")

    print("Build a linear regression, as a job")
    context = {"targetAttributeNames": ["stay"], "inputAttributeNames": NAMES[1:]}
    call.finished(call("POST", f"/projects/{project}/build", context, modelid="days", algo="mlr").job)
    model = call("GET", f"/projects/{project}/models/days").values["modelInfo"]
    table = model["extra"]["coefficients"]
    for row in table["data"]:
        numbers = zip(table["attributeNames"][1:3], row[1:3], strict=True)
        print(f"  {row[0]:16}", ", ".join(f"{name} {float(value):9.5f}" for name, value in numbers))
    print(f"  R² {float(model['info']['r2']):.5f} of {model['info']['rows']} rows")

    print("Predict two stays")
    rows = [["40", "2", "medicine"], ["80", "5", "surgery"]]
    found = call("POST", f"/projects/{project}/predict/days", _frame(NAMES[1:], TYPES[1:], rows))
    for row, values in zip(rows, found.values["KSVSMap"]["values"], strict=True):
        print(f"  age {row[0]}, severity {row[1]}, {row[2]}: {float(values['res']):.2f} days")


def _jobs(call: SymetryClient, project: str) -> None:
    print("Kill a job")
    started = call("POST", f"/projects/{project}/learn", patients(20_000), **{"async": "true"})
    print(f"  job {started.job}:", call("DELETE", f"/jobs/{started.job}").words)
    try:
        call.finished(started.job)
    except Refused as refused:
        print(f"  job {started.job}: {refused}")

    print("List the jobs")
    for info in call("GET", "/jobs").values["jobinfo"]:
        print(f"  job {info['jobId']}: {info['jobType']}, {info['details']['status']}")


def main() -> int:
    parser = argparse.ArgumentParser(description="A tour of a node's SymetryML calls.")
    parser.add_argument("--credentials", type=Path, required=True, help="the node's credentials.json")
    parser.add_argument("--project", default="stays", help="a project to make and remove (default: stays)")
    options = parser.parse_args()
    try:
        given = json.loads(options.credentials.read_text())
        scheme, host = urlsplit(given["url"])[:2]
        tour(SymetryClient(f"{scheme}://{host}", given["access_key"], given["secret_key"]), options.project)
    except (OSError, ValueError, KeyError, Refused, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
