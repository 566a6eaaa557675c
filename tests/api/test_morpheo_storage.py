"""Morpheo's storage service: blobs come and go as streams, with what is told of them; some are private."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MIB = 2**20
BOUNDARY = "b0undary"


def form(*fields: tuple[str, str | bytes]) -> dict[str, Any]:
    """A form, field by field in this order, as an argument of a request."""
    body = b""
    for name, value in fields:
        data = value.encode() if isinstance(value, str) else value
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        body += data + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    return {"data": body, "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}}


def problem(blob: bytes = b"workflow", **texts: str) -> dict[str, Any]:
    told = {"name": "iris", "description": "species of iris", "size": str(len(blob))} | texts
    return form(*told.items(), ("blob", blob))


def data(blob: bytes = b"rows", **texts: str) -> dict[str, Any]:
    return form(*({"size": str(len(blob))} | texts).items(), ("blob", blob))


@pytest.fixture
def as_user(served: Any) -> Any:
    async def make(login: str, role: str = "user") -> Any:
        key = await served.node.keys.create(login, role)
        return type(served.native)(served.native.session, served.url, key)

    return make


async def read(client: Any, path: str, **headers: str) -> tuple[int, Any, bytes]:
    auth = aiohttp.encode_basic_auth(client.key.access_key, client.key.secret_key)
    async with client.session.get(client.url + path, headers={"Authorization": auth, **headers}) as response:
        return response.status, response.headers, await response.read()


async def test_anybody_may_ask_whether_it_is_there(served: Any) -> None:
    assert (await served.anonymous("GET", "/storage/health")).json == {"status": "ok"}
    assert "POST /storage/model" in (await served.anonymous("GET", "/storage/")).json["routes"]


async def test_a_problem_and_its_workflow(served: Any) -> None:
    uuid = str(uuid4())
    made = await served.native("POST", "/storage/problem", **problem(b"\x1f\x8bworkflow", uuid=uuid))
    assert made.status == 201
    assert {"uuid": uuid, "name": "iris", "description": "species of iris"}.items() <= made.json.items()
    assert isinstance(made.json["timestamp_upload"], int)
    assert (await served.native("GET", f"/storage/problem/{uuid}")).json == made.json
    status, headers, blob = await read(served.native, f"/storage/problem/{uuid}/blob")
    assert (status, blob, headers["Content-Length"]) == (200, b"\x1f\x8bworkflow", "10")
    status, headers, part = await read(served.native, f"/storage/problem/{uuid}/blob", Range="bytes=2-")
    assert (status, part, headers["Content-Range"]) == (206, b"workflow", "bytes 2-9/10")


async def test_each_kind_has_its_fields(served: Any) -> None:
    algo = (
        await served.native("POST", "/storage/algo", **form(("name", "svm"), ("size", "1"), ("blob", "a")))
    ).json
    assert set(algo) == {"uuid", "name", "timestamp_upload"}
    for kind in ("data", "prediction"):
        assert set((await served.native("POST", f"/storage/{kind}", **data())).json) == {
            "uuid",
            "timestamp_upload",
        }
    uuid = str(uuid4())
    model = await served.native("POST", f"/storage/model?algo={algo['uuid']}&uuid={uuid}", data=b"weights")
    assert (model.status, model.json["uuid"], model.json["algo"]) == (201, uuid, algo["uuid"])
    assert (await read(served.native, f"/storage/model/{uuid}/blob"))[2] == b"weights"


async def test_a_list_has_the_newest_first_thirty_a_page(served: Any) -> None:
    made = [(await served.native("POST", "/storage/data", **data())).json for _ in range(33)]
    first = (await served.native("GET", "/storage/data")).json
    assert first == {"page": 0, "length": 30, "items": made[:2:-1]}
    assert (await served.native("GET", "/storage/data?page=1")).json == {
        "page": 1,
        "length": 3,
        "items": made[2::-1],
    }
    assert (await served.native("GET", "/storage/data?page=2")).json["items"] == []
    assert (await served.native("GET", "/storage/algo")).json == {"page": 0, "length": 0, "items": []}
    for page in ("-1", "x", str(10**30)):
        assert (await served.native("GET", f"/storage/data?page={page}")).status == 400


async def test_a_uuid_is_used_once_in_a_kind(served: Any) -> None:
    uuid = str(uuid4())
    assert (await served.native("POST", "/storage/data", **data(b"one", uuid=uuid))).status == 201
    again = await served.native("POST", "/storage/data", **data(b"two", uuid=uuid.upper().replace("-", "")))
    assert again.status == 409
    assert uuid in again.json["error"]
    assert (await read(served.native, f"/storage/data/{uuid}/blob"))[2] == b"one"
    assert (await served.native("POST", "/storage/prediction", **data(uuid=uuid))).status == 201


async def test_of_several_at_once_with_one_uuid_one_stays_whole(served: Any) -> None:
    uuid = str(uuid4())
    blobs = [f"blob {number}".encode() for number in range(8)]
    answers = await asyncio.gather(
        *(served.native("POST", "/storage/data", **data(blob, uuid=uuid)) for blob in blobs)
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    winner = next(blob for blob, answer in zip(blobs, answers, strict=True) if answer.status == 201)
    assert (await read(served.native, f"/storage/data/{uuid}/blob"))[2] == winner
    assert served.node.files.used == len(winner)


async def test_what_is_unknown_or_no_uuid(served: Any) -> None:
    for path in ("", "/blob"):
        assert (await served.native("GET", f"/storage/data/{uuid4()}{path}")).status == 404
        assert (await served.native("GET", f"/storage/data/nonsense{path}")).status == 400
    assert set((await served.native("GET", f"/storage/data/{uuid4()}")).json) == {"error"}
    assert set((await served.native("GET", "/storage/nonsense")).json) == {"error"}
    assert (await served.native("GET", "/storage/nonsense")).status == 404
    assert (await served.native("PUT", "/storage/data")).status == 405
    model = await served.native("POST", f"/storage/model?algo={uuid4()}", data=b"weights")
    assert model.status == 404


@pytest.mark.parametrize(
    "sent",
    [
        form(("size", "4")),
        form(("blob", "rows")),
        form(("blob", "rows"), ("size", "4")),
        form(("size", "4"), ("blob", "rows"), ("uuid", "")),
        form(("size", "3"), ("blob", "rows")),
        form(("size", "5"), ("blob", "rows")),
        form(("size", "0"), ("blob", "")),
        form(("size", "-4"), ("blob", "rows")),
        form(("size", "four"), ("blob", "rows")),
        form(("size", "\N{SUPERSCRIPT FOUR}"), ("blob", "rows")),
        form(("size", "9" * 200), ("blob", "rows")),
        form(("size", "4"), ("size", "4"), ("blob", "rows")),
        form(("size", "4"), ("name", "iris"), ("blob", "rows")),
        form(("size", "4"), ("uuid", "nonsense"), ("blob", "rows")),
        form(("size", b"\xff"), ("blob", "rows")),
        {"data": b"rows", "headers": {"Content-Type": "application/octet-stream"}},
        {"data": b"rows", "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}},
        {},
    ],
)
async def test_a_form_that_is_not_as_it_should_be_leaves_nothing(served: Any, sent: dict[str, Any]) -> None:
    answer = await served.native("POST", "/storage/data", **sent)
    assert answer.status == 400
    assert set(answer.json) == {"error"}
    assert await served.node.files.count() == 0
    assert served.node.files.used == 0
    assert (await served.native("GET", "/storage/data")).json["length"] == 0


async def test_texts_have_at_most_255_bytes(served: Any) -> None:
    assert (await served.native("POST", "/storage/problem", **problem(name="é" * 127 + "e"))).status == 201
    for texts in ({"name": "é" * 128}, {"description": "x" * 256}, {"name": ""}, {"name": "a\0b"}):
        assert (await served.native("POST", "/storage/problem", **problem(**texts))).status == 400


async def test_an_empty_model_is_none(served: Any) -> None:
    algo = (
        await served.native("POST", "/storage/algo", **form(("name", "a"), ("size", "1"), ("blob", "a")))
    ).json
    assert (await served.native("POST", f"/storage/model?algo={algo['uuid']}", data=b"")).status == 400
    assert (await served.native("POST", "/storage/model", data=b"weights")).status == 400


async def test_a_problem_is_changed_by_its_owner(served: Any, as_user: Any) -> None:
    ada, bob = await as_user("ada"), await as_user("bob")
    made = (await ada("POST", "/storage/problem", **problem())).json
    path = f"/storage/problem/{made['uuid']}"
    changed = await ada("PATCH", path, **form(("name", "petals")))
    assert (changed.status, changed.json) == (200, made | {"name": "petals"})
    replaced = await ada("PATCH", path, **form(("description", ""), ("size", "3"), ("blob", "new")))
    assert (replaced.status, replaced.json) == (200, made | {"name": "petals", "description": ""})
    assert (await read(bob, f"{path}/blob"))[2] == b"new"
    assert (await bob("PATCH", path, **form(("name", "mine")))).status == 403
    assert (await bob("PATCH", path, **form(("size", "1"), ("blob", "x")))).status == 403
    for wrong in (form(("uuid", str(uuid4()))), form(("blob", "x")), form(("size", "2"), ("blob", "x"))):
        assert (await ada("PATCH", path, **wrong)).status == 400
    assert (await read(bob, f"{path}/blob"))[2] == b"new"
    assert (await ada("PATCH", f"/storage/problem/{uuid4()}", **form(("name", "x")))).status == 404
    assert served.node.files.used == 3


async def test_data_and_predictions_are_read_by_their_owner(served: Any, as_user: Any) -> None:
    ada, bob, chief = await as_user("ada"), await as_user("bob"), await as_user("chief", "superuser")
    for kind in ("data", "prediction"):
        uuid = (await ada("POST", f"/storage/{kind}", **data())).json["uuid"]
        path = f"/storage/{kind}/{uuid}/blob"
        assert [(await read(client, path))[0] for client in (ada, chief, served.native)] == [200] * 3
        status, _, body = await read(bob, path)
        assert (status, b"rows" in body) == (403, False)
        assert (await bob("GET", path.removesuffix("/blob"))).status == 200


async def test_an_owner_takes_his_data_back(served: Any, as_user: Any) -> None:
    ada, bob = await as_user("ada"), await as_user("bob")
    uuid = (await ada("POST", "/storage/data", **data())).json["uuid"]
    assert (await bob("DELETE", f"/storage/data/{uuid}")).status == 403
    assert (await ada("DELETE", f"/storage/data/{uuid}")).json["uuid"] == uuid
    assert (await ada("DELETE", f"/storage/data/{uuid}")).status == 404
    assert (await read(ada, f"/storage/data/{uuid}/blob"))[0] == 404
    assert served.node.files.used == 0


async def test_roles(served: Any, as_user: Any) -> None:
    reader = await as_user("reader", "annotator")
    uuid = (await served.native("POST", "/storage/problem", **problem())).json["uuid"]
    assert (await reader("GET", "/storage/problem")).json["length"] == 1
    assert (await read(reader, f"/storage/problem/{uuid}/blob"))[0] == 200
    for method, path, sent in (
        ("POST", "/storage/data", data()),
        ("POST", f"/storage/model?algo={uuid}", {"data": b"x"}),
        ("PATCH", f"/storage/problem/{uuid}", form(("name", "x"))),
        ("DELETE", f"/storage/problem/{uuid}", {}),
    ):
        assert (await reader(method, path, **sent)).status == 403
        assert (await served.anonymous(method, path, **sent)).status == 401
    refused = await served.anonymous("GET", "/storage/problem")
    assert (refused.status, set(refused.json)) == (401, {"error"})
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


async def test_the_file_store_shows_no_blob_under_a_path_that_a_client_wrote(served: Any) -> None:
    uuid = (await served.native("POST", "/storage/data", **data())).json["uuid"]
    path = (await served.node.uplet_storage.get("data", uuid)).path
    assert await served.node.files.find(path)
    from node.errors import NotFound

    files = served.node.files
    for name in (str(path), f"//./{path}", str(path).rpartition("/")[0], ".node"):
        with pytest.raises(NotFound):
            await files.read(name)
        with pytest.raises(NotFound):
            await files.delete([name])
        with pytest.raises(NotFound):
            await files.delete_folder(name)
        async with files.upload("eve") as upload:
            with pytest.raises(NotFound):
                await upload.begin(name)


async def test_a_large_blob_streams_through(served: Any) -> None:
    """More than any body that is held as a whole may have."""
    piece = bytes(range(256)) * 4096
    pieces = 80
    uuid = str(uuid4())
    head, tail = (
        part
        for part in form(("uuid", uuid), ("size", str(pieces * len(piece))), ("blob", "@"))["data"].split(
            b"@"
        )
    )
    held = []

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(pieces):
            yield piece
            held.append(sum(file.stat().st_size for file in arriving.iterdir()))
        yield tail

    arriving = served.node.config.files_folder / "incoming"
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    made = await served.native("POST", "/storage/data", data=body(), headers={"Content-Type": kind})
    assert made.status == 201
    assert max(held) > 64 * MIB  # it reached the disk while it was still coming
    status, headers, blob = await read(served.native, f"/storage/data/{uuid}/blob")
    assert (status, len(blob)) == (200, pieces * len(piece))
    assert headers["ETag"] == f'"{hashlib.sha256(piece * pieces).hexdigest()}"'


async def test_an_upload_that_breaks_off_leaves_nothing(served: Any) -> None:
    body = form(("size", str(MIB)), ("blob", bytes(MIB)))["data"]
    _, writer = await asyncio.open_connection(*re.findall(r"[\d.]+", served.url.partition("//")[2]))
    auth = aiohttp.encode_basic_auth(served.node.first_key.access_key, served.node.first_key.secret_key)
    writer.write(
        f"POST /storage/data HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    )
    writer.write(body[: MIB // 2])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    arriving = served.node.config.files_folder / "incoming"
    async with asyncio.timeout(10):
        while [*arriving.iterdir()]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await served.node.files.count() == 0


async def test_a_full_node_says_so_before_and_while_a_blob_comes(start: Any, tmp_path: Path) -> None:
    async with start(tmp_path / "home", files_quota=2 * MIB) as served:
        assert (await served.native("POST", "/storage/data", **data(bytes(MIB // 2)))).status == 201
        large = data(bytes(32 * MIB))
        refused = await served.native("POST", "/storage/data", **large | {"data": io.BytesIO(large["data"])})
        assert (refused.status, set(refused.json)) == (507, {"error"})
        assert "--files-quota" in refused.json["error"]

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(32):
                yield bytes(MIB)

        small = form(("name", "a"), ("size", "1"), ("blob", "a"))
        algo = (await served.native("POST", "/storage/algo", **small)).json["uuid"]
        late = await served.native("POST", f"/storage/model?algo={algo}", data=unannounced())
        assert late.status == 507
        assert served.node.files.used == MIB // 2 + 1


async def test_a_node_that_starts_again_still_has_its_blobs(
    start: Any, store_url: str, tmp_path: Path
) -> None:
    settings = {} if store_url.startswith("sqlite") else {"database_url": store_url}
    uuid = str(uuid4())
    async with start(tmp_path / "home", **settings) as served:
        assert (await served.native("POST", "/storage/data", **data(uuid=uuid))).status == 201
        assert (await served.native("POST", "/storage/data", **data(uuid=uuid))).status == 409
    async with start(tmp_path / "home", **settings) as served:
        assert (await read(served.native, f"/storage/data/{uuid}/blob"))[2] == b"rows"
        assert (await served.native("GET", "/storage/data")).json["items"][0]["uuid"] == uuid
        assert (await served.native("DELETE", f"/storage/data/{uuid}")).status == 200
        assert served.node.files.used == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_nothing_that_is_sent_is_an_error_of_ours(served: Any, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["problem", "algo", "data", "prediction"]))
    names = st.sampled_from(["uuid", "name", "description", "size", "blob", "owner", ""])
    values = st.one_of(
        st.text(max_size=300), st.binary(max_size=300), st.sampled_from(["1", "4", str(uuid4())])
    )
    fields = data.draw(st.lists(st.tuples(names, values), max_size=6))
    encoded = [(n, v if isinstance(v, bytes) else v.encode("utf-8", "replace")) for n, v in fields]
    answer = await served.native("POST", f"/storage/{kind}", **form(*encoded))
    assert answer.status in (201, 400, 409, 413)
    assert ("uuid" in json.loads(answer.text)) == (answer.status == 201)
