"""From a route to an aiohttp handler in the SymetryML dialect: signature, bodies, the envelope, refusals."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from api.access import check_role
from api.app_keys import BODIES, NODE
from api.bodies import LARGE, parse_json
from api.passing import PASSING
from api.problems import Problem, bad_request, of_validation
from api.routes import Call, CallHandler, Route
from api.symetry.encryption import DecryptionError, decrypt
from api.symetry.signing import Signed, content_md5, in_window, is_signed, parse_date
from node.keys import AccessKey
from node.node import Node

_JSON: Final = "application/json"
_CUSTOMER: Final = "Customer-ID"

STATUS_NAMES: Final[Mapping[int, str]] = {
    200: "OK",
    201: "CREATED",
    202: "ACCEPTED",
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "REQUEST_ENTITY_TOO_LARGE",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}

# The documented codes have neither 403 nor, for a thing that is not there, 404.
_DOCUMENTED_STATUS: Final[Mapping[str, int]] = {"forbidden": 401, "not_found": 400}


class InvalidSignature(Problem):
    """401 with the string that the server would have signed, the secret masked."""

    def __init__(self, string_to_sign: str) -> None:
        super().__init__(401, "unauthorized", "Invalid Signature")
        self.string_to_sign = string_to_sign


def bind(route: Route) -> Handler:
    """The handler to register: signature, role, query and body are checked before the call."""
    handler = cast("CallHandler", route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        node = request.app[NODE]
        signature, date = _signature_headers(request)
        # Before a byte of the body is read, so that only somebody who names a key makes the node read one.
        key = _find_key(node, request)
        data = await request.app[BODIES].read(request)
        await _check_signature(request, key, signature, date, data)
        node.keys.used(key, request.remote)
        PASSING.get().user = key.user
        check_role(key.role, route.access)
        query = None if route.query is None else _validated(route.query, dict(request.query), "query")
        body = None if route.body is None else await _body(route, route.body, key, data)
        return await handler(Call(request, node, key, body, query))

    return handle


def _signature_headers(request: web.Request) -> tuple[str, str]:
    signature, date = request.headers.get(hdrs.AUTHORIZATION), request.headers.get("sym-date")
    if signature is None:
        raise bad_request("Authentication header is null")
    if date is None:
        raise bad_request("sym-date header is null")
    parsed = parse_date(date)
    if parsed is None:
        raise bad_request("Invalid Date Format")
    if not in_window(parsed, datetime.now(UTC)):
        raise bad_request("Please update your server time, it is likely out of sync with UTC")
    return signature, date


def _find_key(node: Node, request: web.Request) -> AccessKey:
    customer = request.match_info["cid"]
    key = node.keys.find(customer)
    if key is None or request.headers.get(_CUSTOMER, customer) != customer:
        raise Problem(401, "unauthorized", "Invalid User")
    return key


async def _check_signature(
    request: web.Request, key: AccessKey, signature: str, date: str, body: bytes
) -> None:
    """Raise `Problem`: the MD5 does not match (400), the signature is not right (401)."""
    path, _, query = _target(request).partition("?")
    digest = request.headers.get(hdrs.CONTENT_MD5, "").strip()
    signed = Signed(request.method, digest, date, key.access_key, query, body)
    paths = (path, *(f"{scheme}://{request.host}{path}" for scheme in ("http", "https")))

    def check() -> tuple[bool, bool]:
        return (
            digest == content_md5(body) if body else digest in ("", content_md5(b"")),
            is_signed(signed, key.secret_key, paths, signature),
        )

    md5_matches, right = check() if len(body) < LARGE else await asyncio.to_thread(check)
    if not md5_matches:
        raise bad_request("Md5 do not match")
    if not right:
        raise InvalidSignature(signed.shown(path))


def _target(request: web.Request) -> str:
    """Path and query exactly as they were sent: they are signed as they stand."""
    raw = request.raw_path
    return raw if raw.startswith("/") else request.rel_url.raw_path_qs


async def _body(route: Route, model: type[BaseModel], key: AccessKey, data: bytes) -> Any:
    if not data.strip():
        if route.body_required:
            raise bad_request("The request body is empty", "Send the JSON of the call.")
        return None
    if route.body_form == "encrypted" and not data.lstrip().startswith(b"{"):
        try:
            data = decrypt(secret_bytes(key), data.decode()).encode()
        except (DecryptionError, UnicodeDecodeError):
            raise bad_request("The request body is not encrypted under the user's secret key") from None
    if route.body_form == "base64" and not data.lstrip().startswith(b"{"):
        try:
            data = b64decode(data.strip().strip(b'"'), validate=True)
        except ValueError:
            raise bad_request("The request body is not a Base64 string") from None
    return _validated(model, await parse_json(data, constants=True), "request body")


def secret_bytes(key: AccessKey) -> bytes:
    """A user's AES and HMAC key."""
    return b64decode(key.secret_key)


def _validated(model: type[BaseModel], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise bad_request(f"The {where} is not a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(error, where) from None


def envelope(
    status: int = 200,
    text: str = "OK",
    values: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """`{"statusCode", "statusString", "values"}`; NaN and Infinity stand unquoted, as documented."""
    return _response(status, to_json(_content(status, text, values or {}), inf_nan_mode="constants"), headers)


async def envelope_of_rows(entity: str, rows: Iterable[dict[str, str]], count: int) -> web.Response:
    """An envelope whose one entity is a list of maps, one a row; written in a thread where they are many."""
    if count < 1000:
        return envelope(values={entity: {"values": list(rows)}})

    def write() -> bytes:
        empty = to_json(_content(200, "OK", {entity: {"values": []}}))
        return empty[: -len(b"]}}}")] + b",".join(to_json(row) for row in rows) + b"]}}}"

    return _response(200, await asyncio.to_thread(write), None)


def _content(status: int, text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": STATUS_NAMES.get(status, "BAD_REQUEST"),
        "statusString": text,
        "values": dict(values),
    }


def _response(status: int, body: bytes, headers: Mapping[str, str] | None) -> web.Response:
    return web.Response(body=body, status=status, content_type=_JSON, headers=headers)


def refusal(request: web.Request, problem: Problem) -> web.Response:
    """A refusal as an envelope, under a code that SymetryML documents."""
    status = problem.status
    if "cid" in request.match_info:  # else it is the path itself that does not exist
        status = _DOCUMENTED_STATUS.get(problem.code, status)
    text = f"{problem.message.rstrip('.')}. {problem.remedy}" if problem.remedy else problem.message
    values = {"stringToSign": problem.string_to_sign} if isinstance(problem, InvalidSignature) else None
    return envelope(status, text, values)
