"""Whatever arrives, in whatever state: `receive` returns, and no stranger changes what the members hold."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests_federation_tools import Circle, moments_of

from federation.charter import Approval
from federation.member import Federation
from federation.outputs import Output, Put, Refused, Reread

slots = st.one_of(
    st.tuples(
        st.sampled_from(["charter", "welcome", "join", "leave"]), st.sampled_from(["00000001", "x", ""])
    ),
    st.tuples(st.just("statistics"), st.sampled_from(["flights", "p"]), st.text(max_size=5)),
    st.lists(st.text(max_size=5), max_size=4).map(tuple),
)


def settled(circle_class, moments):
    """Nodes in every state, and all that is on their bus."""
    circle = circle_class(approval=Approval.MANUAL)
    for name in ("jfk", "lga", "bos", "ord"):
        circle.join(name)
    waiting = {request.name: key for key, request in circle.admin.requests.items()}
    circle.do("ewr", "refuse", waiting["bos"])
    circle.do("ewr", "approve", waiting["jfk"], waiting["lga"])
    for version, name in enumerate(("ewr", "jfk", "lga"), start=1):
        circle.contribute(name, version, moments([float(version)]))
    return circle


@pytest.fixture(scope="module")
def circle():
    return settled(Circle, moments_of)


def restored(circle, name: str) -> Federation:
    return Federation.restore(
        circle.identity(name),
        circle.nodes[name].snapshot(),
        circle.records[name].values(),
        entropy=circle.entropy,
    )


def harmless(outputs: list[Output]) -> bool:
    return all(isinstance(output, Refused | Reread) for output in outputs)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["ewr", "jfk", "bos", "ord"]), slots, st.binary(max_size=200))
def test_any_bytes_in_any_slot(circle, name, slot, data):
    node = restored(circle, name)
    before = node.snapshot()
    outputs = node.receive(slot, data, circle.now)
    assert harmless(outputs)
    node.refusals.clear()
    assert node.snapshot() == before


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["ewr", "jfk", "lga", "ord"]), st.integers(0, 2**32), st.booleans())
def test_real_messages_mutated_and_misplaced(circle, name, seed, misplaced):
    chance = random.Random(seed)
    node = restored(circle, name)
    slot = chance.choice(sorted(circle.slots))
    data = bytearray(circle.slots[slot])
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= chance.randint(1, 255)
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    if misplaced:
        slot = chance.choice(sorted(circle.slots))
    before = node.snapshot()
    assert harmless(node.receive(slot, bytes(data), circle.now))
    node.refusals.clear()
    assert node.snapshot() == before


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False))
def test_all_true_messages_in_any_order_any_number_of_times(circle, chance):
    """A node that has everything already has nothing to say about hearing it again."""
    for name in ("ewr", "jfk", "lga"):
        node = restored(circle, name)
        fused = node.fused("flights").moments.digest()
        for slot in chance.choices(sorted(circle.slots), k=30):
            assert not [o for o in node.receive(slot, circle.slots[slot], circle.now) if isinstance(o, Put)]
        assert node.fused("flights").moments.digest() == fused
        assert node.refusals.total() == 0


def test_who_floods_from_the_future_fills_a_bounded_list(circle, monkeypatch):
    from federation.contribution import KIND
    from federation.envelope import EpochKey, Header, seal
    from federation.errors import RefusalReason
    from federation.identity import Identity

    monkeypatch.setattr("federation.membership.MAX_WAITING", 5)
    node = restored(circle, "jfk")
    chance = random.Random(1)
    for number in range(8):
        flooder = Identity.from_seed(chance.randbytes(64))
        header = Header(node.id, 99, flooder.node_id, 1, KIND, "")
        data = seal(header, b"", flooder, EpochKey(node.id, 99, bytes(32)), chance.randbytes)
        outputs = node.receive(("statistics", "flights", flooder.node_id), data, circle.now)
        assert isinstance(outputs[0], Reread if number < 5 else Refused)
    assert node.status().waiting == 5
    assert node.status().refusals == {RefusalReason.TOO_MANY_WAITING.value: 3}
