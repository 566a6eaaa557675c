"""`login`: what a login page needs to know."""

from __future__ import annotations

from typing import Any, Final

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.services.auth import logout


async def supported_modes(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {
        "authenticated": call.caller is not None,
        "basic": {"enabled": True, "guest": {"enabled": False}},
        "sso": {},
        "sso_providers": [],
        "server_errors": {"missed_es_upgrade": False, "es_connection_error": False},
    }


ENDPOINTS: Final = (
    Endpoint("login.supported_modes", supported_modes, "The ways to sign in", since="2.9", access="open"),
    Endpoint("login.logout", logout, "Sign out: drop the cookie", since="2.13", access="open"),
)
