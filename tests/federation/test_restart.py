"""What a node knows after `kill -9`: all that it had stored."""

import pytest

from federation.charter import Approval
from federation.errors import LocalProtocolError, RefusalReason
from federation.lifecycle import State
from federation.member import Federation
from federation.outputs import ContributionReceived, Refused
from federation.slot import statistics_slot


@pytest.fixture
def pair(circle, moments):
    circle.join("jfk")
    circle.contribute("jfk", 1, moments([1.0]))
    circle.contribute("ewr", 1, moments([2.0]))
    return circle


def test_a_restored_machine_is_the_same_machine(pair):
    for name in ("ewr", "jfk"):
        status, fused = pair.nodes[name].status(), pair.nodes[name].fused("flights")
        snapshot = pair.nodes[name].snapshot()
        pair.restart(name)
        assert pair.nodes[name].status() == status
        assert pair.nodes[name].fused("flights") == fused
        assert pair.nodes[name].snapshot() == snapshot
        assert [fact for fact in pair.read_all(name) if isinstance(fact, Refused)] == []


def test_sequence_numbers_go_on(pair, moments):
    pair.restart("jfk")
    pair.contribute("jfk", 2, moments([3.0]))
    assert pair.admin.fused("flights").moments == moments([2.0, 3.0])


def test_pending_requests_and_unused_invitations_survive(make_circle):
    circle = make_circle(approval=Approval.MANUAL)
    unused = circle.invite()
    circle.join("jfk")
    circle.restart("ewr")
    circle.restart("jfk")
    circle.do("ewr", "approve", *circle.admin.requests)
    assert circle.nodes["jfk"].state is State.MEMBER
    circle.join("lga", unused)
    circle.do("ewr", "approve", *circle.admin.requests)
    assert circle.nodes["lga"].state is State.MEMBER


def test_a_used_invitation_stays_used(circle):
    invitation = circle.invite()
    circle.join("jfk", invitation)
    circle.restart("ewr")
    circle.join("lga", invitation)
    assert circle.nodes["lga"].state is State.REJECTED


def test_a_record_that_was_lost_is_taken_again_from_its_slot_and_nothing_older_is(pair, moments):
    slot = statistics_slot("flights", pair.identity("jfk").node_id)
    older = pair.slots[slot]
    pair.contribute("jfk", 2, moments([5.0]))
    pair.records["ewr"] = dict.fromkeys(pair.records["ewr"], b"damaged")
    pair.restart("ewr")
    (refused,) = pair.deliver("ewr", slot, older)
    assert refused.reason is RefusalReason.REPLAYED
    (received,) = pair.deliver("ewr", slot, pair.slots[slot])
    assert isinstance(received, ContributionReceived)
    pair.contribute("ewr", 1, moments([2.0]))  # our own is contributed again
    assert pair.admin.fused("flights").moments == moments([2.0, 5.0])


def test_a_snapshot_that_is_damaged_or_of_another_version_is_refused(pair, stranger):
    snapshot = pair.admin.snapshot()
    for data in (b"", b"\xc1", snapshot[:-1], snapshot.replace(b"\xa7version\x01", b"\xa7version\x02")):
        with pytest.raises(LocalProtocolError):
            Federation.restore(pair.identity("ewr"), data, entropy=pair.entropy)


def test_a_snapshot_holds_no_private_key(pair):
    for name, identity in pair.identities.items():
        snapshot = pair.nodes[name].snapshot()
        assert identity._signer.private_bytes_raw() not in snapshot
        assert identity._agreement.private_bytes_raw() not in snapshot
        assert pair.nodes[name]._chain.key.secret in snapshot  # needed; that is why the file is 0600


def test_who_left_keeps_no_key(pair):
    pair.do("jfk", "leave")
    status = pair.nodes["jfk"].status()
    pair.restart("jfk")
    assert pair.nodes["jfk"].status() == status
    assert pair.nodes["jfk"].state is State.LEFT
    assert pair.nodes["jfk"]._chain.key is None
    assert all(member.contributions == {} for member in status.members)


def test_no_repr_shows_a_secret(pair):
    invitation = pair.invite()
    entry = pair.admin._admission.entries[invitation.id]
    key = pair.admin._chain.key
    for thing in (pair.admin, key, invitation, entry, pair.admin.status(), pair.facts):
        for secret in (key.secret, invitation.secret):
            assert repr(secret)[2:-1] not in repr(thing)
