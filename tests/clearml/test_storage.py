"""Settings of storage elsewhere, over HTTP: kept with their secrets, which no answer has."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

AWS = {
    "key": "AK",
    "secret": "top secret",
    "region": "eu",
    "buckets": [{"bucket": "b", "subdir": "s", "key": "BK", "secret": "bucket secret", "token": "a token"}],
}


def mode_of(path: str) -> int:
    """Who may read and write a file."""
    return stat.S_IMODE(Path(path).stat().st_mode)


async def test_what_is_set_is_shown_without_secrets(admin, served):
    assert (await admin("storage.get_settings")).data == {"settings": {"last_update": None}}
    assert (await admin("storage.set_settings", aws=AWS)).data == {"updated": 1}
    containers = [{"account_name": "n", "account_key": "azure secret", "container_name": "c"}]
    await admin("storage.set_settings", azure={"containers": containers})
    await admin("storage.set_settings", google={"project": "p", "credentials_json": '{"google": "secret"}'})
    reply = await admin("storage.get_settings")
    shown = reply.data["settings"]
    assert (shown["aws"]["key"], shown["aws"]["region"], shown["aws"]["secret"]) == ("AK", "eu", "********")
    bucket = shown["aws"]["buckets"][0]
    assert (bucket["bucket"], bucket["key"], bucket["multipart"]) == ("b", "BK", True)
    assert shown["azure"]["containers"][0]["account_name"] == "n" and shown["google"]["project"] == "p"
    assert "secret" not in json.dumps(shown).replace('"secret":', "") and "a token" not in json.dumps(shown)
    assert shown["last_update"].endswith("+00:00")
    assert mode_of(sa.make_url(served.node.config.store_url).database) == 0o600


async def test_what_was_shown_can_be_sent_back(admin, served):
    await admin("storage.set_settings", aws=AWS)
    shown = (await admin("storage.get_settings")).data["settings"]["aws"]
    shown["buckets"].insert(0, {"bucket": "new", "secret": "********"})
    await admin("storage.set_settings", aws=shown | {"region": "us"})
    kept = await served.node.store.read(
        lambda c: c.exec_driver_sql("SELECT document FROM storage_settings").scalar()
    )
    kept = json.loads(kept)
    assert (kept["secret"], kept["region"]) == ("top secret", "us")
    assert [bucket.get("secret") for bucket in kept["buckets"]] == [None, "bucket secret"]
    assert kept["buckets"][1]["token"] == "a token"


async def test_settings_are_forgotten(admin):
    await admin("storage.set_settings", aws=AWS, google={"project": "p"})
    assert (await admin("storage.reset_settings", keys=["aws"])).data == {"updated": 1}
    assert (await admin("storage.reset_settings", keys=["aws"])).data == {"updated": 0}
    assert set((await admin("storage.get_settings")).data["settings"]) == {"google", "last_update"}
    assert (await admin("storage.set_settings")).data == {"updated": 0}


@pytest.mark.parametrize("keys", [["ftp"], [], "aws"])
async def test_other_kinds_of_storage_are_refused(admin, keys):
    assert (await admin("storage.reset_settings", keys=keys)).code == (400, 12)


async def test_texts_that_no_database_keeps_are_refused(admin):
    assert (await admin("storage.set_settings", aws={"key": "a\x00b"})).code == (400, 12)
    assert (await admin("storage.set_settings", aws={"key": "a\nb"})).data == {"updated": 1}


async def test_a_refusal_does_not_repeat_a_secret(admin):
    reply = await admin("storage.set_settings", aws={"secret": ["top secret"]})
    assert reply.code == (400, 12) and "top secret" not in json.dumps(reply.body)
