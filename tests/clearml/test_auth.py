"""Signing in to the ClearML dialect, keys, roles and passwords."""

from __future__ import annotations

import logging
import stat
import time
from base64 import b64encode

import jwt
import pytest

from node.keys import USE_SECONDS, Role
from node.node import Node


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_key_of_the_command_line_signs_in_and_one_made_here_works_everywhere(served, admin):
    key = await served.node.keys.create("ann", Role.USER)
    ann = served.client(key)
    assert (await ann("users.get_current_user")).data["user"]["name"] == "ann"
    made = (await ann("auth.create_credentials", label="laptop")).data["credentials"]
    assert made["label"] == "laptop"
    pair = "Basic " + b64encode(f"{made['access_key']}:{made['secret_key']}".encode()).decode()
    headers = {"Authorization": pair}
    async with served.session.get(served.url + "/api/projects", headers=headers) as response:
        assert response.status == 200
    # It is of the caller's role: a user may not list keys.
    async with served.session.get(served.url + "/api/keys", headers=headers) as response:
        assert response.status == 403


async def test_a_token_tells_the_sdk_what_the_server_can_do(served, admin):
    token = (await admin("auth.login")).data["token"]
    told = claims(token)
    user = served.node.users.find("admin")
    assert told["identity"] == {
        "user": user.id,
        "company": "d1bd92a3b039400cbafc60a7a5b1e52b",
        "role": "admin",
        "user_name": "admin",
        "company_name": "suffice",
    }
    assert (told["api_version"], told["server_version"], told["feature_set"]) == ("2.34", "2.3.0", "basic")
    assert told["auth_type"] == "Bearer" and told["server_build"] and told["env"] and told["session_id"]
    assert told["exp"] - told["iat"] == 30 * 86400
    assert (await served.bearer(token)("users.get_current_user")).data["user"]["id"] == user.id


async def test_a_token_is_good_for_as_long_as_was_asked_by_query_too(admin):
    reply = await admin.send("auth.login?expiration_sec=3600")
    told = claims(reply.data["token"])
    assert told["exp"] - told["iat"] == 3600
    for seconds in (0, -1, 400 * 86400):
        assert (await admin("auth.login", expiration_sec=seconds)).code == (400, 12)


async def test_a_token_gets_the_next_one(served, admin):
    token = (await admin("auth.login")).data["token"]
    again = (await served.bearer(token)("auth.login")).data["token"]
    assert (await served.bearer(again)("users.get_current_user")).status == 200


async def test_what_is_wrong_with_the_credentials_is_told_by_subcode(served, anonymous):
    async def code(header):
        return (await anonymous.send("users.get_all", "{}", headers={"Authorization": header})).code

    assert (await anonymous("users.get_all")).code == (401, 20)
    assert await code("Digest abc") == (401, 10)
    assert await code("Basic !!") == (401, 21)
    assert await code("Basic " + b64encode(b"no colon").decode()) == (401, 21)
    assert await code("Bearer") == (401, 21)
    key = served.node.first_key
    assert (await served.signed_in(key.access_key, "wrong")("users.get_all")).code == (401, 22)
    assert (await served.signed_in("nobody", "wrong")("auth.login")).code == (401, 22)
    for token in ("x", "a.b.c", jwt.encode({"exp": time.time() + 9}, "x" * 32), "y" * 100_000):
        reply = await anonymous.send(
            "users.get_all", "{}", headers={"Authorization": f"Bearer {token[:6000]}"}
        )
        assert reply.code == (401, 30)


async def test_forged_expired_and_unsigned_tokens_are_refused(served, admin):
    told = claims((await admin("auth.login")).data["token"])
    secret = served.node.config.tokens_path.read_bytes()
    for token in (
        jwt.encode(told, b"another secret of thirty-two byte"),
        jwt.encode(told, None, algorithm="none"),
        jwt.encode(told | {"exp": int(time.time()) - 1}, secret),
        jwt.encode({k: v for k, v in told.items() if k != "exp"}, secret),
        jwt.encode(told | {"identity": told["identity"] | {"role": "king"}}, secret),
        jwt.encode(told | {"identity": []}, secret),
        jwt.encode(told | {"shown": "another key"}, secret),
    ):
        assert (await served.bearer(token)("users.get_all")).code == (401, 30)
    assert (await served.bearer(jwt.encode(told, secret))("users.get_all")).status == 200


async def test_a_token_never_has_more_rights_than_its_key_and_its_user_have_now(served):
    key = await served.node.keys.create("ann", Role.ADMIN)
    token = (await served.client(key)("auth.login")).data["token"]
    assert (await served.bearer(token)("server.config")).status == 200
    await served.node.keys.set_role(served.node.users.find("ann").id, Role.USER)
    assert (await served.bearer(token)("server.config")).code == (403, 20)
    assert (await served.client(key)("server.config")).code == (403, 20)


async def test_a_revoked_key_ends_what_was_signed_in_by_it(served, admin):
    made = (await admin("auth.create_credentials")).data["credentials"]
    client = served.signed_in(made["access_key"], made["secret_key"])
    token = (await client("auth.login")).data["token"]
    assert (await admin("auth.revoke_credentials", access_key=made["access_key"])).data == {"revoked": 1}
    assert (await client("auth.login")).code == (401, 22)
    assert (await served.bearer(token)("users.get_all")).code == (401, 30)
    assert (await admin("auth.revoke_credentials", key_id=made["access_key"])).code == (400, 10)


async def test_tokens_survive_a_restart_and_their_secret_is_the_owners_alone(tmp_path, start):
    home = tmp_path / "home"
    async with start(home) as first:
        token = (await first.client(first.node.first_key)("auth.login")).data["token"]
        assert stat.S_IMODE(first.node.config.tokens_path.stat().st_mode) == 0o600
    async with start(home) as second:
        assert (await second.bearer(token)("users.get_all")).status == 200


async def test_a_browser_stays_signed_in_by_its_cookie(served, admin, anonymous):
    reply = await admin("auth.login")
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("clearml_token_basic=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    shown = {"Cookie": cookie.partition(";")[0]}
    assert (await anonymous.send("users.get_all", "{}", headers=shown)).status == 200
    modes = await anonymous.send("login.supported_modes", "{}", headers=shown)
    assert modes.data["authenticated"] is True and modes.data["basic"]["enabled"] is True
    out = await anonymous.send("login.logout", "{}", headers=shown)
    assert 'clearml_token_basic="";' in out.headers["Set-Cookie"]
    assert (await anonymous("login.supported_modes")).data["authenticated"] is False


@pytest.mark.parametrize("foreign", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere"}])
async def test_a_page_of_another_site_does_not_act_for_the_browsers_user(served, admin, anonymous, foreign):
    login = await admin("auth.login")
    cookie = {"Cookie": login.headers["Set-Cookie"].partition(";")[0]}
    assert (await anonymous.send("users.get_all", "{}", headers=cookie | foreign)).code == (401, 20)
    assert (await admin.send("users.get_all", "{}", headers=foreign)).code == (403, 20)
    bearer = served.bearer(login.data["token"])
    assert (await bearer.send("users.get_all", "{}", headers=foreign)).status == 200
    assert (await admin.send("auth.login", "{}", headers=foreign)).status == 200


async def test_keys_are_listed_without_secrets_and_with_their_last_use(served, admin):
    made = (await admin("auth.create_credentials", label="one")).data["credentials"]
    assert (await admin("auth.edit_credentials", access_key=made["access_key"], label="two")).status == 200
    (first, second) = (await admin("auth.get_credentials")).data["credentials"]
    assert first["last_used_from"] == "127.0.0.1" and first["last_used"].endswith("+00:00")
    assert second == {
        "access_key": made["access_key"], "label": "two", "last_used": None, "last_used_from": None,
    }  # fmt: skip
    assert (await admin("auth.edit_credentials", access_key="nothing", label="x")).code == (400, 10)
    assert (await admin("auth.create_credentials", label="x" * 201)).code == (400, 12)


async def test_the_last_use_of_a_key_is_in_the_store_but_not_written_for_every_call(served, admin):
    commits = served.node.store.commits
    for _ in range(10):
        await admin("users.get_all")
    await served.node.store.write(lambda _connection: None)
    assert served.node.store.commits <= commits + 2
    assert USE_SECONDS > 60
    await served.node.keys.load()
    assert served.node.keys.find(served.node.first_key.access_key).last_used is not None


async def test_keys_of_others_are_out_of_reach(served, admin):
    ann = served.client(await served.node.keys.create("ann", Role.ADMIN))
    key = served.node.first_key.access_key
    assert (await ann("auth.revoke_credentials", access_key=key)).code == (400, 10)
    assert (await ann("auth.edit_credentials", access_key=key, label="mine")).code == (400, 10)


async def test_the_last_admin_key_stays(served, admin):
    user = served.node.users.find("admin").id
    key = served.node.first_key.access_key
    assert (await admin("auth.revoke_credentials", access_key=key)).code == (400, 12)
    assert (await admin("auth.edit_user", user=user, role="user")).code == (400, 12)
    assert (await admin("users.delete", user=user)).code == (400, 12)
    assert (await admin("users.get_current_user")).data["user"]["role"] == "admin"


async def test_an_admin_makes_a_user_who_signs_in_by_password_and_changes_it(served, admin):
    made = await admin(
        "auth.create_user",
        name="ann",
        company="d1bd92a3b039400cbafc60a7a5b1e52b",
        email="ann@example.org",
        given_name="Ann",
        password="correct horse",
    )
    ann = served.signed_in("ann", "correct horse")
    login = (await ann("auth.login")).data["token"]
    user = (await served.bearer(login)("users.get_current_user")).data["user"]
    assert (user["id"], user["role"], user["email"]) == (made.data["id"], "user", "ann@example.org")
    # Only to sign in: checking a password takes long.
    assert (await ann("users.get_all")).code == (401, 22)
    assert (await served.signed_in("ann", "wrong horse")("auth.login")).code == (401, 22)
    me = served.bearer(login)
    assert (await me("auth.set_password", password="staple")).code == (400, 12)
    assert (await me("auth.set_password", password="battery staple")).code == (400, 12)
    changed = await me("auth.set_password", password="battery staple", current_password="correct horse")
    assert changed.data == {"updated": 1}
    # What was signed in by the old password is not any more.
    assert (await me("users.get_all")).code == (401, 30)
    assert (await ann("auth.login")).code == (401, 22)
    assert (await served.signed_in("ann", "battery staple")("auth.login")).status == 200
    given = await admin("auth.edit_user", user=made.data["id"], password="from the admin", role="superuser")
    assert given.data == {"updated": 1, "fields": {"role": "superuser", "password": None}}
    assert (await served.signed_in("ann", "from the admin")("auth.login")).status == 200


async def test_a_user_made_by_key_may_give_himself_a_password(served):
    ann = served.client(await served.node.keys.create("ann", Role.USER))
    assert (await ann("auth.set_password", password="long enough")).status == 200
    assert (await served.signed_in("ann", "long enough")("auth.login")).status == 200


async def test_users_without_a_password_have_none_to_guess(served):
    for guess in ("", "None", "admin"):
        assert (await served.signed_in("admin", guess)("auth.login")).code == (401, 22)


async def test_names_and_passwords_that_will_not_do_are_refused_and_nothing_is_made(served, admin):
    company = {"company": "d1bd92a3b039400cbafc60a7a5b1e52b", "email": "x"}
    for body, code in [
        ({"name": "admin", **company}, (400, 801)),
        ({"name": "", **company}, (400, 12)),
        ({"name": "bob", **company, "password": "short"}, (400, 12)),
        ({"name": "bob", **company, "role": "king"}, (400, 12)),
        ({"name": "bob", "email": "x", "company": "another"}, (400, 12)),
        ({"name": "bob"}, (400, 12)),
        ({"name": "bob", **company, "given_name": "x" * 5000}, (400, 12)),
    ]:
        assert (await admin("auth.create_user", **body)).code == code
    assert len(served.node.users.list()) == 1


async def test_only_admins_make_users_and_change_roles(served):
    ann = served.client(await served.node.keys.create("ann", Role.SUPERUSER))
    me = served.node.users.find("ann").id
    for name, body in [
        ("auth.create_user", {"name": "eve", "company": "x", "email": "x"}),
        ("auth.edit_user", {"user": me, "role": "admin"}),
        ("auth.get_token_for_user", {"user": me}),
        ("auth.validate_token", {"token": "x"}),
        ("users.create", {"id": "1", "name": "eve", "company": "x"}),
        ("users.delete", {"user": me}),
        ("server.config", {}),
        ("server.endpoints", {}),
        ("server.get_stats", {}),
    ]:
        assert (await ann(name, **body)).code == (403, 20), name


async def test_an_admin_acts_for_others(served, admin):
    ann_key = await served.node.keys.create("ann", Role.USER)
    ann = served.node.users.find("ann")

    async def who(client, **headers):
        sent = {f"X-ClearML-{name.replace('_', '-')}": value for name, value in headers.items()}
        return await client.send("users.get_current_user", "{}", headers=sent)

    whole = (await who(admin, Impersonate_As=ann.id)).data["user"]
    assert (whole["id"], whole["role"]) == (ann.id, "user")
    acting = (await who(admin, Act_As=ann.id)).data["user"]
    assert (acting["id"], acting["role"]) == (ann.id, "admin")
    assert (await who(admin, Act_As=ann.id, Impersonate_As=ann.id)).code == (400, 5)
    assert (await who(admin, Act_As="nobody")).code == (400, 301)
    boss = served.node.users.find("admin").id
    assert (await who(served.client(ann_key), Impersonate_As=boss)).code == (400, 6)


async def test_an_admin_gets_tokens_for_others_and_validates_them(served, admin):
    await served.node.keys.create("ann", Role.USER)
    ann = served.node.users.find("ann")
    token = (await admin("auth.get_token_for_user", user=ann.id, expiration_sec=60)).data["token"]
    assert (await served.bearer(token)("users.get_current_user")).data["user"]["id"] == ann.id
    found = (await admin("auth.validate_token", token=token)).data
    assert (found["valid"], found["user"], found["role"]) == (True, ann.id, "user")
    assert (await admin("auth.validate_token", token="x")).data["valid"] is False
    assert (await admin("auth.get_token_for_user", user="nobody")).code == (400, 301)


async def test_open_endpoints_answer_to_anybody(anonymous, served):
    assert (await anonymous("debug.ping")).status == 200
    assert (await anonymous("auth.fixed_users_mode")).data["enabled"] is True
    # Even with credentials that are out of date.
    assert (await served.bearer("old")("debug.ping")).status == 200


async def test_the_server_tells_what_it_is(admin, served):
    assert (await admin("server.info")).data["version"] == "2.3.0"
    assert (await admin("server.get_stats")).data["users"] == 1
    assert (await admin("server.report_stats_option", enabled=True)).data["enabled"] is False
    config = (await admin("server.config")).data
    assert config["node"]["name"] == served.node.name
    assert (await admin("server.endpoints")).data["endpoints"]["users"]["get_all"][0]["min_version"] == "2.1"


async def test_secrets_are_not_in_the_log(served, admin, caplog):
    caplog.set_level(logging.DEBUG)
    made = (await admin("auth.create_credentials")).data["credentials"]
    token = (await admin("auth.login")).data["token"]
    await admin("auth.set_password", password="unspeakable words")
    await admin("auth.set_password", password=["unspeakable words"])
    await served.bearer(token).send(f"users.get_all?token={token}")
    assert caplog.records
    for secret in (made["secret_key"], token, "unspeakable", served.node.first_key.secret_key):
        assert secret not in caplog.text


async def test_keys_and_users_outlive_a_restart(tmp_path, start):
    async with start(tmp_path / "home") as first:
        key = await first.node.keys.create("ann", Role.USER, "label")
        ann = first.node.users.find("ann")
        await first.client(key)("users.update", user=ann.id, given_name="Ann")
        await first.client(key)("users.set_preferences", preferences={"a": 1})
        await first.node.keys.set_role(ann.id, Role.SUPERUSER)
    async with start(tmp_path / "home") as second:
        node: Node = second.node
        user = node.users.find("ann")
        assert (user.id, user.given_name, user.role) == (ann.id, "Ann", Role.SUPERUSER)
        (found,) = node.keys.of(user)
        assert (found.access_key, found.label, found.role) == (key.access_key, "label", Role.SUPERUSER)
        assert await node.users.preferences(user.id) == {"a": 1}
