"""What becomes ready is said on the node's broker, to workers that were let in and to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from node.config import NatsAccess
from node.uplets import hearers, hints
from transport import subjects
from transport.bus import BusError, PermissionDenied, Subscription
from transport.credentials import NKey
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer

SECONDS = 20


@pytest.fixture
async def led(start: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A node with a broker of its own."""
    async with start(tmp_path / "home", role="admin") as it:
        yield it


@pytest.fixture
async def enter() -> AsyncIterator[Callable[..., Awaitable[NatsBus]]]:
    """Connect to where a node says, with a key."""
    async with AsyncExitStack() as stack:

        async def connect(where: dict[str, Any], key: NKey | None) -> NatsBus:
            bus = await NatsBus.connect(
                where["servers"], key, tls_fingerprint=where["fingerprint"], patience=5, timeout=5
            )
            stack.push_async_callback(bus.close)
            return bus

        yield connect


async def hearing(client: Any, key: NKey) -> Any:
    return await client.ok("POST", "/api/uplets/hearers", {"nkey": key.public})


async def heard(subscription: Subscription) -> tuple[str, Any]:
    async with asyncio.timeout(SECONDS):
        message = await anext(subscription)
    return message.subject, json.loads(message.payload)


async def make_one(client: Any, algo: str = "A") -> Any:
    """A learnuplet that is ready."""
    with contextlib.suppress(AssertionError):  # there already
        await client.problem()
        await client.data("D")
    await client.algo(algo)
    return (await client.learnuplets(algo=algo))[0]


async def test_a_worker_hears_of_what_is_ready_and_takes_it(led: Any, enter: Any) -> None:
    client = led.client(await led.node.keys.create("worker", "user"))
    admin = led.client(led.node.first_key)
    key = NKey.generate()
    where = await hearing(client, key)
    assert where["subjects"] == [f"suffice.uplets.{led.node.node_id}.*"]
    assert where["expires"] == pytest.approx(time.time() + 24 * 3600, abs=60)
    bus = await enter(where, key)
    subscription = await bus.subscribe(where["subjects"][0])
    uplet = await make_one(admin)
    assert await heard(subscription) == (f"suffice.uplets.{led.node.node_id}.train", uplet)
    assert (await client.claim(uplet)).status == 200
    await client.ok("POST", f"/learndone/{uplet['uuid']}", {"status": "failed"})
    await admin.learn(await make_one(admin, "B"))
    await heard(subscription)
    await admin.ok("POST", "/prediction", {"data": "X", "problem": "P"})
    (asked,) = await admin.preduplets()
    assert await heard(subscription) == (f"suffice.uplets.{led.node.node_id}.prediction", asked)
    assert led.node.problems() == {}


async def test_of_many_who_hear_the_same_one_gets_it(led: Any, enter: Any) -> None:
    admin = led.client(led.node.first_key)
    await admin.learn(await make_one(admin))
    asked, workers = 30, 5
    taken: list[tuple[int, str]] = []

    async def work(number: int, client: Any, subscription: Subscription) -> None:
        for _ in range(asked):
            _, uplet = await heard(subscription)
            if (await client.claim(uplet, f"worker {number}")).status == 200:
                taken.append((number, uplet["uuid"]))

    hearing_all = []
    for number in range(workers):
        client, key = led.client(await led.node.keys.create(f"worker {number}", "user")), NKey.generate()
        where = await hearing(client, key)
        subscription = await (await enter(where, key)).subscribe(where["subjects"][0])
        hearing_all.append(work(number, client, subscription))
    at_work = asyncio.gather(*hearing_all)
    await admin.ok("POST", "/prediction", {"data": [f"X{i}" for i in range(asked)], "problem": "P"})
    await at_work
    assert len(taken) == len({uuid for _, uuid in taken}) == asked
    held = {(uplet["worker"], uplet["uuid"]) for uplet in await admin.preduplets(status="pending")}
    assert held == {(f"worker {number}", uuid) for number, uuid in taken}


async def test_a_worker_hears_again_of_what_is_given_back(led: Any, enter: Any) -> None:
    admin = led.client(led.node.first_key)
    key = NKey.generate()
    where = await hearing(admin, key)
    subscription = await (await enter(where, key)).subscribe(where["subjects"][0])
    uplet = await make_one(admin)
    await heard(subscription)
    await admin.claim(uplet)
    await led.node.uplets.release(uplet["uuid"].replace("-", ""))
    assert (await heard(subscription))[1]["uuid"] == uplet["uuid"]


async def test_who_was_not_let_in_stays_outside(led: Any, enter: Any) -> None:
    admin = led.client(led.node.first_key)
    where = await hearing(admin, NKey.generate())
    with pytest.raises(PermissionDenied):
        await enter(where, NKey.generate())
    with pytest.raises(BusError):
        await enter(where, None)


async def test_a_worker_reads_and_writes_nothing_of_a_federation(led: Any, enter: Any) -> None:
    await led.node.federations.create("air", owner="admin")
    federation = led.node.federations._drivers["air"].row.federation_id
    admin = led.client(led.node.first_key)
    key = NKey.generate()
    bus = await enter(await hearing(admin, key), key)
    for pattern in (subjects.everything(federation), "suffice.>", ">"):
        with pytest.raises(PermissionDenied):
            await bus.subscribe(pattern)
    charter = subjects.state(federation, "charter", "00000001")
    with pytest.raises(PermissionDenied):
        await bus.get(charter)
    with pytest.raises(PermissionDenied):
        await bus.put(charter, b"forged")


async def test_a_key_is_let_in_until_it_is_ended_and_after_a_restart(
    start: Any, enter: Any, tmp_path: Path, store_url: str
) -> None:
    kept, ended = NKey.generate(), NKey.generate()
    async with start(tmp_path / "home", role="admin", database_url=store_url) as it:
        client = it.client(it.node.first_key)
        where = await hearing(client, kept)
        await hearing(client, ended)
        (first, second) = (await client.ok("GET", "/api/uplets/hearers"))["hearers"]
        assert (first["key"], second["key"]) == (kept.public, ended.public)
        await client.ok("DELETE", f"/api/uplets/hearers/{ended.public}")
        assert (await client("DELETE", f"/api/uplets/hearers/{ended.public}")).status == 404
        with pytest.raises(PermissionDenied):
            await enter(where, ended)
    async with start(tmp_path / "home", role="admin", database_url=store_url) as it:
        await it.node.federations.create("air", owner="admin")
        bus = await enter(where, kept)
        subscription = await bus.subscribe(where["subjects"][0])
        uplet = await make_one(it.client(it.node.first_key))
        assert (await heard(subscription))[1] == uplet
        with pytest.raises(PermissionDenied):
            await enter(where, ended)


async def test_a_key_whose_time_is_over_is_let_in_no_longer(
    led: Any, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = led.client(led.node.first_key)
    key = NKey.generate()
    where = await hearing(client, key)
    bus = await enter(where, key)
    later = time.time() + hearers.LIFETIME + 1
    monkeypatch.setattr(hearers.time, "time", lambda: later)
    await led.node.hearers.check()
    monkeypatch.undo()
    subscription_or_end = bus.subscribe(where["subjects"][0])
    with pytest.raises(BusError):
        await subscription_or_end
    assert (await client.ok("GET", "/api/uplets/hearers"))["hearers"] == []
    assert (await hearing(client, key))["expires"] > time.time()  # it may come again


async def test_a_key_goes_with_the_access_key_that_let_it_in(led: Any, enter: Any) -> None:
    access_key = await led.node.keys.create("worker", "user")
    key = NKey.generate()
    where = await hearing(led.client(access_key), key)
    await led.node.keys.revoke(access_key.access_key)
    await led.node.hearers.check()
    with pytest.raises(PermissionDenied):
        await enter(where, key)


async def test_each_access_key_sees_and_ends_what_it_let_in(led: Any) -> None:
    ada, bob = [led.client(await led.node.keys.create(name, "user")) for name in ("ada", "bob")]
    key = NKey.generate()
    await hearing(ada, key)
    assert (await bob.ok("GET", "/api/uplets/hearers"))["hearers"] == []
    assert (await bob("DELETE", f"/api/uplets/hearers/{key.public}")).status == 404
    assert (await bob("POST", "/api/uplets/hearers", {"nkey": key.public})).status == 409
    assert len((await led.client(led.node.first_key).ok("GET", "/api/uplets/hearers"))["hearers"]) == 1
    reader = led.client(await led.node.keys.create("reader", "annotator"))
    assert (await reader("POST", "/api/uplets/hearers", {"nkey": key.public})).status == 403


@pytest.mark.parametrize("nkey", ["", "U" * 56, "\u0000", "SU" + "A" * 56, "é" * 56, 1, None, "U" + "A" * 54])
async def test_what_is_no_key_is_refused(led: Any, nkey: Any) -> None:
    answer = await led.client(led.node.first_key)("POST", "/api/uplets/hearers", {"nkey": nkey})
    assert answer.status == 400
    assert led.node.hearers._let_in == {}


async def test_of_too_many_the_one_not_renewed_for_longest_makes_room(led: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(hearers, "MOST", 2)
    client, other = led.client(led.node.first_key), led.client(await led.node.keys.create("other", "user"))
    first, second, third, others = (NKey.generate() for _ in range(4))
    await hearing(other, others)
    for key in (first, second, first, third):
        await hearing(client, key)
    known = [one["key"] for one in (await client.ok("GET", "/api/uplets/hearers"))["hearers"]]
    assert known == [others.public, first.public, third.public]


async def test_a_node_without_a_broker_has_nothing_to_hear(served: Any, admin: Any) -> None:
    where = await hearing(admin, NKey.generate())
    assert where == {"servers": [], "fingerprint": None, "subjects": [], "expires": None}
    await make_one(admin)
    assert served.node.problems() == {}


async def test_hints_go_to_the_broker_that_a_node_was_told_of(start: Any, enter: Any, tmp_path: Path) -> None:
    """Its operator decides who hears them there."""
    mine, worker = NKey.generate(), NKey.generate()
    async with EmbeddedServer(tmp_path / "nats", mine.public) as server:
        access = NatsAccess((server.url,), nkey_seed=mine.seed, tls_fingerprint=server.fingerprint)
        async with start(tmp_path / "home", nats=access) as it:
            admin = it.client(it.node.first_key)
            where = await hearing(admin, worker)
            assert where["servers"] == [server.url]
            assert where["expires"] is None
            node_id = it.node.node_id
            await server.set_users({worker.public: subjects.hearer_permissions(node_id, worker.public)})
            bus = await enter(where, worker)
            subscription = await bus.subscribe(where["subjects"][0])
            uplet = await make_one(admin)
            assert (await heard(subscription))[1] == uplet


async def test_a_broker_that_is_away_loses_hints_and_nothing_else(start: Any, tmp_path: Path) -> None:
    mine = NKey.generate()
    server = EmbeddedServer(tmp_path / "nats", mine.public)
    await server.start()
    access = NatsAccess((server.url,), nkey_seed=mine.seed, tls_fingerprint=server.fingerprint)
    await server.stop()
    async with start(tmp_path / "home", nats=access) as it:
        admin = it.client(it.node.first_key)
        uplet = await make_one(admin)
        async with asyncio.timeout(SECONDS):
            while "hints" not in it.node.problems():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await admin.claim(uplet)).status == 200


async def test_a_learnuplet_of_very_much_data_is_said_without_them(led: Any, monkeypatch: Any) -> None:
    admin = led.client(led.node.first_key)
    uplet = await led.node.uplets.get("learnuplet", (await make_one(admin))["uuid"])
    whole = hints._written(uplet)
    assert json.loads(whole)["train_data"] == ["D"]
    monkeypatch.setattr(hints, "MOST_BYTES", len(whole) - 1)
    assert json.loads(hints._written(uplet)) == json.loads(whole) | {"train_data": [], "test_data": []}
