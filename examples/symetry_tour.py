"""A tour of SymetryML's calls on one node, then on a federation of two, by the standard library alone.

Start an admin's node and a peer's, then run this beside them:

    suffice node start --home first --name first --role admin --detach
    suffice node start --home second --name second --http 127.0.0.1:8081 --detach
    python examples/symetry_tour.py --credentials first/credentials.json --peer second/credentials.json

It makes a project, learns rows as a job and polls it to its end, explores, builds a linear regression,
predicts, kills a job, lists the jobs, and removes the project again; then both nodes share a project, each
learns half of the rows, and the same questions are asked of it. Without --peer the tour ends after one node.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import hmac
import json
import operator
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
PASSWORD = "between us two"  # noqa: S105 (the invitation travels encrypted under it; at most 16 characters)
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


def _frame(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Json:
    return {"attributeNames": names, "attributeTypes": types, "data": rows}


def _show(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {float(value):.6g}" for name, value in row.items())


def tour(call: SymetryClient, project: str) -> None:
    print(f"Create project {project}")
    print(" ", call("POST", "/projects", pid=project).words)
    try:
        learn(call, project, patients(2000))
        explore(call, project)
        build(call, project)
        predict(call, project)
        kill(call, project)
        list_jobs(call)
    finally:
        delete(call, project)


def federation(admin: SymetryClient, peer: SymetryClient, project: str) -> None:
    """Each learns half of the rows; each then has the model of all."""
    name = f"{project}-{time.time_ns():x}"  # a federation stays when its project is gone
    print(f"Create federation {name}, and invite the peer")
    print(" ", admin("POST", "/fedml/create", {"fed_name": name, "sync_sched": "m1"}, pid=project).words)
    try:
        sealed = admin("POST", f"/fedml/{project}/getInvitation", {"passwd": PASSWORD})
        invitation = json.loads(decrypt(PASSWORD, sealed.values["encryptedGroupInfo"]))
        print(" ", peer("POST", "/fedml/createJoin", invitation, pid=project).words)
        try:
            ask_both(admin, peer, project)
        finally:
            delete(peer, project)
    finally:
        delete(admin, project)


def ask_both(admin: SymetryClient, peer: SymetryClient, project: str) -> None:
    for call in (admin, peer):
        call("GET", f"/fedml/{project}/startPulse")
    rows = patients(2000)
    for call, half in ((admin, rows["data"][:1000]), (peer, rows["data"][1000:])):
        learn(call, project, rows | {"data": half})
    for call in (admin, peer):
        print("  rows of both:", wait_for_rows(call, project, 2000))
    explore(admin, project)
    models = [build(call, project) for call in (admin, peer)]
    same = models[0] == models[1]
    print(f"  the model is {'the same' if same else 'NOT the same'} on both nodes, in all digits")
    predict(peer, project)
    kill(admin, project)


def wait_for_rows(call: SymetryClient, project: str, rows: int) -> int:
    """Ask until everybody's contribution is in the answer; before, the node says who is missing (503)."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    question = {"values": [{"inputAttributeNames": ["stay"]}]}
    count = 0
    while count < rows:
        if time.monotonic() > deadline:
            raise TimeoutError(f"project {project} has {count} rows after {TIMEOUT_SECONDS:g} s, not {rows}")
        try:
            found = call("POST", f"/projects/{project}/explore", question, metric="uni")
            count = int(found.values["KSVDMap"]["values"][0]["count"])
        except Refused as refused:
            if refused.status != 503:
                raise
        if count < rows:
            time.sleep(POLL_SECONDS)
    return count


def learn(call: SymetryClient, project: str, frame: Json) -> None:
    print(f"Learn {len(frame['data']):,} rows, as a job")
    started = call("POST", f"/projects/{project}/learn", frame, **{"async": "true"})
    info = call.finished(started.job)["smlInfo"]
    print("  attributes:", ", ".join(map("{} ({})".format, info["attributeNames"], info["attributeTypes"])))


def explore(call: SymetryClient, project: str) -> None:
    print("Explore stay, and stay with age")
    for metric, names in (("uni", ["stay"]), ("bi", ["stay", "age"])):
        question = {"values": [{"inputAttributeNames": names}]}
        found = call("POST", f"/projects/{project}/explore", question, metric=metric)
        for row in found.values["KSVDMap"]["values"]:
            print(f"  {' ~ '.join(names)}: {_show(row)}")


def build(call: SymetryClient, project: str) -> Json:
    """The coefficient table of the model that it builds."""
    print("Build a linear regression, as a job")
    context = {"targetAttributeNames": ["stay"], "inputAttributeNames": NAMES[1:]}
    call.finished(call("POST", f"/projects/{project}/build", context, modelid="days", algo="mlr").job)
    model = call("GET", f"/projects/{project}/models/days").values["modelInfo"]
    table: Json = model["extra"]["coefficients"]
    for row in table["data"]:
        numbers = zip(table["attributeNames"][1:3], row[1:3], strict=True)
        print(f"  {row[0]:16}", ", ".join(f"{name} {float(value):9.5f}" for name, value in numbers))
    print(f"  R² {float(model['info']['r2']):.5f} of {model['info']['rows']} rows")
    return table


def predict(call: SymetryClient, project: str) -> None:
    print("Predict two stays, and one of a patient whose age is not known")
    rows = [["40", "2", "medicine"], ["80", "5", "surgery"], [None, "5", "surgery"]]
    frame = _frame(NAMES[1:], TYPES[1:], rows)
    found = call("POST", f"/projects/{project}/predict/days", frame, impute="true")
    for row, values in zip(rows, found.values["KSVSMap"]["values"], strict=True):
        print(f"  age {row[0] or '?'}, severity {row[1]}, {row[2]}: {float(values['res']):.2f} days")


def kill(call: SymetryClient, project: str) -> None:
    print("Kill a job")
    started = call("POST", f"/projects/{project}/learn", patients(20_000), **{"async": "true"})
    print(f"  job {started.job}:", call("DELETE", f"/jobs/{started.job}").words)
    try:
        call.finished(started.job)
    except Refused as refused:
        print(f"  job {started.job}: {refused}")


def list_jobs(call: SymetryClient) -> None:
    print("List the jobs")
    for info in call("GET", "/jobs").values["jobinfo"]:
        print(f"  job {info['jobId']}: {info['jobType']}, {info['details']['status']}")


def delete(call: SymetryClient, project: str) -> None:
    print("Delete the project")
    print(" ", call("DELETE", f"/projects/{project}").words)


# What follows decrypts the invitation: AES-128 (FIPS 197) in CBC mode with SymetryML's fixed IV, which the
# standard library does not have. To send, this client need not encrypt: a node also takes plain maps.

IV = base64.b64decode("LzM5QUtXZXWHm7HJ4wAePg==")


def decrypt(password: str, text: str) -> str:
    """The text behind base64 of AES-CBC; the password, filled up with zero bytes, is the key."""
    data = base64.b64decode(text)
    keys = _round_keys(password.encode().ljust(16, b"\0"))
    blocks = [data[at : at + 16] for at in range(0, len(data), 16)]
    plain = b"".join(
        _xor(_block(block, keys), before) for block, before in zip(blocks, [IV, *blocks[:-1]], strict=True)
    )
    return plain[: -plain[-1]].decode()  # the last byte says how many were added


def _times(a: int, b: int) -> int:
    """Multiplication in the field of 256 elements."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _substitute(byte: int) -> int:
    """The S-box: the inverse in the field, then an affine map of its bits."""
    inverse = next((other for other in range(256) if _times(byte, other) == 1), 0)
    return (
        0x63
        ^ functools.reduce(operator.xor, (inverse << turn | inverse >> (8 - turn) for turn in range(5)))
        & 0xFF
    )


SBOX = bytes(map(_substitute, range(256)))
INVERSE_SBOX = bytes(SBOX.index(byte) for byte in range(256))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(map(operator.xor, one, other))


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[at : at + 4] for at in range(0, 16, 4)]
    constant = 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            word = _xor((word[1:] + word[:1]).translate(SBOX), bytes([constant, 0, 0, 0]))
            constant = _times(constant, 2)
        words.append(_xor(word, words[-4]))
    return [b"".join(words[at : at + 4]) for at in range(0, 44, 4)]


def _block(block: bytes, keys: Sequence[bytes]) -> bytes:
    state = _xor(block, keys[10])
    for number in range(9, -1, -1):
        shifted = bytes(state[(at - 4 * (at % 4)) % 16] for at in range(16))
        state = _xor(shifted.translate(INVERSE_SBOX), keys[number])
        if number:
            state = b"".join(_unmix(state[at : at + 4]) for at in range(0, 16, 4))
    return state


def _unmix(column: bytes) -> bytes:
    factors = (14, 11, 13, 9)
    return bytes(
        functools.reduce(operator.xor, (_times(column[at], factors[(at - row) % 4]) for at in range(4)))
        for row in range(4)
    )


def client(credentials: Path) -> SymetryClient:
    given = json.loads(credentials.read_text())
    scheme, host = urlsplit(given["url"])[:2]
    return SymetryClient(f"{scheme}://{host}", given["access_key"], given["secret_key"])


def main() -> int:
    parser = argparse.ArgumentParser(description="A tour of a node's SymetryML calls.")
    parser.add_argument("--credentials", type=Path, required=True, help="a node's credentials.json")
    parser.add_argument("--peer", type=Path, help="those of another node, to make a federation of both")
    parser.add_argument("--project", default="stays", help="a project to make and remove (default: stays)")
    options = parser.parse_args()
    try:
        first = client(options.credentials)
        tour(first, options.project)
        if options.peer is not None:
            federation(first, client(options.peer), options.project)
    except (OSError, ValueError, KeyError, Refused, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
