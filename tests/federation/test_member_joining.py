"""How a node becomes a member, and how it does not."""

from dataclasses import replace

import pytest

from federation.charter import Approval
from federation.errors import InvitationError, LocalProtocolError, RefusalReason
from federation.lifecycle import State
from federation.outputs import Admitted, JoinRequested, MemberJoined, Put, Refused, Rejected
from federation.slot import charter_slot, join_slot, welcome_slot


def refusals(outputs):
    return [fact.reason for fact in outputs if isinstance(fact, Refused)]


def rejection(outputs):
    return next((fact.reason for fact in outputs if isinstance(fact, Rejected)), None)


def test_a_node_with_an_invitation_is_admitted_at_once(circle):
    told = circle.join("jfk")
    assert [fact for fact in told if isinstance(fact, Admitted)] == [Admitted(3)]
    assert circle.nodes["jfk"].state is State.MEMBER
    assert MemberJoined(circle.identity("jfk").node_id, "jfk", "bus-jfk") in circle.told("ewr")
    assert [member.name for member in circle.nodes["jfk"].status().members] in (
        ["ewr", "jfk"],
        ["jfk", "ewr"],
    )


def test_a_person_may_have_to_approve(make_circle):
    circle = make_circle(approval=Approval.MANUAL)
    circle.join("jfk")
    (request,) = (fact for fact in circle.told("ewr") if isinstance(fact, JoinRequested))
    assert (request.name, request.bus_key) == ("jfk", "bus-jfk")
    assert circle.nodes["jfk"].state is State.JOINING
    assert [waiting.name for waiting in circle.admin.status().requests] == ["jfk"]
    circle.do("ewr", "approve", request.request_id)
    assert circle.nodes["jfk"].state is State.MEMBER
    assert circle.admin.requests == {}


def test_a_person_may_refuse(make_circle):
    circle = make_circle(approval=Approval.MANUAL)
    circle.join("jfk")
    (request,) = circle.admin.requests
    circle.do("ewr", "refuse", request, detail="who are you?")
    assert Rejected("declined by the admin", "who are you?") in circle.told("jfk")
    assert circle.nodes["jfk"].state is State.REJECTED
    with pytest.raises(LocalProtocolError, match="no join request"):
        circle.do("ewr", "approve", request)


def test_many_can_be_approved_in_one_epoch(make_circle):
    circle = make_circle(approval=Approval.MANUAL)
    for name in ("jfk", "lga", "bos"):
        circle.join(name)
    before = circle.admin.status().epoch
    circle.do("ewr", "approve", *circle.admin.requests)
    assert circle.admin.status().epoch == before + 1
    assert all(circle.nodes[name].state is State.MEMBER for name in ("jfk", "lga", "bos"))


def test_an_invitation_is_good_for_one_node(circle):
    invitation = circle.invite()
    circle.join("jfk", invitation)
    told = circle.join("lga", invitation)
    assert rejection(told) == RefusalReason.ALREADY_USED
    assert refusals(circle.told("ewr")) == [RefusalReason.ALREADY_USED]
    assert circle.nodes["jfk"].state is State.MEMBER


def test_a_doubled_request_changes_nothing(make_circle):
    for approval in Approval:
        circle = make_circle(approval=approval)
        invitation = circle.invite()
        circle.join("jfk", invitation)
        status = circle.admin.status()
        for _ in range(3):
            assert (
                circle.deliver("ewr", join_slot(invitation.id), circle.slots[join_slot(invitation.id)]) == []
            )
        assert circle.admin.status() == status


def test_a_node_that_lost_its_state_is_admitted_again_with_the_same_invitation(circle, moments):
    """Its sequence numbers begin again, so it needs a new epoch; its former contribution goes."""
    invitation = circle.invite()
    circle.join("jfk", invitation)
    circle.contribute("jfk", 1, moments([1.0]))
    circle.join("jfk", invitation)
    circle.contribute("jfk", 1, moments([2.0]))
    circle.contribute("ewr", 1, moments([3.0]))
    pooled = moments([2.0, 3.0]).digest()
    assert {node.fused("flights").moments.digest() for node in circle.nodes.values()} == {pooled}


def test_an_expired_invitation_is_refused_on_both_sides(circle):
    invitation = circle.invite(lifetime=60)
    circle.now += 61
    with pytest.raises(InvitationError, match="expired 1 s ago"):
        circle.join("jfk", invitation)
    told = circle.join("lga", replace(invitation, expires=circle.now + 1))  # a joiner whose clock is behind
    assert rejection(told) == RefusalReason.EXPIRED


def test_a_request_without_the_secret_is_refused_and_does_not_use_up_the_invitation(circle):
    invitation = circle.invite()
    told = circle.join("lga", replace(invitation, secret=bytes(16)))
    assert told == [Put(join_slot(invitation.id), circle.slots[join_slot(invitation.id)])]
    assert refusals(circle.told("ewr")) == [RefusalReason.BAD_PROOF]
    circle.join("jfk", invitation)
    assert circle.nodes["jfk"].state is State.MEMBER


def test_an_invitation_that_was_never_made_is_refused(circle):
    circle.join("jfk", replace(circle.invite(), id="0" * 32))
    assert refusals(circle.told("ewr")) == [RefusalReason.UNKNOWN_INVITATION]


def test_a_taken_name_can_be_exchanged_for_another(circle):
    invitation = circle.invite()
    told = circle.join("jfk", invitation, member_name="ewr")
    assert rejection(told) == RefusalReason.NAME_TAKEN
    circle.join("jfk", invitation, member_name="kennedy")
    assert circle.nodes["jfk"].state is State.MEMBER


def test_the_secret_never_travels(circle):
    invitation = circle.invite()
    circle.join("jfk", invitation)
    assert all(invitation.secret not in payload for payload in circle.slots.values())
    assert all(b"jfk" not in circle.slots[slot] for slot in circle.slots if slot[0] == "join")


def test_an_answer_to_another_request_is_not_ours(circle):
    invitation = circle.invite()
    circle.away = {"ewr"}
    circle.join("jfk", invitation)
    circle.away = set()
    other = circle.invite()
    circle.join("lga", other)
    answer = circle.slots[welcome_slot(other.id)]
    assert circle.deliver("jfk", welcome_slot(other.id), answer) == []
    assert refusals(circle.deliver("jfk", welcome_slot(invitation.id), answer)) == [RefusalReason.WRONG_SLOT]
    assert refusals(circle.deliver("jfk", welcome_slot(invitation.id), b"?" * 99)) == [
        RefusalReason.BAD_SIGNATURE
    ]


def test_a_node_that_reads_its_charter_last_is_no_worse_off(circle):
    """The order of reading does not matter, not even the charter that expels it before the one that admits
    it."""
    circle.join("lga")
    circle.away = {"jfk"}
    circle.join("jfk")
    jfk = circle.identity("jfk").node_id
    circle.do("ewr", "expel", jfk)
    admits, expels = charter_slot(4), charter_slot(5)
    circle.deliver("jfk", expels, circle.slots[expels])
    assert circle.nodes["jfk"].state is State.JOINING
    circle.deliver("jfk", admits, circle.slots[admits])
    assert circle.nodes["jfk"].state is State.LEFT


def test_only_the_admin_invites_and_admits(circle, moments):
    circle.join("jfk")
    for method, arguments in (("approve", ("x",)), ("refuse", ("x",)), ("expel", ("x",))):
        with pytest.raises(LocalProtocolError, match="only the admin"):
            circle.do("jfk", method, *arguments)
    with pytest.raises(LocalProtocolError, match="only the admin"):
        circle.nodes["jfk"].invite({}, now=0.0)
    with pytest.raises(LocalProtocolError, match="this node is the admin"):
        circle.join("ewr")
