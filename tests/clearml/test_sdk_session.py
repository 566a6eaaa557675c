"""The unmodified SDK signs in and asks who it is."""

from __future__ import annotations

from api.clearml import wire
from node.errors import Unavailable


async def test_a_session_of_the_sdk_signs_in(sdk):
    script = await sdk("""
        import json
        from clearml.backend_api.session import Session

        session = Session()
        user = session.send_request("users", "get_current_user").json()["data"]["user"]
        print(json.dumps([Session.api_version, Session.server_version, Session.feature_set, user["name"]]))
        """)
    assert script.result == ["2.34", "2.3.0", "basic", "admin"]


async def test_a_wrong_secret_is_an_error_at_once(sdk):
    script = await sdk(
        "from clearml.backend_api.session import Session; Session()", CLEARML_API_SECRET_KEY="wrong"
    )
    assert script.returncode != 0
    assert "LoginError" in script.errors and "401" in script.errors


async def test_the_sdk_makes_and_revokes_keys(sdk, served):
    """As raw requests: the client's schemas of these calls refuse what the client itself adds to them."""
    script = await sdk("""
        import json
        from clearml.backend_api.session import Session

        session = Session()

        def call(action, **body):
            return session.send_request("auth", action, json=body).json()["data"]

        made = call("create_credentials", label="mine")["credentials"]
        listed = {key["access_key"]: key["label"] for key in call("get_credentials")["credentials"]}
        revoked = call("revoke_credentials", access_key=made["access_key"])["revoked"]
        print(json.dumps([listed[made["access_key"]], len(made["secret_key"]), revoked]))
        """)
    assert script.result == ["mine", 24, 1]
    assert [key.access_key for key in await served.node.keys.list()] == [served.node.first_key.access_key]


async def test_the_sdk_waits_for_a_node_that_cannot_do_it_now(sdk, served, monkeypatch):
    """429: it comes back after the time it is told. (At a 503 it would come back at once, for ever.)"""
    monkeypatch.setattr(wire, "RETRY_SECONDS", 0)
    preferences, calls = served.node.users.preferences, []

    async def full_disk(user):
        calls.append(user)
        if len(calls) < 4:
            raise Unavailable("nothing was committed", "see to the node's disk")
        return await preferences(user)

    monkeypatch.setattr(served.node.users, "preferences", full_disk)
    script = await sdk("""
        import json
        from clearml.backend_api.session import Session

        reply = Session().send_request("users", "get_current_user")
        print(json.dumps([reply.status_code, reply.json()["data"]["user"]["name"]]))
        """)
    assert script.result == [200, "admin"]
    assert len(calls) == 4


async def test_the_agent_signs_in_and_takes_no_for_an_answer(sdk):
    script = await sdk("""
        import json
        from clearml_agent.session import Session

        session = Session()
        unknown = session.send_request("workers", "no_such_action", version="2.13")
        user = session.get(service="users", action="get_current_user")["user"]
        print(json.dumps([unknown.status_code, user["name"], session.feature_set]))
        """)
    assert script.result == [404, "admin", "basic"]


async def test_a_token_alone_is_enough_for_a_child_process(sdk, admin):
    token = (await admin("auth.login")).data["token"]
    script = await sdk(
        """
        import json
        from clearml.backend_api.session import Session

        session = Session()
        print(json.dumps(session.send_request("users", "get_current_user").json()["data"]["user"]["name"]))
        """,
        CLEARML_AUTH_TOKEN=token,
        CLEARML_API_ACCESS_KEY="",
        CLEARML_API_SECRET_KEY="",
    )
    assert script.result == "admin"


async def test_parent_and_forked_child_do_not_read_each_others_replies(sdk):
    """They inherit the same connections, if there are any that were kept alive."""
    script = await sdk("""
        import json, os
        from clearml.backend_api.session import Session

        session = Session()

        def echo(trx):
            headers = {"X-ClearML-Trx": trx}
            return session.send_request("debug", "ping", headers=headers).json()["meta"]["trx"] == trx

        child = os.fork()
        if child == 0:
            os._exit(0 if all(echo(f"child {i}") for i in range(50)) else 1)
        mine = all(echo(f"parent {i}") for i in range(50))
        print(json.dumps([mine, os.waitpid(child, 0)[1]]))
        """)
    assert script.result == [True, 0]
