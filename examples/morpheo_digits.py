"""Three owners of data, an algorithm of somebody else, and a worker: Morpheo's calls from end to end.

Start a node, then run this beside it (the algorithm needs scikit-learn, the worker bubblewrap):

    suffice node start --home digits --detach
    python examples/morpheo_digits.py --credentials digits/credentials.json

The handwritten digits of scikit-learn are dealt to three owners, each with a key of their own. They give
sheets of images for a problem, whose workflow measures how many digits are read rightly. The programs lie
beside this file, in `morpheo_digits/`. `suffice worker morpheo` trains the algorithm on all owners' sheets,
batch by batch, and reads a new sheet with the best model.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

Json = dict[str, Any]
Rows = Sequence[Sequence[float]]

PROGRAMS = Path(__file__).with_suffix("")
OWNERS = ("Ada", "Ben", "Cleo")
SHEETS = 4  # to train on, of each owner
IMAGES = 100  # of a sheet
BATCH = 3  # sheets of a learnuplet
SECONDS = 60.0


class Refused(Exception):  # noqa: N818 (what happened, in one word)
    """The node's answer, if it is not one of the 2xx, in its own words."""


class Person:
    """Somebody with a key of the node, who makes Morpheo's calls with it."""

    def __init__(self, name: str, url: str, access_key: str, secret_key: str) -> None:
        self.name, self.url, self.key = name, url.rstrip("/"), (access_key, secret_key)
        self._token = base64.b64encode(f"{access_key}:{secret_key}".encode()).decode()

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Raises :class:`Refused`."""
        return dict(json.loads(self._ask(method, path, None if body is None else json.dumps(body).encode())))

    def store(self, kind: str, blob: bytes, **fields: str) -> str:
        """Upload a blob; its uuid. It is the last field of the form, after its size."""
        boundary = uuid4().hex
        parts = [f'name="{name}"\r\n\r\n{value}' for name, value in {**fields, "size": len(blob)}.items()]
        head = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="blob"; filename="blob"\r\n\r\n'
        form = head.encode() + blob + f"\r\n--{boundary}--\r\n".encode()
        stored = self._ask("POST", f"/storage/{kind}", form, f"multipart/form-data; boundary={boundary}")
        return str(json.loads(stored)["uuid"])

    def blob(self, kind: str, uuid: str) -> bytes:
        return self._ask("GET", f"/storage/{kind}/{uuid}/blob")

    def _ask(
        self, method: str, path: str, data: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        headers = {"Authorization": f"Basic {self._token}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(f"{method} {path}: {error.read().decode(errors='replace').strip()}") from None


def archive(program: str) -> bytes:
    """A program's folder as a `.tar.gz`."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as packed:
        packed.add(PROGRAMS / program, arcname=".", filter=lambda e: None if "__pycache__" in e.name else e)
    return written.getvalue()


def sheet(images: Rows, digits: Sequence[int] | None = None) -> bytes:
    """Images as CSV, 64 shades of 0 to 16 each; the digit that each shows stands before them, if told."""
    pixels = [f"p{i}" for i in range(64)]
    lines = [",".join(pixels if digits is None else ["digit", *pixels])]
    for place, image in enumerate(images):
        shades = ",".join(f"{shade:g}" for shade in image)
        lines.append(shades if digits is None else f"{digits[place]},{shades}")
    return ("\n".join(lines) + "\n").encode()


def work(person: Person, python: str) -> None:
    """Let a worker do all that there is to do."""
    access_key, secret_key = person.key
    command = [sys.executable, "-m", "suffice", "worker", "morpheo", "--node", person.url]
    command += ["--python", python, "--until-empty"]
    environment = {"SUFFICE_ACCESS_KEY": access_key, "SUFFICE_SECRET_KEY": secret_key}
    with subprocess.Popen(
        command,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            print(f"  {line.rstrip()}")
    if worker.returncode:
        raise Refused("the worker could not do its work")


def ended(person: Person, kind: str, wanted: str) -> list[Json]:
    """The uplets that are wanted, when they are done: another worker of the node may have some of them."""
    deadline = time.monotonic() + SECONDS
    while True:
        uplets: list[Json] = person.call("GET", f"/{kind}?{wanted}")[f"{kind}s"]
        failed = [uplet["uuid"] for uplet in uplets if uplet["status"] == "failed"]
        if failed or time.monotonic() > deadline:
            raise Refused(f"{kind} {', '.join(failed)} did not end well: see the logs of their tasks")
        if all(uplet["status"] == "done" for uplet in uplets):
            return uplets
        time.sleep(0.5)


def story(admin: Person, python: str) -> None:
    images, digits = load()
    people = {}
    for name in (*OWNERS, "Dora", "the worker"):
        made = admin.call("POST", "/api/keys", {"user": name, "role": "user", "label": "digits"})
        people[name] = Person(name, admin.url, made["access_key"], made["secret_key"])
    author = people["Dora"]

    print(f"{', '.join(OWNERS)} upload their sheets; each holds one back, by which algorithms are judged")
    given: dict[str, list[str]] = {}
    for place, name in enumerate(OWNERS):
        mine = range(place, len(digits), len(OWNERS))
        cuts = [mine[i * IMAGES : (i + 1) * IMAGES] for i in range(SHEETS + 1)]
        blobs = [sheet([images[i] for i in cut], [digits[i] for i in cut]) for cut in cuts]
        given[name] = [people[name].store("data", blob) for blob in blobs]

    problem = str(uuid4())
    workflow = admin.store("problem", archive("workflow"), name="read digits", description="accuracy")
    tests = [sheets[-1] for sheets in given.values()]
    print("The problem is posted: its performance is the share of digits that are read rightly")
    body = {"uuid": problem, "workflow": workflow, "test_dataset": tests, "size_train_dataset": BATCH}
    admin.call("POST", "/problem", body)
    for turn in zip(*given.values(), strict=True):  # a sheet of each owner, then the next of each
        for name, item in zip(OWNERS, turn, strict=True):
            people[name].call("POST", "/data", {"uuid": item, "problems": problem})
    algo = author.store("algo", archive("algorithm"), name="one layer")
    made = author.call("POST", "/algo", {"uuid": algo, "problem": problem, "name": "one layer"})
    print(f"{author.name} posts an algorithm: {made['new_learnuplets']} learnuplets of {BATCH} sheets")
    try:
        author.blob("data", given["Ada"][0])
    except Refused as refused:
        print(f"What {author.name} is told who asks for Ada's sheet:\n  {refused}")

    print("A worker trains")
    work(people["the worker"], python)
    uplets = ended(author, "learnuplet", f"algo={algo}")
    print("rank  status  performance  trained on      sheets that it is judged by, each")
    whose = {item: name for name, items in given.items() for item in items}
    for uplet in sorted(uplets, key=lambda uplet: int(uplet["rank"])):
        owners = ", ".join(whose[item] for item in uplet["train_data"])
        each = ", ".join(f"{whose[item]} {perf:.3f}" for item, perf in uplet["test_perf"].items())
        print(f"{uplet['rank']:>4}  {uplet['status']:6}  {uplet['perf']:11.4f}  {owners:14}  {each}")

    print("Ada asks what a new sheet shows, with the best model so far")
    ada, new = people["Ada"], range(len(digits) - IMAGES, len(digits))
    asked = ada.store("data", sheet([images[i] for i in new]))
    ada.call("POST", "/prediction", {"data": asked, "problem": problem})
    work(people["the worker"], python)
    (uplet,) = ended(ada, "preduplet", f"data={asked}")
    read = [int(line) for line in ada.blob("prediction", uplet["prediction_storage_uuid"]).split()]
    right = sum(a == digits[i] for a, i in zip(read, new, strict=True))
    print(f"  it reads {' '.join(map(str, read[:20]))} …: {right} of {IMAGES} rightly")


def load() -> tuple[Rows, Sequence[int]]:
    """The images and the digits that they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.data.tolist(), found.target.tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--credentials", required=True, type=Path, help="the node's credentials.json")
    parser.add_argument(
        "--python", default=sys.executable, help="that runs the programs; it has scikit-learn"
    )
    arguments = parser.parse_args()
    try:
        known = json.loads(arguments.credentials.read_text())
        admin = Person("the admin", known["url"], known["access_key"], known["secret_key"])
        story(admin, arguments.python)
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is missing: the digits and the algorithm are scikit-learn's.\n"
                 "       pip install 'suffice[sklearn]'")  # fmt: skip
    except (OSError, Refused) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
