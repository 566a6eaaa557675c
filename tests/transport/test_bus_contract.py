"""What every bus does. Each test runs over memory and over a real NATS server."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from transport import bus as bus_module
from transport import subjects
from transport.bus import Bus, BusUnavailable, Message, PayloadTooLarge, Subscription, Watch

Connect = Callable[[], Awaitable[Bus]]
STATE = "suffice.f.state."


async def taken(arrivals: Subscription | Watch, count: int) -> list[Message | str]:
    async with asyncio.timeout(20):
        return [await anext(arrivals) for _ in range(count)]


async def test_a_value_that_was_put_is_got_by_everyone(connect: Connect) -> None:
    writer, reader = await connect(), await connect()
    for payload in (b"", b"one", b"x" * 64 * 2**10, b"y" * (64 * 2**10 + 1), bytes(range(256)) * 2**12):
        await writer.put(f"{STATE}leave.n1", payload)
        assert await reader.get(f"{STATE}leave.n1") == payload
        assert await writer.get(f"{STATE}leave.n1") == payload


async def test_the_latest_value_wins(connect: Connect) -> None:
    bus = await connect()
    for size in (10, 300_000, 5, 1_000_000, 200_000, 0, 400_000):
        await bus.put(f"{STATE}leave.n1", b"v" * size)
    assert await bus.get(f"{STATE}leave.n1") == b"v" * 400_000


async def test_there_is_nothing_where_nothing_was_put(connect: Connect) -> None:
    assert await (await connect()).get(f"{STATE}leave.nobody") is None


async def test_two_writers_of_one_subject_leave_one_of_their_values(connect: Connect) -> None:
    first, second = await connect(), await connect()
    values = [bytes([i]) * 300_000 for i in range(6)]
    async with asyncio.TaskGroup() as group:
        for i, value in enumerate(values):
            group.create_task((first if i % 2 else second).put(f"{STATE}leave.n1", value))
    assert await first.get(f"{STATE}leave.n1") in values


async def test_a_watch_names_what_exists_then_what_is_new(connect: Connect) -> None:
    writer, reader = await connect(), await connect()
    await writer.put(f"{STATE}charter.1", b"1")
    await writer.put(f"{STATE}charter.2", b"2" * 200_000)
    await writer.put(f"{STATE}leave.n1", b"3")
    watch = await reader.watch(f"{STATE}charter.*")
    assert set(await taken(watch, 2)) == {f"{STATE}charter.1", f"{STATE}charter.2"}
    await writer.put(f"{STATE}leave.n2", b"not of this pattern")
    await writer.put(f"{STATE}charter.3", b"4")
    assert await taken(watch, 1) == [f"{STATE}charter.3"]
    await writer.put(f"{STATE}charter.1", b"5" * 200_000)
    assert await taken(watch, 1) == [f"{STATE}charter.1"]
    assert await reader.get(f"{STATE}charter.1") == b"5" * 200_000


async def test_whoever_is_told_of_a_value_can_read_it(connect: Connect) -> None:
    writer, reader = await connect(), await connect()
    watch = await reader.watch(f"{STATE}>")
    for round_ in range(30):
        payload = b"%d" % round_ * (1 + round_ % 2 * 200_000)
        await writer.put(f"{STATE}leave.n1", payload)
        assert await taken(watch, 1) == [f"{STATE}leave.n1"]
        assert await reader.get(f"{STATE}leave.n1") == payload


async def test_a_slow_watcher_hears_of_a_subject_once(connect: Connect) -> None:
    bus = await connect()
    watch = await bus.watch(f"{STATE}>")
    for round_ in range(50):
        await bus.put(f"{STATE}leave.n1", b"%d" % round_)
    await bus.put(f"{STATE}leave.n2", b"")
    named = [await taken(watch, 1)]
    while named[-1] != [f"{STATE}leave.n2"]:
        named.append(await taken(watch, 1))
    assert len(named) <= 4


async def test_a_watch_lists_thousands(connect: Connect) -> None:
    bus = await connect()
    names = {f"{STATE}statistics.p{i % 7}.n{i}" for i in range(1500)}
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(bus.put(name, b"x"))
    assert set(await taken(await bus.watch(f"{STATE}statistics.>"), len(names))) == names


async def test_a_message_reaches_who_listens_in_order(connect: Connect) -> None:
    sender, receiver = await connect(), await connect()
    subscription = await receiver.subscribe(subjects.events_pattern("f"))
    for i in range(100):
        await sender.publish(subjects.events("f", "n1", "scalar"), b"%d" % i)
    await sender.publish("suffice.g.events.n1.scalar", b"of another federation")
    messages = await taken(subscription, 100)
    assert messages == [Message("suffice.f.events.n1.scalar", b"%d" % i) for i in range(100)]
    assert subscription.dropped == 0


async def test_a_listener_that_lags_drops_and_counts(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, until: Callable[..., Awaitable[None]]
) -> None:
    monkeypatch.setattr(bus_module, "MAX_WAITING_MESSAGES", 10)
    bus = await connect()
    subscription = await bus.subscribe("suffice.f.events.>")
    for _ in range(25):
        await bus.publish("suffice.f.events.n1.x", b"x")
    await until(lambda: subscription.dropped == 15)
    assert len(await taken(subscription, 10)) == 10


async def test_what_is_closed_ends(connect: Connect) -> None:
    bus = await connect()
    subscription, watch = await bus.subscribe("suffice.f.events.>"), await bus.watch(f"{STATE}>")
    await subscription.close()
    assert [message async for message in subscription] == []
    assert bus.connected
    await bus.close()
    assert [name async for name in watch] == []
    assert not bus.connected
    with pytest.raises(BusUnavailable):
        await bus.put(f"{STATE}leave.n1", b"")


async def test_sizes_have_limits(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = await connect()
    with pytest.raises(PayloadTooLarge):
        await bus.publish("suffice.f.events.n1.x", bytes(2**20 + 1))
    monkeypatch.setattr("transport.memory.MAX_PAYLOAD", 1000)
    monkeypatch.setattr("transport.slots.MAX_PAYLOAD", 1000)
    with pytest.raises(PayloadTooLarge):
        await bus.put(f"{STATE}leave.n1", bytes(1001))


async def test_a_federation_without_a_store_is_an_error_that_says_so(connect: Connect) -> None:
    with pytest.raises(BusUnavailable, match="admin's node makes it"):
        await (await connect()).put("suffice.nowhere.state.leave.n1", b"")


@pytest.mark.parametrize(
    "subject", ["", "a b", "suffice.f.events.n1", "suffice.f.state.*", "suffice.f.state"]
)
async def test_only_state_subjects_keep_values(connect: Connect, subject: str) -> None:
    bus = await connect()
    for call in (bus.put(subject, b""), bus.get(subject)):
        with pytest.raises(subjects.SubjectError):
            await call


async def test_bytes_are_counted(connect: Connect) -> None:
    writer, reader = await connect(), await connect()
    await writer.put(f"{STATE}leave.n1", bytes(500_000))
    await reader.get(f"{STATE}leave.n1")
    assert 500_000 <= writer.bytes_sent < 510_000
    assert 500_000 <= reader.bytes_received < 510_000
