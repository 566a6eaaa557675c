"""What the embedded server lets an admin, a member, an invitee and a hearer do."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from transport import subjects
from transport.bus import BusUnavailable, Message, PermissionDenied
from transport.credentials import NKey
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.subjects import state

Connect = Callable[..., Awaitable[NatsBus]]


@pytest.fixture
async def root(connect_as: Connect, admin: NKey) -> NatsBus:
    """The admin's bus; federations f and g exist and hold something of node n2's."""
    bus = await connect_as(admin)
    for federation in "fg":
        await bus.provision(federation)
        await bus.put(state(federation, "statistics", "p", "n2"), bytes(300_000))
        await bus.put(state(federation, "charter", "00000001"), b"charter")
    return bus


@pytest.fixture
async def member(server: EmbeddedServer, root: NatsBus, connect_as: Connect) -> NatsBus:
    """Node n1, member of federation f."""
    key = NKey.generate()
    await server.set_users({key.public: subjects.member_permissions("f", "n1", key.public)})
    return await connect_as(key)


@pytest.fixture
async def invitee(server: EmbeddedServer, root: NatsBus, connect_as: Connect) -> NatsBus:
    """Whoever holds invitation i1 to federation f."""
    key = NKey.generate()
    await server.set_users({key.public: subjects.invitee_permissions("f", "i1", key.public)})
    return await connect_as(key)


async def test_a_member_reads_its_federation_and_writes_its_own(root: NatsBus, member: NatsBus) -> None:
    assert await member.get(state("f", "statistics", "p", "n2")) == bytes(300_000)
    watch = await member.watch(subjects.state_pattern("f", ">"))
    assert {await anext(watch), await anext(watch)} == {
        state("f", "statistics", "p", "n2"),
        state("f", "charter", "00000001"),
    }
    for slot in (("statistics", "p", "n1"), ("statistics", "q", "n1"), ("leave", "n1")):
        await member.put(state("f", *slot), b"mine" * 100_000)
        assert await root.get(state("f", *slot)) == b"mine" * 100_000
    listener = await root.subscribe(subjects.everything("f"))
    await member.publish(subjects.events("f", "n1", "scalar"), b"event")
    async with asyncio.timeout(10):
        assert (await anext(listener)).payload == b"event"


@pytest.mark.parametrize(
    "slot",
    [
        ("statistics", "p", "n2"),
        ("leave", "n2"),
        ("charter", "00000002"),
        ("charter", "n1"),
        ("welcome", "i1"),
        ("join", "i1"),
    ],
)
async def test_a_member_cannot_write_what_is_another_s(
    root: NatsBus, member: NatsBus, slot: tuple[str, ...]
) -> None:
    before = await root.get(state("f", *slot))
    for payload in (b"forged", bytes(200_000)):
        with pytest.raises(PermissionDenied, match="publish"):
            await member.put(state("f", *slot), payload)
    with pytest.raises(PermissionDenied):
        await member.request(f"{subjects.chunks(state('f', *slot), 'a')}0", b"forged")
    assert await root.get(state("f", *slot)) == before


async def test_a_member_sees_nothing_of_another_federation(root: NatsBus, member: NatsBus) -> None:
    with pytest.raises(PermissionDenied):
        await member.get(state("g", "charter", "00000001"))
    with pytest.raises(PermissionDenied):
        await member.put(state("g", "statistics", "p", "n1"), b"")
    for pattern in ("suffice.g.>", "suffice.>", ">", "$JS.>"):
        with pytest.raises(PermissionDenied):
            await member.subscribe(pattern) if "$" not in pattern else await member._listen(pattern, _ignore)
    with pytest.raises(PermissionDenied):
        await member.watch(subjects.state_pattern("g", ">"))


async def test_a_member_cannot_change_or_empty_the_store(root: NatsBus, member: NatsBus) -> None:
    for request in ("STREAM.PURGE", "STREAM.DELETE", "STREAM.UPDATE", "STREAM.MSG.DELETE", "CONSUMER.CREATE"):
        with pytest.raises(PermissionDenied):
            await member.request(f"$JS.API.{request}.{subjects.stream('f')}", b"{}")
    with pytest.raises(PermissionDenied):
        await member.provision("mine")


async def test_a_member_cannot_listen_to_another_s_replies(member: NatsBus, admin: NKey) -> None:
    for pattern in ("_INBOX.>", f"{subjects.inbox(admin.public)}.>"):
        with pytest.raises(PermissionDenied):
            await member._listen(pattern, _ignore)


async def test_a_member_cannot_announce_a_change_that_did_not_happen(member: NatsBus, root: NatsBus) -> None:
    with pytest.raises(PermissionDenied):
        await member.request(subjects.changed(state("f", "statistics", "p", "n1")), b"")


async def test_an_invitee_asks_to_join_and_reads_the_answer(root: NatsBus, invitee: NatsBus) -> None:
    watch = await invitee.watch(state("f", "welcome", "i1"))
    await invitee.put(state("f", "join", "i1"), bytes(100_000))
    assert await root.get(state("f", "join", "i1")) == bytes(100_000)
    await root.put(state("f", "welcome", "i1"), bytes(100_001))
    async with asyncio.timeout(10):
        assert await anext(watch) == state("f", "welcome", "i1")
    assert await invitee.get(state("f", "welcome", "i1")) == bytes(100_001)
    assert await invitee.get(state("f", "charter", "00000001")) == b"charter"


async def test_an_invitee_can_do_nothing_else(root: NatsBus, invitee: NatsBus) -> None:
    for slot in (("statistics", "p", "n2"), ("welcome", "i2"), ("join", "i2")):
        with pytest.raises(PermissionDenied):
            await invitee.get(state("f", *slot))
    for slot in (("join", "i2"), ("welcome", "i1"), ("charter", "00000001"), ("leave", "n2")):
        with pytest.raises(PermissionDenied):
            await invitee.put(state("f", *slot), b"forged")
    watch = await invitee.watch(subjects.state_pattern("f", "charter", "*"))
    with pytest.raises(PermissionDenied):
        await anext(watch)
    with pytest.raises(PermissionDenied):
        await invitee.subscribe(subjects.everything("f"))


async def test_a_hearer_hears_what_waits_at_its_node_and_nothing_else(
    server: EmbeddedServer, root: NatsBus, connect_as: Connect
) -> None:
    key = NKey.generate()
    await server.set_users({key.public: subjects.hearer_permissions("n1", key.public)})
    hearer = await connect_as(key)
    heard = await hearer.subscribe(subjects.uplets_pattern("n1"))
    await root.publish(subjects.uplets("n2", "train"), b"another node's")
    await root.publish(subjects.uplets("n1", "train"), b"work")
    async with asyncio.timeout(10):
        assert await anext(heard) == Message("suffice.uplets.n1.train", b"work")
    for pattern in (
        "suffice.uplets.*.train",
        "suffice.uplets.>",
        "suffice.f.>",
        "suffice.>",
        ">",
        "_INBOX.>",
    ):
        with pytest.raises(PermissionDenied):
            await hearer._listen(pattern, _ignore)
    with pytest.raises(PermissionDenied):
        await hearer.get(state("f", "charter", "00000001"))
    for subject in (
        subjects.uplets("n1", "train"),
        subjects.events("f", "n1", "hello"),
        f"{subjects.inbox(NKey.generate().public)}.1",
        "$JS.API.INFO",
    ):
        with pytest.raises(PermissionDenied, match="publish"):
            await hearer.request(subject)


async def test_an_invitee_who_was_admitted_goes_on_as_a_member(
    server: EmbeddedServer, root: NatsBus, invitee: NatsBus, connect_as: Connect
) -> None:
    key = NKey.generate()
    await server.set_users({key.public: subjects.member_permissions("f", "n1", key.public)})
    member = await connect_as(key)
    await member.put(state("f", "statistics", "p", "n1"), b"x")
    with pytest.raises((PermissionDenied, BusUnavailable)):  # the invitation's key is spent
        await invitee.get(state("f", "charter", "00000001"))


async def test_who_is_no_user_is_told_so(server: EmbeddedServer, connect_as: Connect) -> None:
    with pytest.raises(PermissionDenied, match="does not accept these credentials"):
        await connect_as(NKey.generate())


async def test_a_change_of_users_leaves_the_others_connected(
    server: EmbeddedServer, root: NatsBus, member: NatsBus, connect_as: Connect
) -> None:
    users, newcomer = server.users, NKey.generate()
    subscription = await member.subscribe("suffice.f.events.>")
    await server.set_users(users | {newcomer.public: subjects.member_permissions("f", "n3", newcomer.public)})
    await (await connect_as(newcomer)).publish(subjects.events("f", "n3", "hello"), b"hello")
    async with asyncio.timeout(10):
        assert (await anext(subscription)).payload == b"hello"
    await server.set_users(users)
    for bus in (root, member):
        await bus.get(state("f", "charter", "00000001"))
        assert bus._client.stats["reconnects"] == 0


async def test_who_joins_a_second_federation_uses_it_at_once(server: EmbeddedServer, member: NatsBus) -> None:
    (key,) = server.users
    await server.set_users({key: server.users[key] | subjects.member_permissions("g", "n1", key)})
    await member.put(state("g", "leave", "n1"), b"x")
    assert await member.get(state("g", "charter", "00000001")) == b"charter"
    assert member._client.stats["reconnects"] == 0


async def test_who_may_read_less_than_before_is_told_so(
    server: EmbeddedServer, root: NatsBus, member: NatsBus
) -> None:
    (key,) = server.users
    subscription, watch = (
        await member.subscribe("suffice.f.events.>"),
        await member.watch("suffice.f.state.>"),
    )
    await server.set_users({key: subjects.invitee_permissions("f", "i1", key)})
    for arrivals in (subscription, watch):
        with pytest.raises(PermissionDenied):
            async with asyncio.timeout(10):
                while True:
                    await anext(arrivals)
    await member.put(state("f", "join", "i1"), b"x")


async def test_who_is_expelled_is_cut_off_and_told_why(server: EmbeddedServer, member: NatsBus) -> None:
    watch = await member.watch(state("f", "welcome", "i9"))
    await server.set_users({})
    async with asyncio.timeout(20):
        with pytest.raises(PermissionDenied, match="new invitation"):
            await anext(watch)
    assert not member.connected
    with pytest.raises(PermissionDenied, match="new invitation"):
        await member.get(state("f", "charter", "00000001"))


async def _ignore(_: object) -> None:
    raise AssertionError("a message that should not have come")
