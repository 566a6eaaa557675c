"""The envelope alone: what opens it and what does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.envelope import MAX_HEADER_BYTES, EpochKey, Header, open_envelope, parse_envelope, seal
from federation.errors import LocalProtocolError, RefusalReason, RemoteProtocolError
from federation.identity import Identity

SENDER = Identity.from_seed(bytes(range(64)))
KEY = EpochKey("airports", 3, bytes(range(32)))
HEADER = Header("airports", 3, SENDER.node_id, 7, "contribution", "ab" * 32)
PLAINTEXT = b"sum of delays: 1234; " * 20
SEALED = seal(HEADER, PLAINTEXT, SENDER, KEY, bytes)


def test_what_is_sealed_is_opened():
    envelope = parse_envelope(SEALED)
    assert envelope.header == HEADER
    assert open_envelope(envelope, SENDER.public, KEY) == PLAINTEXT


def test_the_plaintext_is_not_in_it():
    assert b"delays" not in SEALED
    assert seal(HEADER, PLAINTEXT, SENDER, KEY, lambda count: b"x" * count) != SEALED


@pytest.mark.parametrize(
    "key",
    [
        EpochKey("airports", 3, bytes(32)),
        EpochKey("airports", 4, bytes(range(32))),
        EpochKey("stations", 3, bytes(range(32))),
    ],
)
def test_the_key_of_another_epoch_or_federation_does_not_open_it(key):
    with pytest.raises(RemoteProtocolError) as caught:
        open_envelope(parse_envelope(SEALED), SENDER.public, key)
    assert caught.value.reason is RefusalReason.UNREADABLE


def test_a_member_cannot_speak_for_another(stranger):
    """It knows the epoch key and so the other's cipher, but not the other's signature."""
    posed = seal(HEADER, PLAINTEXT, stranger, KEY, bytes)
    for public in (SENDER.public, stranger.public):
        with pytest.raises(RemoteProtocolError) as caught:
            open_envelope(parse_envelope(posed), public, KEY)
        assert caught.value.reason is RefusalReason.BAD_SIGNATURE


@settings(deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_opened(position, difference):
    changed = bytearray(SEALED)
    changed[position] ^= difference
    with pytest.raises(RemoteProtocolError):
        open_envelope(parse_envelope(bytes(changed)), SENDER.public, KEY)


@settings(deadline=None)
@given(st.integers(0, len(SEALED) - 1))
def test_a_part_is_never_opened(length):
    with pytest.raises(RemoteProtocolError):
        open_envelope(parse_envelope(SEALED[:length]), SENDER.public, KEY)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_without_ado(data):
    with pytest.raises(RemoteProtocolError):
        parse_envelope(data)


def test_limits_come_before_copies(monkeypatch):
    with pytest.raises(RemoteProtocolError, match=f"at most {MAX_HEADER_BYTES} are accepted"):
        parse_envelope(b"\x01\xff\xff" + bytes(200))
    monkeypatch.setattr("federation.envelope.MAX_ENVELOPE_BYTES", 2000)
    with pytest.raises(LocalProtocolError, match="an envelope takes 2000; use fewer attributes"):
        seal(HEADER, bytes(1500), SENDER, KEY, bytes)
