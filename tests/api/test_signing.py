"""SymetryML's signature and cipher against known answers, and every way to sign a request wrong."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.symetry.encryption import DecryptionError, decrypt, encrypt, password_key
from api.symetry.signing import Signed, content_md5, hmac_base64, in_window, is_signed, parse_date, sign

SECRET = "VLmAm+WkpnA5zp2wXiSYkw=="
DATE = "2014-07-31 08:01:07;1245"


def test_the_documented_hmac_vector():
    key = b"0f2100e34b54d50fd0138f300d3497579dae5279"
    assert hmac_base64(key, b"secret-message") == "op/4IM8dc5DwpUYBhywVl0V5ddlEMjFRq6qfKOj2+io="


def test_a_get_without_a_body():
    signed = Signed("GET", "", DATE, "c1", "")
    path = "/symetry/rest/c1/projects/list"
    assert signed.string(SECRET, path) == f"GET\n\n{SECRET}\n{DATE}\nc1\n{path}\n".encode()
    assert sign(signed, SECRET, path) == "Xvql8KUZG0WsGod9bfVP4D/MQ8DHeB8oJjscOcem5lY="


def test_a_post_with_query_and_body():
    body = b'{"partitionSplit":"class"}'
    digest = content_md5(body)
    assert digest == "P66cgQvdc1Wpfz0ULuvvXg=="
    signed = Signed("POST", digest, DATE, "c1", "pid=irisMeta&type=partition&persist=true", body)
    assert sign(signed, SECRET, "/symetry/rest/c1/projects") == "AGg7loBzGjNEvCniLwL153weIaRbMtiPrue/i38me6A="


def test_the_aes_vector():
    key = base64.b64decode("EYpWjGPaoMoFUb/jfW95PQ==")
    sealed = "5XzpRW1z+toD/PW+yQ1sQssUt7hxBeqIIMyhXY4iqU0="
    assert encrypt(key, "Message to encrypt") == sealed
    assert decrypt(key, sealed) == "Message to encrypt"


@given(st.text(), st.text(max_size=50))
def test_what_is_encrypted_under_a_password_comes_back(plain: str, password: str):
    assert decrypt(password_key(password), encrypt(password_key(password), plain)) == plain


@given(st.text())
def test_text_that_is_not_encrypted_is_refused_by_name(text: str):
    try:
        decrypt(b"0" * 16, text)
    except DecryptionError as error:
        assert "base64" in str(error)


@pytest.mark.parametrize("paths", [("/a",), ("http://h:1/a",), ("https://h:1/a",)])
def test_the_path_may_be_signed_alone_or_behind_the_host(paths: tuple[str]):
    signed = Signed("GET", "", DATE, "c1", "")
    accepted = ("/a", "http://h:1/a", "https://h:1/a")
    assert is_signed(signed, SECRET, accepted, sign(signed, SECRET, paths[0]))
    assert not is_signed(signed, SECRET, accepted, sign(signed, SECRET, "/b"))


def test_what_is_shown_of_a_wrong_signature_has_no_secret_and_no_newline():
    shown = Signed("POST", "md5", DATE, "c1", "a=b", b"x" * 10_000).shown("/p")
    assert SECRET not in shown and "\n" not in shown
    assert shown.startswith(f"POST\\nmd5\\nSECRETKEY\\n{DATE}\\nc1\\nxxx")
    assert shown.endswith("...\\n/p\\na=b\\n") and len(shown) < 5000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014-07-31 08:01:07;1245", datetime(2014, 7, 31, 8, 1, 7, tzinfo=UTC)),
        ("2014-07-31 08:01:07", datetime(2014, 7, 31, 8, 1, 7, tzinfo=UTC)),
        ("2014-07-31T08:01:07", None),
        ("2014-02-30 08:01:07;1", None),
        ("2014-07-31 08:01:07;", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: datetime | None):
    assert parse_date(text) == expected


@pytest.mark.parametrize(("age", "taken"), [(-61, False), (-60, True), (0, True), (300, True), (301, False)])
def test_a_date_is_at_most_five_minutes_old_and_one_ahead(age: int, taken: bool):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert in_window(now - timedelta(seconds=age), now) is taken


async def test_a_signed_request_is_answered(served):
    answer = await served.symetry("GET", "/projects/list")
    assert (answer.status, answer.json) == (
        200,
        {"statusCode": "OK", "statusString": "OK", "values": {"stringList": {"values": []}}},
    )


async def test_signing_the_full_url_is_taken_too(served):
    served.symetry.full_url = True
    assert (await served.symetry("GET", "/projects/list?a=b%20c&d")).status == 200


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"Authorization": None}, 400, "Authentication header is null"),
        ({"sym_date": None}, 400, "sym-date header is null"),
        ({"sym_date": "yesterday"}, 400, "Invalid Date Format"),
        (
            {"sym_date": "2014-07-31 08:01:07;1245"},
            400,
            "Please update your server time, it is likely out of sync with UTC",
        ),
        ({"Content_MD5": "P66cgQvdc1Wpfz0ULuvvXg=="}, 400, "Md5 do not match"),
        ({"Content_MD5": None}, 400, "Md5 do not match"),
        ({"Customer_ID": "somebody else"}, 401, "Invalid User"),
        ({"Authorization": "AGg7loBzGjNEvCniLwL153weIaRbMtiPrue/i38me6A="}, 401, "Invalid Signature"),
        ({"Authorization": "ä"}, 401, "Invalid Signature"),
    ],
)
async def test_what_is_signed_wrong_is_told_in_the_documented_words(served, changes, status, words):
    answer = await served.symetry("POST", "/projects?pid=p", {}, **changes)
    assert (answer.status, answer.json["statusString"]) == (status, words)
    assert answer.json["statusCode"] == {400: "BAD_REQUEST", 401: "UNAUTHORIZED"}[status]
    assert await served.node.projects.list() == []


async def test_a_wrong_signature_shows_what_should_have_been_signed(served):
    answer = await served.symetry("GET", "/projects/list?x=1", Authorization="wrong")
    shown = answer.json["values"]["stringToSign"]
    cid = served.node.first_key.access_key
    assert shown.startswith("GET\\n\\nSECRETKEY\\n") and shown.endswith(
        f"/symetry/rest/{cid}/projects/list\\nx=1\\n"
    )
    assert served.node.first_key.secret_key not in answer.text


async def test_another_customers_path_is_an_invalid_user(served):
    answer = await served.symetry.raw("GET", "/symetry/rest/nobody/jobs", b"")
    assert (answer.status, answer.json["statusString"]) == (401, "Invalid User")


async def test_one_key_does_not_open_another_customers_path(served, as_user):
    _, other = await as_user("ann", "user")
    answer = await served.symetry.raw("GET", f"/symetry/rest/{other.key.access_key}/jobs", b"")
    assert (answer.status, answer.json["statusString"]) == (401, "Invalid Signature")


async def test_a_revoked_key_is_an_invalid_user(served, as_user):
    _, other = await as_user("ann", "user")
    assert (await other("GET", "/jobs")).status == 200
    await served.node.keys.revoke(other.key.access_key)
    assert (await other("GET", "/jobs")).json["statusString"] == "Invalid User"
