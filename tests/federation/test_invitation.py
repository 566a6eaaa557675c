"""The string that is pasted."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import InvitationError, LocalProtocolError, RefusalReason
from federation.identity import Identity
from federation.invitation import PREFIX, Invitation, write_invitation

ADMIN = Identity.from_seed(bytes(range(64)))
UNWRITTEN = Invitation(
    federation="f" * 32,
    name="airports",
    id="1" * 32,
    expires=8200.0,
    epoch=3,
    admin=ADMIN.public,
    secret=b"sixteen secret b",
    broker={"servers": ["tls://a:4222", "tls://b:4222"], "fingerprint": "ab12"},
)
TEXT = write_invitation(UNWRITTEN, ADMIN, None, bytes)
PROTECTED = write_invitation(UNWRITTEN, ADMIN, "correct horse", bytes)


def reason_of(text: str, password: str | None = None) -> RefusalReason:
    with pytest.raises(InvitationError) as caught:
        Invitation.parse(text, password)
    return caught.value.reason


def test_what_is_written_is_read():
    assert Invitation.parse(TEXT) == UNWRITTEN
    assert Invitation.parse(f"  {TEXT}\n") == UNWRITTEN
    assert Invitation.parse(PROTECTED, "correct horse") == UNWRITTEN


def test_it_is_one_word_that_survives_a_chat_window():
    assert TEXT.startswith(PREFIX)
    assert TEXT.removeprefix(PREFIX).replace("-", "").replace("_", "").isalnum()


def test_a_password_hides_everything():
    assert reason_of(PROTECTED) is RefusalReason.PASSWORD_NEEDED
    assert reason_of(PROTECTED, "wrong horse") is RefusalReason.WRONG_PASSWORD
    assert reason_of(PROTECTED, "") is RefusalReason.WRONG_PASSWORD


@settings(deadline=None)
@given(st.integers(len(PREFIX), len(TEXT) - 2), st.sampled_from("ABCabc019-_ ."))
def test_an_altered_character_is_noticed(position, character):
    altered = TEXT[:position] + character + TEXT[position + 1 :]
    if altered != TEXT:
        assert reason_of(altered) is RefusalReason.ALTERED


@settings(deadline=None)
@given(st.integers(0, len(PROTECTED) - 1))
def test_a_part_is_not_an_invitation_and_not_a_wrong_password(length):
    assert reason_of(PROTECTED[:length], "correct horse") is RefusalReason.ALTERED


def test_a_recomputed_checksum_does_not_help_who_changes_a_part():
    """The content is signed by the key that it names."""
    raw = urlsafe_b64decode(TEXT.removeprefix(PREFIX) + "=" * (-len(TEXT.removeprefix(PREFIX)) % 4))
    data = raw[:-8].replace(b"tls://a:4222", b"tls://z:4222")
    forged = PREFIX + urlsafe_b64encode(data + sha256(data).digest()[:8]).decode().rstrip("=")
    assert reason_of(forged) is RefusalReason.ALTERED


@settings(deadline=None)
@given(st.text())
def test_any_other_text_is_refused(text):
    assert reason_of(text) is RefusalReason.ALTERED
    assert reason_of(PREFIX + text) is RefusalReason.ALTERED


def test_it_expires():
    UNWRITTEN.check_expiry(8199.9)
    with pytest.raises(InvitationError, match="expired 100 s ago; ask for a new one") as caught:
        UNWRITTEN.check_expiry(8300.0)
    assert caught.value.reason is RefusalReason.EXPIRED


def test_nothing_shows_the_secret():
    assert "sixteen" not in repr(UNWRITTEN) and "ab12" not in repr(UNWRITTEN)
    assert "correct horse" not in PROTECTED


def test_a_broker_that_does_not_fit_is_said_at_once(circle):
    with pytest.raises(LocalProtocolError, match="shorten `broker`"):
        circle.admin.invite({"servers": ["x" * 70_000]}, now=0.0)
    with pytest.raises(LocalProtocolError, match="over at once"):
        circle.admin.invite({}, now=0.0, lifetime=0.0)
