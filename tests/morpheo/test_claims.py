"""A claim on an uplet opens the private blobs that it needs, to its worker and while it works; no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from node.store.schema import tasks
from node.tasks import now
from node.tracking.watchdog import SILENCE, Watchdog


async def blob(client: Any, kind: str, uuid: str, data: bytes = b"rows", **texts: str) -> Any:
    form = aiohttp.FormData()
    for name, text in {"uuid": uuid, "size": str(len(data)), **texts}.items():
        form.add_field(name, text)
    form.add_field("blob", data, filename="blob")
    return await client("POST", f"/storage/{kind}", data=form)


async def reads(client: Any, kind: str, uuid: str) -> int:
    return (await client("GET", f"/storage/{kind}/{uuid}/blob")).status


@pytest.fixture
async def served(start: Any, tmp_path: Path, store_url: str) -> AsyncIterator[Any]:
    """On each kind of database."""
    async with start(tmp_path / "home", database_url=store_url) as it:
        yield it


@pytest.fixture
async def people(as_user: Any, admin: Any) -> dict[str, Any]:
    names = ("owner", "author", "worker", "other")
    return {name: await as_user(name) for name in names} | {"admin": admin}


@pytest.fixture
async def uuids() -> dict[str, str]:
    return {name: str(uuid4()) for name in ("train", "later", "test", "asked", "algo")}


@pytest.fixture
async def problem(people: dict[str, Any], uuids: dict[str, str]) -> str:
    """A problem of the author's, with two batches of the owner's data; all blobs are there."""
    owner, author = people["owner"], people["author"]
    for name, whose in (("train", owner), ("later", owner), ("test", author), ("asked", author)):
        assert (await blob(whose, "data", uuids[name])).status == 201
    assert (await blob(author, "algo", uuids["algo"], name="svm")).status == 201
    await author.problem("P", size=1, tests=[uuids["test"]])
    await owner.data(uuids["train"], uuids["later"])
    await author.algo(uuids["algo"])
    return "P"


async def test_a_claim_opens_the_data_of_its_learnuplet_while_it_runs(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    worker, author = people["worker"], people["author"]
    for name in ("train", "later", "test", "asked"):
        assert await reads(worker, "data", uuids[name]) == 403
    first, _ = await author.learnuplets()
    assert (await worker.claim(first)).status == 200
    opened = {name: await reads(worker, "data", uuids[name]) for name in ("train", "later", "test", "asked")}
    assert opened == {"train": 200, "later": 403, "test": 200, "asked": 403}
    assert await reads(people["other"], "data", uuids["train"]) == 403
    assert await reads(author, "data", uuids["train"]) == 403  # who made the problem does not see its data
    await worker.ok("POST", f"/learndone/{first['uuid']}", {"status": "failed"})
    assert await reads(worker, "data", uuids["train"]) == 403


async def test_a_claim_that_is_given_back_opens_nothing_any_more(
    served: Any, people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    (first, _), worker = await people["author"].learnuplets(), people["worker"]
    await worker.claim(first)
    await served.node.uplets.release(first["uuid"].replace("-", ""))
    assert await reads(worker, "data", uuids["train"]) == 403


async def test_nobody_gets_at_data_by_a_problem_that_he_makes_up(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    """As test data, as training data given in the owner's place, and as what a prediction is made on."""
    eve = people["other"]
    unregistered = str(uuid4())
    assert (await blob(people["owner"], "data", unregistered)).status == 201
    await eve.problem("E", size=1, tests=[uuids["train"]])
    await eve.data(unregistered, problems="E")
    await eve.algo("eve's", problem="E")
    (mine,) = await eve.learnuplets(problem="E")
    assert (await eve.claim(mine)).status == 200
    assert await reads(eve, "data", uuids["train"]) == 403
    assert await reads(eve, "data", unregistered) == 403
    done = {"status": "done", "perf": 1, "train_perf": [1], "test_perf": [1]}
    await eve.ok("POST", f"/learndone/{mine['uuid']}", done)
    await eve.ok("POST", "/prediction", {"data": uuids["later"], "problem": "E"})
    (asked,) = await eve.preduplets(problem="E")
    assert (await eve.claim(asked)).status == 200
    assert await reads(eve, "data", uuids["later"]) == 403


async def test_data_that_are_read_for_an_uplet_are_opened_by_that_alone(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    """A worker that has an honest uplet, or whose key opens all, does not feed one that somebody made up."""
    author, eve = people["author"], people["other"]
    await eve.problem("E", size=1, tests=[uuids["train"]])
    await eve.data("mine", problems="E")
    await eve.algo("eve's", problem="E")
    (made_up,) = await eve.learnuplets(problem="E")
    honest, _ = await author.learnuplets(problem="P")
    path = f"/storage/data/{uuids['train']}/blob"
    for client in (people["worker"], people["admin"]):
        await client.claim(made_up)
        await client.claim(honest)
        answers = [await client("GET", path, params={"uplet": u["uuid"]}) for u in (honest, made_up)]
        assert [answer.status for answer in answers] == [200, 403]
        for uplet in (made_up, honest):
            await client.ok("POST", f"/api/jobs/{uplet['uuid'].replace('-', '')}/release")
    for other in (honest["uuid"], "none", "\0"):
        assert (await people["worker"]("GET", path, params={"uplet": other})).status == 403


async def test_what_an_admin_names_is_named_for_its_owner(
    people: dict[str, Any], uuids: dict[str, str]
) -> None:
    admin, worker = people["admin"], people["worker"]
    for name in ("train", "test"):
        await blob(people["owner"], "data", uuids[name])
    await admin.problem("P", size=1, tests=[uuids["test"]])
    await admin.data(uuids["train"])
    await admin.algo("A")
    (uplet,) = await admin.learnuplets()
    await worker.claim(uplet)
    assert [await reads(worker, "data", uuids[name]) for name in ("train", "test")] == [200, 200]


async def test_who_asked_for_a_prediction_reads_it(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    worker, author = people["worker"], people["author"]
    await worker.learn((await author.learnuplets())[0])
    await author.ok("POST", "/prediction", {"data": uuids["asked"], "problem": "P"})
    (asked,) = await author.preduplets()
    await worker.claim(asked)
    assert await reads(worker, "data", uuids["asked"]) == 200
    prediction = str(uuid4())
    assert (await blob(worker, "prediction", prediction, b"1")).status == 201
    assert await reads(author, "prediction", prediction) == 403
    done = {"status": "done", "prediction_storage_uuid": prediction}
    await worker.ok("POST", f"/preddone/{asked['uuid']}", done)
    assert await reads(author, "prediction", prediction) == 200
    assert await reads(people["owner"], "prediction", prediction) == 403
    assert await reads(worker, "data", uuids["asked"]) == 403


async def test_a_prediction_is_not_opened_by_a_worker_that_did_not_make_it(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    """Else two users could read anybody's, one asking and one posting its uuid."""
    worker, author, other = people["worker"], people["author"], people["other"]
    prediction = str(uuid4())
    await blob(other, "prediction", prediction, b"1")
    await worker.learn((await author.learnuplets())[0])
    await author.ok("POST", "/prediction", {"data": uuids["asked"], "problem": "P"})
    (asked,) = await author.preduplets()
    await worker.claim(asked)
    done = {"status": "done", "prediction_storage_uuid": prediction}
    await worker.ok("POST", f"/preddone/{asked['uuid']}", done)
    assert await reads(author, "prediction", prediction) == 403


async def test_a_prediction_that_an_admins_worker_made_is_opened_to_nobody_else(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    """Whoever asks, works on it himself and posts the uuid of another's prediction."""
    admin, author, eve = people["admin"], people["author"], people["other"]
    await admin.learn((await author.learnuplets())[0])
    await author.ok("POST", "/prediction", {"data": uuids["asked"], "problem": "P"})
    (asked,) = await author.preduplets()
    await admin.claim(asked)
    prediction = str(uuid4())
    assert (await blob(admin, "prediction", prediction, b"1")).status == 201
    done = {"status": "done", "prediction_storage_uuid": prediction}
    await admin.ok("POST", f"/preddone/{asked['uuid']}", done)
    assert await reads(author, "prediction", prediction) == 200

    await eve.ok("POST", "/prediction", {"data": "anything", "problem": "P"})
    (mine,) = await eve.preduplets(data="anything")
    await eve.claim(mine)
    await eve.ok("POST", f"/preddone/{mine['uuid']}", done)
    assert await reads(eve, "prediction", prediction) == 403


async def test_a_prediction_that_an_admin_posts_in_a_workers_place_is_opened(
    people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    admin, author, worker = people["admin"], people["author"], people["worker"]
    await admin.learn((await author.learnuplets())[0])
    await author.ok("POST", "/prediction", {"data": uuids["asked"], "problem": "P"})
    (asked,) = await author.preduplets()
    await worker.claim(asked)
    prediction = str(uuid4())
    assert (await blob(admin, "prediction", prediction, b"1")).status == 201
    done = {"status": "done", "prediction_storage_uuid": prediction}
    await admin.ok("POST", f"/preddone/{asked['uuid']}", done)
    assert await reads(author, "prediction", prediction) == 200


async def test_a_model_comes_from_the_worker_that_makes_it(
    served: Any, people: dict[str, Any], uuids: dict[str, str], problem: str
) -> None:
    worker, other, author = people["worker"], people["other"], people["author"]
    first, _ = await author.learnuplets()
    path = f"/storage/model?algo={uuids['algo']}&uuid={first['model_end']}"
    assert (await other("POST", path, data=b"poison")).status == 403  # before anybody has it
    await other.claim(first)
    assert (await worker("POST", path, data=b"poison")).status == 403
    assert (await other("POST", path, data=b"half")).status == 201
    await served.node.uplets.release(first["uuid"].replace("-", ""))
    assert (await other("POST", path, data=b"late")).status == 403
    await worker.claim(first)
    assert (await worker("POST", path, data=b"whole")).status == 201  # what the first left is replaced
    whole = {"status": "done", "perf": 1, "train_perf": [1], "test_perf": [1]}
    await worker.ok("POST", f"/learndone/{first['uuid']}", whole)
    assert (await worker("POST", path, data=b"other")).status == 403
    model = await worker("GET", f"/storage/model/{first['model_end']}/blob")
    assert model.text == "whole"
    assert served.node.files.used == len(b"rows") + len(b"whole")  # equal contents are kept once
    (found,) = (await author.ok("GET", "/storage/model"))["items"]
    assert found["algo"] == uuids["algo"]


async def test_a_worker_that_says_that_it_is_alive_keeps_its_claim(
    served: Any, people: dict[str, Any], problem: str
) -> None:
    (first, _), worker = await people["author"].learnuplets(), people["worker"]
    await worker.claim(first)
    job = first["uuid"].replace("-", "")
    ping = f"/api/jobs/{job}/ping"
    node = served.node
    watchdog = Watchdog(node.store, node.events, {"learnuplet": node.uplets.release}, since=0.0)
    silent = tasks.update().where(tasks.c.id == job).values(last_update=now() - SILENCE - 1)
    await node.store.write(lambda c: c.execute(silent))
    assert (await worker("POST", ping)).json["status"] == "in_progress"
    assert await watchdog.look(now()) == []
    await node.store.write(lambda c: c.execute(silent))
    assert await watchdog.look(now()) == [job]
    assert (await people["author"].learnuplets())[0]["status"] == "todo"
    assert (await worker("POST", f"/api/jobs/{uuid4().hex}/ping")).status == 404


async def test_only_who_works_on_an_uplet_or_owns_it_says_that_it_is_alive(
    people: dict[str, Any], problem: str
) -> None:
    """Else anybody keeps an uplet of a dead worker from the next."""
    (first, _), worker = await people["author"].learnuplets(), people["worker"]
    await worker.claim(first)
    ping = f"/api/jobs/{first['uuid'].replace('-', '')}/ping"
    answers = {name: (await client("POST", ping)).status for name, client in people.items()}
    assert answers == {"owner": 403, "author": 200, "worker": 200, "other": 403, "admin": 200}
    await worker.ok("POST", f"/learndone/{first['uuid']}", {"status": "failed"})
