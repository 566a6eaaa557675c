"""Contributions: what is taken, what is refused and why, and what does not leave the node."""

import pytest

from federation.contribution import KIND, Contribution
from federation.envelope import Header, parse_envelope, seal
from federation.errors import FusionError, LocalProtocolError, QuorumError, RefusalReason
from federation.outputs import (
    ContributionDropped,
    ContributionReceived,
    ContributionReleased,
    Put,
    Refused,
    Withheld,
)
from federation.slot import project_token, statistics_slot
from federation.statistics import Moments, Schema, Table


@pytest.fixture
def pair(circle, moments):
    """ewr and jfk; jfk has contributed twice."""
    circle.join("jfk")
    circle.contribute("jfk", 1, moments([1.0, 2.0]))
    circle.first = circle.slots[slot_of(circle)]
    circle.contribute("jfk", 2, moments([1.0, 2.0, 3.0]))
    return circle


def slot_of(circle, name="jfk", project="flights"):
    return statistics_slot(project, circle.identity(name).node_id)


def sealed(circle, contribution, name="jfk", **header):
    """What `name` could send, rightly or wrongly."""
    node = circle.nodes[name]
    fields = {
        "federation": node.id,
        "epoch": node.charter.number,
        "sender": node.identity.node_id,
        "sequence": 1000,
        "kind": KIND,
        "schema": contribution.schema,
    }
    return seal(
        Header(**fields | header), contribution.record, node.identity, node._chain.key, circle.entropy
    )


def reaction(circle, payload, slot=None):
    """ewr's one reaction to a payload in jfk's slot, and that it changed nothing but the count."""
    before = circle.admin.fused("flights") if circle.admin.charter.needed == 1 else None
    outputs = circle.deliver("ewr", slot or slot_of(circle), payload)
    assert len(outputs) == 1 and isinstance(outputs[0], Refused), outputs
    assert circle.admin.refusals[outputs[0].reason] >= 1
    assert before is None or circle.admin.fused("flights") == before
    return outputs[0]


def test_the_newer_contribution_replaces_the_older(pair, moments):
    pair.contribute("ewr", 1, moments([7.0]))
    assert pair.admin.fused("flights").moments == moments([1.0, 2.0, 3.0, 7.0])


def test_the_same_message_again_is_nothing_new_and_an_older_one_is_a_replay(pair):
    assert pair.deliver("ewr", slot_of(pair), pair.slots[slot_of(pair)]) == []
    refused = reaction(pair, pair.first)
    assert refused.reason is RefusalReason.REPLAYED
    assert refused.detail == "'jfk' sent sequence 1 after 2"
    assert pair.admin.status().refusals == {"replayed sequence": 1}


def test_a_changed_byte_anywhere_is_noticed(pair):
    payload = sealed(pair, Contribution.parse(pair.records["jfk"]["flights", pair.identity("jfk").node_id]))
    for position in range(0, len(payload), 7):
        changed = bytearray(payload)
        changed[position] ^= 4
        assert reaction(pair, bytes(changed)).reason is not None


def test_what_comes_from_nobody_we_know_is_refused(pair, stranger):
    slot = statistics_slot("flights", stranger.node_id)
    contribution = Contribution.parse(pair.records["jfk"]["flights", pair.identity("jfk").node_id])
    assert reaction(pair, sealed(pair, contribution, sender=stranger.node_id), slot).reason is (
        RefusalReason.UNKNOWN_SENDER
    )


def test_a_message_of_another_federation_or_slot_is_refused(pair):
    contribution = Contribution.parse(pair.records["jfk"]["flights", pair.identity("jfk").node_id])
    assert (
        reaction(pair, sealed(pair, contribution, federation="other")).reason
        is RefusalReason.WRONG_FEDERATION
    )
    assert reaction(pair, sealed(pair, contribution, kind="gossip")).reason is RefusalReason.WRONG_SLOT
    other = slot_of(pair, project="cancellations")
    assert reaction(pair, sealed(pair, contribution), other).reason is RefusalReason.WRONG_SLOT


def test_a_stale_epoch_is_refused(pair):
    contribution = Contribution.parse(pair.records["jfk"]["flights", pair.identity("jfk").node_id])
    payload = sealed(pair, contribution)
    pair.do("ewr", "set_project", "other", None)
    assert reaction(pair, payload).reason is RefusalReason.STALE_EPOCH


def test_what_is_no_frame_is_refused(pair, monkeypatch):
    for payload in (b"", b"\x01", b"\x02" * 300, b"\x01\xff\xff" + bytes(300), b"\x01\x00\x01" + bytes(300)):
        assert reaction(pair, payload).reason is RefusalReason.BROKEN_FRAME
    monkeypatch.setattr("federation.envelope.MAX_ENVELOPE_BYTES", 1000)
    refused = reaction(pair, bytes(1001))
    assert (refused.reason, refused.sender) == (RefusalReason.OVERSIZE, pair.identity("jfk").node_id)
    assert refused.detail == "envelope: 1001 bytes, at most 1000 are accepted"


def test_a_slot_that_does_not_exist_is_refused(pair):
    for slot in ((), ("gossip", "x"), ("charter",), ("charter", "a.b"), ("statistics", "p"), ("join", "*")):
        (refused,) = pair.deliver("ewr", slot, b"payload")
        assert refused.reason is RefusalReason.UNKNOWN_SLOT


def test_an_authentic_contribution_that_cannot_be_used_takes_the_former_one_with_it(pair, moments):
    """Otherwise who saw the former one would count it, and who came later would not."""
    contribution = Contribution("flights", 3, 5, moments([]).schema.digest(), b"", 0)
    header = Contribution.of("flights", 3, moments([1.0])).record
    lying = Contribution("flights", 3, 1, moments([]).schema.digest(), header + b"more", len(header))
    dropped, refused = pair.deliver("ewr", slot_of(pair), sealed(pair, lying))
    assert dropped == ContributionDropped("flights", pair.identity("jfk").node_id)
    assert refused.reason is RefusalReason.BROKEN_FRAME
    with pytest.raises(QuorumError, match=r"missing: .*jfk"):
        pair.admin.fused("flights")
    again = pair.deliver("ewr", slot_of(pair), sealed(pair, contribution, sequence=1001))
    assert [output.reason for output in again] == [RefusalReason.BROKEN_FRAME]
    pair.do("jfk", "contribute", "flights", 4, moments([5.0]))
    assert reaction(pair, pair.first).reason is RefusalReason.REPLAYED


def test_a_schema_in_the_charter_binds(pair, schema, moments):
    agreed = schema(delay="0.1")
    pair.do("ewr", "set_project", "flights", agreed)
    finer = moments([1.25], schema(delay="0.01"))
    assert isinstance(pair.contribute("jfk", 3, finer)[0], ContributionReleased)
    cases = (
        (schema(delay="1"), "coarser than the agreed"),
        (schema(distance="0.1"), "lacks delay and has distance, which the project does not know"),
        (schema(delay="0.1", distance="1"), "has distance, which the project does not know"),
    )
    for sequence, (wrong, problem) in enumerate(cases, start=2000):
        with pytest.raises(LocalProtocolError, match=problem):
            pair.contribute("jfk", 4, moments([1.0], wrong))
        payload = sealed(pair, Contribution.of("flights", 4, moments([1.0], wrong)), sequence=sequence)
        refused = pair.deliver("ewr", slot_of(pair), payload)[-1]
        assert refused.reason is RefusalReason.WRONG_SCHEMA and problem in refused.detail


def test_a_new_schema_drops_what_no_longer_agrees(pair, schema):
    pair.do("ewr", "set_project", "flights", schema(distance="1"))
    me = pair.identity("jfk").node_id
    assert ContributionDropped("flights", me) in pair.told("ewr")
    assert ContributionDropped("flights", me) in pair.told("jfk")
    assert pair.records["jfk"] == {}


def test_an_open_project_is_the_union_of_what_its_members_have(pair, schema, moments):
    pair.contribute("ewr", 1, moments([4.0], schema(distance="1")))
    fused = pair.admin.fused("flights")
    assert set(fused.moments.schema.names) == {"delay", "distance"}
    assert fused.moments.digest() == pair.nodes["jfk"].fused("flights").moments.digest()


def test_an_open_project_whose_members_contradict_each_other_says_so(pair):
    from federation.statistics import Attribute, AttributeType

    text = Moments(Schema((Attribute("delay", AttributeType.CATEGORY),)))
    pair.contribute("ewr", 1, text)
    with pytest.raises(FusionError, match=r"'delay'.*Give the project a schema, or expel the member"):
        pair.nodes["jfk"].fused("flights")


def test_versions_go_forward(pair, moments):
    assert pair.contribute("jfk", 2, moments([1.0, 2.0, 3.0])) == []
    with pytest.raises(LocalProtocolError, match="version 2 after version 2 was released"):
        pair.contribute("jfk", 2, moments([1.0]))
    with pytest.raises(LocalProtocolError, match="version 1 after version 2 was released"):
        pair.contribute("jfk", 1, moments([1.0]))
    with pytest.raises(LocalProtocolError, match="has no project 'weather'"):
        pair.do("jfk", "contribute", "weather", 1, moments([1.0]))


def test_too_few_rows_are_not_released(make_circle, moments):
    """One attribute and the margin of five: six rows, and six between two releases."""
    circle = make_circle(min_rows_margin=5)
    circle.join("jfk")
    (withheld,) = circle.contribute("jfk", 1, moments([1.0] * 5))
    assert withheld == Withheld("flights", 1, "rows of a release", 5, 6)
    assert "5, the federation's disclosure policy needs 6" in withheld.detail
    fact, put = circle.contribute("jfk", 2, moments([1.0] * 6))
    assert isinstance(fact, ContributionReleased) and isinstance(put, Put)
    for version, rows in ((3, 7), (4, 11), (5, 6)):
        (withheld,) = circle.contribute("jfk", version, moments([2.0] * rows))
        assert (withheld.rule, withheld.needed) == ("rows changed since the last release", 6)
    circle.contribute("jfk", 6, moments([1.0] * 12))
    assert isinstance(circle.contribute("jfk", 7, moments([1.0] * 11))[0], Withheld)  # forgetting one row
    assert isinstance(circle.contribute("jfk", 8, moments([]))[0], ContributionReleased)  # forgetting all
    circle.restart("jfk")
    assert isinstance(circle.contribute("jfk", 9, moments([1.0] * 5))[0], Withheld)


def test_no_part_of_split_statistics_is_released_with_too_few_rows(make_circle):
    """Three attributes and the margin of five: eight rows of each level, and eight between two releases."""
    schema = Schema.from_dict(
        {
            "attributes": [
                {"name": "delay", "type": "C", "quantum": "1"},
                {"name": "late", "type": "B"},
                {"name": "carrier", "type": "T"},
            ],
            "split": "carrier",
        }
    )

    def rows(**levels):
        carriers = [level for level, count in levels.items() for _ in range(count)]
        cells = [[float(at), float(at % 2), carrier or None] for at, carrier in enumerate(carriers)]
        return Moments(schema).learn(Table.from_rows(["delay", "late", "carrier"], cells))

    circle = make_circle(min_rows_margin=5)
    circle.join("jfk")
    (withheld,) = circle.contribute("jfk", 1, rows(AA=20, UA=7))
    assert withheld.rule == "rows of a release, of those with 'carrier' 'UA'"
    assert (withheld.rows, withheld.needed) == (7, 8)
    assert isinstance(circle.contribute("jfk", 2, rows(AA=20, UA=8))[0], ContributionReleased)
    (withheld,) = circle.contribute("jfk", 3, rows(AA=23, UA=18))
    assert withheld.rule == "rows changed since the last release, of those with 'carrier' 'AA'"
    circle.restart("jfk")
    assert isinstance(circle.contribute("jfk", 4, rows(AA=24, UA=19))[0], Withheld)
    assert isinstance(circle.contribute("jfk", 5, rows(AA=20, UA=18))[0], ContributionReleased)
    assert isinstance(
        circle.contribute("jfk", 6, rows(AA=30))[0], ContributionReleased
    )  # all of UA forgotten


def test_any_project_name_is_a_token(pair, moments):
    for name in ("flights 2013", "_x", "päße", "a.b.*", "x" * 200):
        pair.do("ewr", "set_project", name, None)
        assert len(project_token(name)) <= 64 and project_token(name).replace("_", "").isalnum()
        pair.do("jfk", "contribute", name, 1, moments([1.0]))
        assert isinstance(pair.told("ewr")[-1], ContributionReceived)
    assert len({project_token(name) for name in ("_x", project_token("_x"), "x")}) == 3
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(LocalProtocolError, match="1 to 200 printable characters"):
            pair.do("ewr", "set_project", name, None)


def test_the_bus_sees_ciphertext(pair, moments):
    record = moments([1.0, 2.0, 3.0]).to_bytes()
    payload = pair.slots[slot_of(pair)]
    assert not any(record[at : at + 12] in payload for at in range(0, len(record) - 12, 4))
    header = parse_envelope(payload).header
    assert (header.sender, header.sequence, header.schema) == (
        pair.identity("jfk").node_id,
        2,
        moments([]).schema.digest(),
    )


def test_a_member_s_contribution_may_be_asked_for_alone(pair, moments):
    """Members of a federation hold each other's contributions, as they were released."""
    jfk = pair.identity("jfk").node_id
    pair.contribute("ewr", 1, moments([7.0]))
    for name in ("ewr", "jfk"):
        found = pair.nodes[name].of_member("flights", jfk)
        assert (found.moments, found.needed) == (moments([1.0, 2.0, 3.0]), 1)
        assert [(part.name, part.version, part.rows) for part in found.contributions] == [("jfk", 2, 3)]
    with pytest.raises(LocalProtocolError, match=r"no member 'nobody' .it has: ewr, jfk"):
        pair.admin.of_member("flights", "nobody")
    pair.join("lga")
    with pytest.raises(QuorumError, match="missing: lga"):
        pair.admin.of_member("flights", pair.identity("lga").node_id)
    with pytest.raises(LocalProtocolError, match="no project"):
        pair.admin.of_member("trains", jfk)
