"""The charter alone: signing, sealing, and reading only what is well formed."""

from dataclasses import replace

import pytest

from federation.charter import (
    Approval,
    Charter,
    MemberRecord,
    Role,
    charter_hash,
    open_charter,
    open_epoch_key,
    seal_charter,
)
from federation.errors import RefusalReason, RemoteProtocolError


@pytest.fixture
def charter(identity, stranger, schema):
    return Charter(
        federation="airports",
        name="The airports",
        number=3,
        previous=bytes(32),
        issued=1000.5,
        approval=Approval.MANUAL,
        quorum=2,
        min_rows_margin=5,
        projects={"flights": schema(delay="0.1"), "open": None},
        roster=(
            MemberRecord(identity.public, "ewr", Role.ADMIN, "UABC", 1),
            MemberRecord(stranger.public, "jfk", Role.PEER, "UDEF", 3),
        ),
    )


def test_what_the_admin_signed_is_read_by_all(charter, identity, stranger, entropy):
    key = bytes(range(32))
    sealed, data = seal_charter(charter, identity, key, entropy)
    assert open_charter(data, identity.public) == sealed
    for member in (identity, stranger):
        assert open_epoch_key(sealed, member) == key
    assert key not in data
    assert len(charter_hash(data)) == 32


def test_the_roster_has_one_order(charter, identity, entropy):
    turned = replace(charter, roster=charter.roster[::-1])
    rosters = {seal_charter(each, identity, bytes(32), entropy)[0].roster for each in (charter, turned)}
    assert len(rosters) == 1


def test_who_is_not_in_the_roster_has_no_key(charter, identity, stranger, entropy):
    sealed, _ = seal_charter(replace(charter, roster=charter.roster[:1]), identity, bytes(32), entropy)
    with pytest.raises(RemoteProtocolError) as caught:
        open_epoch_key(sealed, stranger)
    assert caught.value.reason is RefusalReason.UNREADABLE


def test_a_key_cannot_be_taken_over_into_another_epoch(charter, identity, stranger, entropy):
    sealed, _ = seal_charter(charter, identity, bytes(32), entropy)
    with pytest.raises(RemoteProtocolError):
        open_epoch_key(replace(sealed, number=4), stranger)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"number": 0}, "out of range"),
        ({"number": 10**9}, "out of range"),
        ({"quorum": 0}, "quorum is less than 1"),
        ({"min_rows_margin": -1}, "min_rows_margin is less than 0"),
        ({"previous": b""}, "32 bytes"),
        ({"issued": "now"}, "'issued' is of type str"),
        ({"number": True}, "'number' is of type bool"),
        ({"projects": {"": None}}, "1 to 200 characters"),
        ({"roster": ()}, "exactly one admin"),
    ],
)
def test_a_charter_that_makes_no_sense_is_refused_even_if_it_is_signed(
    charter, identity, entropy, changes, complaint
):
    _, data = seal_charter(replace(charter, **changes), identity, bytes(32), entropy)
    with pytest.raises(RemoteProtocolError, match=complaint):
        open_charter(data, identity.public)


def test_every_member_stands_in_it_once_and_the_signer_is_its_admin(charter, identity, stranger, entropy):
    admin, peer = charter.roster
    for roster in ((admin, peer, peer), (replace(admin, role=Role.PEER), replace(peer, role=Role.ADMIN))):
        _, data = seal_charter(replace(charter, roster=roster), identity, bytes(32), entropy)
        with pytest.raises(RemoteProtocolError):
            open_charter(data, identity.public)
    _, data = seal_charter(charter, stranger, bytes(32), entropy)
    with pytest.raises(RemoteProtocolError) as caught:
        open_charter(data, identity.public)
    assert caught.value.reason is RefusalReason.BAD_SIGNATURE


def test_the_quorum_counts_all_unless_it_says_otherwise(charter):
    assert charter.needed == 2
    assert replace(charter, quorum=None).needed == 2
    assert replace(charter, quorum=1).needed == 1
