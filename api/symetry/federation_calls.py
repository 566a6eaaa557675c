"""SymetryML's `fedml`: a federation with one project that every member shares.

A map's secrets (broker, AWS) are not needed: the broker is the node's own, and an invitation brings what its
joiner needs. What a map asks for that this node cannot give is refused, never passed over in silence, when it
concerns protection: multi-party computation and HIPAA's tests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json

from api.problems import bad_request
from api.routes import Call
from api.symetry.binding import envelope, secret_bytes
from api.symetry.encryption import encrypt, password_key
from api.symetry.entities import FederationEntity, FedSyncStats, NewFederationQuery, Parameters
from api.symetry.lookups import entity_of, federated_project_of
from api.symetry.views import line
from node.answers import FederationInfo, LogLine, ProjectInfo
from node.errors import AlreadyExists, NodeError, NotFound
from node.expansion import ORDER, POWER_COLUMN, POWER_MAX, POWER_MIN, POWER_STEPS
from node.project_options import LOWER_CASE, SEPARATOR, ProjectOptions

_SCHEDULE = re.compile(r"[mhd][0-9]{1,4}")
_SCHEDULE_KEY: Final = "sync_sched"
_DEFAULT_SCHEDULE: Final = "m1"
_TOKEN: Final = "fed_req_token"  # noqa: S105 - a key of the map
_ADMISSION_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_CLEAN: Final = "no error"

# True without being asked for, or without effect where there is no contract and one broker.
_TAKEN: Final = frozenset(
    {
        "fed_name",
        _SCHEDULE_KEY,
        "fed_local_type",
        "fed_encrypt",
        "fed_use_smpc",
        "fed_enforce_hipaa_compliance",
        "fed_psr_contract_snd_fail_action",
        "fed_psr_contract_rcv_fail_action",
        "nats_hosts",
        "nats_sec_user",
        "nats_sec_passwd",
        "nats_sec_token",
        "nats_sec_nkey_seed",
        "nats_req_timeout",
        "nats_stream_max_memory",
    }
)
_OF_PROJECT: Final = frozenset({POWER_COLUMN, POWER_MIN, POWER_MAX, POWER_STEPS, ORDER, SEPARATOR})
"""Options of the project that the federation shares; what its first member says is agreed with the schema."""

_TAKEN_BY_JOIN: Final = _TAKEN | {_TOKEN, "fed_secret_key", "fed_rest_url", "fed_rest_host", "passwd"}


async def create(call: Call) -> web.Response:
    """201; the pulse rests until startPulse."""
    query: NewFederationQuery = call.query
    options = _options(call, _TAKEN)
    name = _needed(options, "fed_name")
    schedule = _schedule(options)
    parameters = _of_project(options)
    await _check_free(call, query.pid)
    await call.node.federations.create(name, owner=call.key.user)
    info = await _project(call, query.pid, name, {_SCHEDULE_KEY: schedule, **parameters})
    await call.node.federations.stop(name)
    return envelope(201, f"Project Created with id:{info.name}", {"smlInfo": await entity_of(call, info)})


async def create_join(call: Call) -> web.Response:
    """201, also while the admin has yet to approve: then the project appears with the admission.

    Here too the pulse rests until startPulse.
    """
    query: NewFederationQuery = call.query
    options = _options(call, _TAKEN_BY_JOIN)
    token = _needed(options, _TOKEN)
    parameters = _of_project(options)
    await _check_free(call, query.pid)
    joined = await call.node.federations.join(
        token,
        owner=call.key.user,
        password=options.get("passwd"),
        project=query.pid,
        parameters=parameters,
        wait=_ADMISSION_SECONDS,
    )
    if joined.state not in ("joining", "active"):
        raise bad_request(f"The invitation was not accepted: {joined.problem or joined.state}.")
    await call.node.federations.stop(joined.name)
    info = await _appeared(call, query.pid) if joined.state == "active" and joined.projects else None
    values = {} if info is None else {"smlInfo": await entity_of(call, info)}
    return envelope(201, "Fed Project created with join", values)


async def _appeared(call: Call, pid: str) -> ProjectInfo | None:
    """The project that the node makes once it is admitted; None if that takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ADMISSION_SECONDS):
            while True:
                with suppress(NotFound):
                    return await call.node.projects.info(pid)
                await asyncio.sleep(_POLL_SECONDS)
    return None


def _of_project(options: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of the project: those that may be told here. Raises BadRequest for what cannot be."""
    told = {name: value for name, value in options.items() if name in _OF_PROJECT}
    ProjectOptions.read(told)
    return {LOWER_CASE: True, **told}


async def _project(call: Call, pid: str, federation: str, parameters: dict[str, Any]) -> ProjectInfo:
    """The project of a new federation; without it there shall be no federation either."""
    try:
        return await call.node.projects.create(
            pid,
            owner=call.key.user,
            federation=federation,
            shared_as=federation,
            parameters=parameters,
        )
    except NodeError:
        await call.node.federations.leave(federation)
        raise


async def _check_free(call: Call, pid: str) -> None:
    try:
        await call.node.projects.info(pid)
    except NotFound:
        return
    raise AlreadyExists(f"there is a project {pid!r} already", "choose another pid")


async def info(call: Call) -> web.Response:
    """The federation, encrypted under the user's key."""
    project, name = await federated_project_of(call)
    federation = await call.node.federations.status(name)
    entity = _entity(call, project, federation)
    plain = to_json(entity, by_alias=True).decode()
    return envelope(values={"fedInfoEncrypted": encrypt(secret_bytes(call.key), plain)})


def _entity(call: Call, project: ProjectInfo, federation: FederationInfo) -> FederationEntity:
    peers = {
        member.node_id: member.name for member in federation.members if member.node_id != call.node.node_id
    }
    return FederationEntity(
        fed_local_id=project.name,
        fed_name=federation.name,
        sync_sched=str(project.parameters.get(_SCHEDULE_KEY, _DEFAULT_SCHEDULE)),
        local_uuid=call.node.node_id,
        is_pulsing=federation.pulse,
        peersInfo=peers,
    )


async def get_invitation(call: Call) -> web.Response:
    """One invitation, for one joiner, encrypted under the password of the request.

    The documents name the entity in two ways; it is given under both.
    """
    project, name = await federated_project_of(call)
    options = _flat(call)
    password = _needed(options, "passwd")
    issued = await call.node.federations.invite(name)
    plain = {
        "fed_name": name,
        _SCHEDULE_KEY: str(project.parameters.get(_SCHEDULE_KEY, _DEFAULT_SCHEDULE)),
        _TOKEN: issued.invitation,
        "fed_rest_url": options.get("fed_rest_host", ""),
        "nats_hosts": call.node.nats_url or "",
    }
    sealed = encrypt(password_key(password), to_json(plain).decode())
    return envelope(values={"encryptedGroupInfo": sealed, "fedInfoEncrypted": sealed})


async def start_pulse(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    await call.node.federations.start(name)
    return envelope()


async def stop_pulse(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    await call.node.federations.stop(name)
    return envelope()


async def full_sync_request(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    await call.node.federations.sync(name)
    return envelope()


async def sync_stats(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    stats = await call.node.federations.sync_stats(name)
    entity = FedSyncStats(
        snd_count=stats.contributions_sent,
        rcv_count=stats.contributions_received,
        rcv_error=stats.refused,
        error_log=_errors(await call.node.federations.error_log(name)),
        sync_log=[line(entry) for entry in await call.node.federations.sync_log(name)],
    )
    return envelope(values={"fedSyncStats": entity})


async def get_sync_log(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    lines = [line(entry) for entry in await call.node.federations.sync_log(name)]
    return envelope(values={"stringList": {"values": lines}})


async def get_error_log(call: Call) -> web.Response:
    _, name = await federated_project_of(call)
    lines = _errors(await call.node.federations.error_log(name))
    return envelope(values={"stringList": {"values": lines}})


def _errors(entries: list[LogLine]) -> list[str]:
    return [line(entry) for entry in entries] or [_CLEAN]


# --- the maps


def _flat(call: Call) -> dict[str, str]:
    body: Parameters = call.body
    return body.flat()


def _options(call: Call, taken: frozenset[str]) -> dict[str, str]:
    """The map of a create or join, if it asks for nothing that this node cannot give."""
    options = _flat(call)
    for key in options:
        if key.startswith(("aws_", "s3_")):
            raise bad_request(f"This node federates over NATS; [{key}] belongs to AWS.", "Leave it out.")
        if key not in taken | _OF_PROJECT:
            raise bad_request(f"Federation option [{key[:200]}] is not available.", "Leave it out.")
    for key, what in (
        ("fed_use_smpc", "Secure multi-party computation"),
        ("fed_enforce_hipaa_compliance", "HIPAA mode"),
    ):
        if options.get(key, "false").lower() != "false":
            raise bad_request(f"{what} is not available on this node.", f"Set {key} to false to go without.")
    if options.get("fed_local_type", "cpu") != "cpu":
        raise bad_request("fed_local_type is not available in any form but cpu.")
    _check_broker(options, call.node.nats_url)
    return options


def _check_broker(options: Mapping[str, str], own: str | None) -> None:
    """A broker that is named must be the node's own: a node does not go to another at a caller's word."""
    hosts = [host.strip() for host in options.get("nats_hosts", "").split(",") if host.strip()]
    if hosts and own is not None and not {_address(host) for host in hosts} & {_address(own)}:
        raise bad_request(
            "nats_hosts is not the broker of this node.", "Leave it out, or start the node with `--nats URL`."
        )


def _address(url: str) -> str:
    return url.rpartition("://")[2].rpartition("@")[2].rstrip("/").lower()


def _needed(options: Mapping[str, Any], key: str) -> str:
    value = options.get(key, "")
    if not value:
        raise bad_request(f"[{key}] is missing from the map.", "Add it.")
    return str(value)


def _schedule(options: Mapping[str, str]) -> str:
    schedule = options.get(_SCHEDULE_KEY, _DEFAULT_SCHEDULE)
    if not _SCHEDULE.fullmatch(schedule):
        raise bad_request(f"{_SCHEDULE_KEY} [{schedule[:20]}] is not a schedule.", "Write m30, h3 or d7.")
    return schedule
