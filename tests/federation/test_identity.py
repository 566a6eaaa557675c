"""Who a node is."""

from hashlib import sha256

import pytest

from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.identity import Identity, PublicIdentity, open_statement, sign_statement
from federation.sealed_box import BoxSealer, open_box


def test_a_node_id_is_a_hash_of_both_public_keys(identity):
    keys = identity.public.signing + identity.public.agreement
    assert identity.node_id == sha256(keys).hexdigest()[:32]


def test_the_same_seed_is_the_same_node(identity, stranger):
    assert Identity.from_seed(bytes(range(64))) == identity != stranger


def test_nothing_shows_the_seed(identity):
    seed = bytes(range(64))
    for text in (repr(identity), str(identity), repr(identity.public)):
        assert repr(seed[:8])[2:-1] not in text and seed[:8].hex() not in text
    with pytest.raises(LocalProtocolError, match="64 bytes, not 5") as caught:
        Identity.from_seed(b"short")
    assert "short" not in str(caught.value)


def test_a_signature_is_of_one_signer_over_one_message(identity, stranger):
    signature = identity.sign(b"message")
    assert identity.public.verify(signature, b"message")
    assert not identity.public.verify(signature, b"massage")
    assert not stranger.public.verify(signature, b"message")
    assert not identity.public.verify(b"too short", b"message")


def test_a_statement_of_one_kind_does_not_pass_as_another(identity):
    statement = sign_statement(identity, b"leave", b"body")
    assert open_statement(identity.public, b"leave", statement, 1000, "wish") == b"body"
    with pytest.raises(RemoteProtocolError) as caught:
        open_statement(identity.public, b"charter", statement, 1000, "charter")
    assert caught.value.reason is RefusalReason.BAD_SIGNATURE
    with pytest.raises(RemoteProtocolError) as caught:
        open_statement(identity.public, b"leave", statement, 10, "wish")
    assert caught.value.reason is RefusalReason.OVERSIZE


def test_a_box_opens_for_its_recipient_in_its_context_only(identity, stranger, entropy):
    sealer = BoxSealer(entropy)
    box = sealer.seal(identity.public.agreement, b"context", b"secret")
    assert open_box(identity, sealer.ephemeral, b"context", box) == b"secret"
    for who, context, sealed in (
        (stranger, b"context", box),
        (identity, b"other", box),
        (identity, b"context", box[:-1] + bytes([box[-1] ^ 1])),
    ):
        with pytest.raises(RemoteProtocolError):
            open_box(who, sealer.ephemeral, context, sealed)


def test_a_key_whose_secret_everybody_knows_is_refused(identity, entropy):
    with pytest.raises(RemoteProtocolError):
        identity.agree(bytes(32))
    with pytest.raises(RemoteProtocolError):
        BoxSealer(entropy).seal(bytes(32), b"", b"secret")


def test_public_keys_have_32_bytes():
    with pytest.raises(RemoteProtocolError):
        PublicIdentity(bytes(31), bytes(32))
