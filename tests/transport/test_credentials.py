"""Credentials: given in one way, never shown; and the servers of others that they open."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport.bus import BusUnavailable, PermissionDenied
from transport.credentials import (
    CredentialError,
    CredentialsFile,
    NKey,
    Token,
    UserPassword,
    public_nkey,
    split_url,
)
from transport.nats_bus import NatsBus
from transport.tls import authority_context


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_the_same_from_its_bytes_and_its_seed(secret: bytes) -> None:
    key = NKey.from_raw(secret)
    assert NKey.from_seed(f" {key.seed}\n") == key
    assert key.public.startswith("U")
    assert key.seed not in repr(key)


@given(st.text())
def test_what_is_no_seed_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        NKey.from_seed("SU" + text)
    assert len(text) < 3 or text not in str(caught.value)


def test_a_public_key_is_told_from_what_is_none() -> None:
    key = NKey.generate()
    assert public_nkey(key.public) == key.public
    for text in (
        "",
        key.public[:-1],
        key.public[:-1] + "_",
        key.public.lower(),
        key.seed,
        "é" * 56,
        "U" * 56,
    ):
        with pytest.raises(CredentialError, match="public NKEY"):
            public_nkey(text)


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "bus.nk"
    key = NKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert NKey.load_or_create(path) == key


def test_secrets_do_not_show() -> None:
    for credentials in (UserPassword("ann", "s3cret"), Token("s3cret")):
        assert "s3cret" not in repr(credentials)


@pytest.mark.parametrize(
    ("url", "servers", "credentials"),
    [
        ("broker", ["nats://broker:4222"], None),
        ("tls://broker:5000", ["tls://broker:5000"], None),
        ("nats://a:1, nats://[::1]:2", ["nats://a:1", "nats://[::1]:2"], None),
        ("nats://ann:s%40cret@a:1", ["nats://a:1"], UserPassword("ann", "s@cret")),
        ("nats://t0ken@a", ["nats://a:4222"], Token("t0ken")),
    ],
)
def test_a_url_is_split_into_servers_and_credentials(
    url: str, servers: list[str], credentials: object
) -> None:
    assert split_url(url) == (servers, credentials)


@pytest.mark.parametrize("url", ["", "http://ann:s3cret@x", "nats://", "nats://ann:s3cret@a:port", ","])
def test_a_url_that_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(CredentialError) as caught:
        split_url(url)
    assert "s3cret" not in str(caught.value)


async def test_an_existing_server_is_used_with_user_and_password(plain_server: str) -> None:
    bus = await NatsBus.connect([plain_server], UserPassword("ann", "s3cret"))
    await bus.provision("f")
    await bus.provision("f")
    await bus.put("suffice.f.state.leave.n1", bytes(500_000))
    assert await bus.get("suffice.f.state.leave.n1") == bytes(500_000)
    await bus.close()


async def test_an_existing_server_with_tls_is_trusted_by_its_pin_or_its_authority(
    encrypted_server: tuple[str, str], tmp_path: Path
) -> None:
    url, fingerprint = encrypted_server
    ann = UserPassword("ann", "s3cret")
    authority = authority_context(tmp_path / "certificate.pem")
    for trust in ({"tls_fingerprint": fingerprint}, {"tls": authority}):
        bus = await NatsBus.connect([url.replace("127.0.0.1", "localhost")], ann, **trust)
        await bus.provision("f")
        assert bus.connected
        await bus.close()
    with pytest.raises(BusUnavailable, match="fingerprint is pinned"):
        await NatsBus.connect([url], ann, tls_fingerprint="0" * 64)
    with pytest.raises(BusUnavailable, match="certificate"):
        await NatsBus.connect([url], ann)


async def test_wrong_credentials_are_refused_without_showing_them(plain_server: str) -> None:
    for credentials in (UserPassword("ann", "wr0ng"), None):
        with pytest.raises(PermissionDenied) as caught:
            await NatsBus.connect([plain_server], credentials)
        assert "wr0ng" not in str(caught.value)


async def test_a_server_without_jetstream_is_named_with_the_remedy(server_without_jetstream: str) -> None:
    bus = await NatsBus.connect([server_without_jetstream], UserPassword("ann", "s3cret"), patience=0.2)
    with pytest.raises(BusUnavailable, match="start nats-server with -js"):
        await bus.provision("f")
    await bus.close()


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(BusUnavailable, match=r"nats://127\.0\.0\.1:1\b"):
        await NatsBus.connect(["nats://127.0.0.1:1"], timeout=0.3)


async def test_a_missing_credentials_file_is_named() -> None:
    with pytest.raises(CredentialError, match=r"nowhere\.creds"):
        await NatsBus.connect(["nats://127.0.0.1:1"], CredentialsFile(Path("nowhere.creds")), timeout=0.3)
