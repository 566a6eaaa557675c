"""What only the bus in memory can do: lose messages on purpose, the same ones each time."""

from transport.memory import MemoryBroker, MemoryBus


async def received(seed: int) -> list[bytes]:
    broker = MemoryBroker(loss=0.5, seed=seed)
    sender, receiver = MemoryBus(broker), MemoryBus(broker)
    subscription = await receiver.subscribe("suffice.f.events.>")
    for i in range(100):
        await sender.publish("suffice.f.events.n1.x", b"%d" % i)
    return [(await anext(subscription)).payload for _ in range(len(subscription._messages))]


async def test_loss_is_by_seed_and_spares_what_was_put() -> None:
    first = await received(1)
    assert 20 < len(first) < 80
    assert first == await received(1)
    assert first != await received(2)
    bus = MemoryBus(MemoryBroker(loss=1.0))
    await bus.provision("f")
    watch = await bus.watch("suffice.f.state.>")
    await bus.put("suffice.f.state.leave.n1", b"kept")
    assert await anext(watch) == "suffice.f.state.leave.n1"
    assert await bus.get("suffice.f.state.leave.n1") == b"kept"
