"""`debug`: whether there is somebody."""

from __future__ import annotations

from typing import Any, Final

from api.clearml.endpoint import ClearmlCall, Endpoint, Request


async def ping(call: ClearmlCall[Request]) -> dict[str, Any]:
    return {"msg": "ok"}


ENDPOINTS: Final = (Endpoint("debug.ping", ping, "Ping the server", since="2.9", access="open"),)
