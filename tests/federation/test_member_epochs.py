"""What a new epoch means: for those who stay, who left, who were away, and for the chain of charters."""

from dataclasses import replace

import pytest

from federation.chain import CharterChain
from federation.charter import seal_charter
from federation.envelope import EpochKey, open_envelope, parse_envelope
from federation.errors import LocalProtocolError, QuorumError, RefusalReason, RemoteProtocolError
from federation.lifecycle import State
from federation.outputs import (
    CharterAdopted,
    ContributionDropped,
    MemberJoined,
    MemberLeft,
    Put,
    Refused,
    Reread,
)
from federation.slot import charter_slot, leave_slot, statistics_slot


@pytest.fixture
def three(circle, moments):
    """ewr, jfk and lga, each with a contribution."""
    circle.join("jfk")
    circle.join("lga")
    for number, name in enumerate(circle.nodes):
        circle.contribute(name, 1, moments([float(number)] * 3))
    return circle


def digests(circle, *names):
    return {circle.nodes[name].fused("flights").moments.digest() for name in names}


def statistics(circle, name):
    return statistics_slot("flights", circle.identity(name).node_id)


def test_contributions_of_who_stays_remain_across_epochs(three, moments):
    pooled = moments([0.0] * 3 + [1.0] * 3 + [2.0] * 3).digest()
    assert digests(three, "ewr", "jfk", "lga") == {pooled}
    three.join("bos")
    three.contribute("bos", 1, moments([]))
    assert digests(three, "ewr", "jfk", "lga", "bos") == {pooled}


def test_a_new_member_reads_what_was_sealed_again_and_not_what_was_sealed_before(three):
    old = three.slots[statistics(three, "jfk")]
    three.join("bos")
    assert three.slots[statistics(three, "jfk")] != old
    (refused,) = three.deliver("bos", statistics(three, "jfk"), old)
    assert (refused.reason, refused.sender) == (RefusalReason.STALE_EPOCH, three.identity("jfk").node_id)


def test_who_leaves_takes_its_contribution_along_and_cannot_read_on(three, moments):
    key_then = three.nodes["lga"]._chain.key
    three.do("lga", "leave")
    assert three.nodes["lga"].state is State.LEFT
    assert MemberLeft(three.identity("lga").node_id, "lga") in three.told("ewr")
    assert digests(three, "ewr", "jfk") == {moments([0.0] * 3 + [1.0] * 3).digest()}
    envelope = parse_envelope(three.slots[statistics(three, "jfk")])
    assert envelope.header.epoch == three.admin.status().epoch
    jfk = three.identity("jfk").public
    with pytest.raises(RemoteProtocolError):
        open_envelope(envelope, jfk, EpochKey(three.admin.id, envelope.header.epoch, key_then.secret))
    with pytest.raises(LocalProtocolError, match="not a member"):
        three.nodes["lga"].fused("flights")
    assert three.records["lga"] == {}


def test_who_is_expelled_learns_it_from_the_charter(three):
    three.do("ewr", "expel", three.identity("jfk").node_id)
    assert three.nodes["jfk"].state is State.LEFT
    assert ContributionDropped("flights", three.identity("jfk").node_id) in three.told("lga")


def test_a_wish_to_leave_ends_one_membership_and_not_the_next(three):
    three.do("lga", "leave")
    three.join("lga")
    assert three.nodes["lga"].state is State.MEMBER
    slot = leave_slot(three.identity("lga").node_id)
    assert three.deliver("ewr", slot, three.slots[slot]) == []
    assert three.nodes["lga"].state is State.MEMBER


def test_what_somebody_gave_in_an_earlier_membership_does_not_count_in_the_next(three):
    """Also for a member that slept through the leaving and saw only the return."""
    three.away = {"jfk"}
    three.do("lga", "leave")
    three.join("lga")
    three.away = set()
    newest = charter_slot(three.admin.charter.number)
    outputs = three.deliver("jfk", newest, three.slots[newest])
    lga = three.identity("lga").node_id
    assert [type(output) for output in outputs[1:4]] == [MemberLeft, MemberJoined, ContributionDropped]
    assert three.records["jfk"].keys() == three.records["ewr"].keys() - {("flights", lga)}


def test_nobody_can_make_another_leave(three):
    slot = leave_slot(three.identity("jfk").node_id)
    three.do("lga", "leave")
    wish = three.slots[leave_slot(three.identity("lga").node_id)]
    (refused,) = three.deliver("ewr", slot, wish)
    assert refused.reason is RefusalReason.BAD_SIGNATURE


def test_the_admin_cannot_leave_while_others_remain(three):
    with pytest.raises(
        LocalProtocolError, match="cannot leave 'airports' while others remain: expel jfk, lga"
    ):
        three.do("ewr", "leave")
    for name in ("jfk", "lga"):
        three.do("ewr", "expel", three.identity(name).node_id)
    three.do("ewr", "leave")
    assert three.admin.state is State.LEFT


def test_a_message_before_its_charter_is_asked_for_again(three, moments):
    three.away = {"lga"}
    three.do("ewr", "set_project", "other", None)
    three.contribute("jfk", 2, moments([9.0] * 9))
    three.away = set()
    slot = statistics(three, "jfk")
    early = three.nodes["lga"].receive(slot, three.slots[slot], three.now)
    assert early == [Reread((charter_slot(5),))]  # it asks for the charter that it has not seen
    outputs = three.nodes["lga"].receive(charter_slot(5), three.slots[charter_slot(5)], three.now)
    assert outputs[0] == CharterAdopted(5, 3)
    assert outputs[-1] == Reread((slot,))  # and then for the message


def test_who_was_away_needs_only_the_newest_charter(three, moments):
    three.away = {"lga"}
    for name in ("bos", "ord"):
        three.join(name)
        three.contribute(name, 1, moments([]))
    three.away = set()
    three.deliver("lga", charter_slot(6), three.slots[charter_slot(6)])
    assert three.nodes["lga"].charter == three.admin.charter
    assert three.deliver("lga", charter_slot(5), three.slots[charter_slot(5)]) == []
    three.read_all("lga")
    assert len(digests(three, "ewr", "jfk", "lga", "bos", "ord")) == 1


def forged(circle, admin, **changes):
    """A charter after the one in force, changed, signed by `admin`."""
    draft = replace(circle.admin.charter, **changes)
    return seal_charter(draft, admin, bytes(32), circle.entropy)[1]


def test_a_charter_of_another_signer_is_refused(three, stranger):
    data = forged(three, stranger, number=9)
    (refused,) = three.deliver("jfk", charter_slot(9), data)
    assert refused.reason is RefusalReason.BAD_SIGNATURE


def test_a_fork_is_refused_even_if_the_admin_signed_it(three):
    admin = three.identity("ewr")
    same_number = forged(three, admin, number=4, name="another story")
    (refused,) = three.deliver("jfk", charter_slot(4), same_number)
    assert refused.reason is RefusalReason.CHARTER_FORK
    no_successor = forged(three, admin, number=5, previous=bytes(32))
    (refused,) = three.deliver("jfk", charter_slot(5), no_successor)
    assert refused.reason is RefusalReason.CHARTER_FORK
    assert three.nodes["jfk"].charter == three.admin.charter


def test_a_charter_in_the_wrong_place_is_refused(three):
    admin = three.identity("ewr")
    (refused,) = three.deliver("jfk", charter_slot(7), forged(three, admin, number=8))
    assert refused.reason is RefusalReason.WRONG_SLOT
    (refused,) = three.deliver("jfk", charter_slot(9), forged(three, admin, number=9, federation="x"))
    assert refused.reason is RefusalReason.WRONG_FEDERATION
    (refused,) = three.deliver("jfk", ("charter", "nine"), forged(three, admin, number=9))
    assert refused.reason is RefusalReason.UNKNOWN_SLOT


def test_the_quorum_names_who_is_missing(make_circle, moments):
    circle = make_circle(quorum=2)
    circle.join("jfk")
    circle.join("lga")
    circle.contribute("jfk", 1, moments([1.0]))
    with pytest.raises(
        QuorumError, match=r"1 contribution\(s\), the quorum is 2; missing: (ewr, lga|lga, ewr)"
    ):
        circle.nodes["jfk"].fused("flights")
    circle.contribute("ewr", 1, moments([2.0]))
    fused = circle.nodes["lga"].fused("flights")
    assert sorted((part.name, part.version, part.rows) for part in fused.contributions) == [
        ("ewr", 1, 1),
        ("jfk", 1, 1),
    ]
    assert (fused.needed, fused.epoch) == (2, circle.admin.charter.number)


def test_republishing_says_everything_again(three):
    before = dict(three.slots)
    three.slots.clear()  # a bus that lost its memory
    for name in three.nodes:
        three.handle(name, three.nodes[name].republish(three.now))
    assert three.slots.keys() == {slot for slot in before if slot[0] in ("statistics", "welcome")} | {
        charter_slot(4)
    }
    assert not [fact for _, fact in three.facts if isinstance(fact, Refused)]


def test_a_chain_forgets_its_oldest_hashes(three, monkeypatch):
    monkeypatch.setattr("federation.chain.MAX_HASHES", 3)
    for number in range(5):
        three.do("ewr", "set_project", f"p{number}", None)
    assert len(three.nodes["jfk"]._chain._hashes) == 3


def test_a_snapshot_of_the_chain_keeps_what_a_fork_is_noticed_by(three):
    chain = three.nodes["jfk"]._chain
    again = CharterChain.from_dict(chain.to_dict())
    assert (again.number, again._hashes, again.key.secret) == (chain.number, chain._hashes, chain.key.secret)


def test_only_puts_leave_a_node(three):
    """Facts are for the node itself: whatever reaches the bus is a Put, and in its own slots."""
    me = three.identity("jfk").node_id
    own = {output.slot[0] for output in three.told("jfk") if isinstance(output, Put)}
    assert own == {"join", "statistics"}
    assert all(
        o.slot[-1] == me for o in three.told("jfk") if isinstance(o, Put) and o.slot[0] == "statistics"
    )
