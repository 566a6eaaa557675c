"""The calls of the Gravity jobs API."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import BaseModel, ValidationError

from api.app_keys import BODIES, NODE
from api.bodies import parse_json
from api.files.downloads import send_file
from api.forms import data_and_file
from api.gravity.binding import KEY, enveloped
from api.gravity.entities import Renaming, Submission, view
from api.passing import PASSING
from api.problems import Problem, bad_request, of_validation
from api.stopping import unless_stopping
from node.deployments import ScoringJob, Wanted, input_path, output_of, unknown_job

WAIT_SECONDS: Final = 60.0
"""How long the answers to a submission, and about its result, wait for the job's end."""

_ID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Body = TypeVar("Body", bound=BaseModel)


async def submit(request: web.Request) -> web.Response:
    """Take the file, and answer when it is scored, or after a while that it is not yet."""
    PASSING.get().unhurried()
    node, key, job = request.app[NODE], request[KEY], uuid4().hex
    async with node.files.upload(key.user) as upload:
        upload.expect(request.content_length or 0)
        wanted, file = await data_and_file(request, upload, input_path(job), partial(_asked, request))
        await node.scoring.submit(key, wanted, file, upload, job)
    return enveloped(view(await _ended(request, job), just_made=True))


async def latest(request: web.Request) -> web.Response:
    found = await request.app[NODE].scoring.latest(request[KEY])
    return enveloped([view(job) for job in found])


async def got(request: web.Request) -> web.Response:
    return enveloped(view(await request.app[NODE].scoring.get(request[KEY], _job(request))))


async def renamed(request: web.Request) -> web.Response:
    job = _job(request)
    body = await _read(Renaming, await request.app[BODIES].read(request), "request body")
    found = await request.app[NODE].scoring.rename(request[KEY], job, body.name or None)
    return enveloped(view(found))


async def link(request: web.Request) -> web.Response:
    """An address that needs no key and expires; the file is called as the last part of it. A job that still
    runs is waited for: the vendor's Python client asks once."""
    node = request.app[NODE]
    job = await _ended(request, _job(request))
    output_of(job)
    place = f"/api/v1/results/{node.result_links.sign(job.id)}/{job.output}?download"
    return enveloped(f"{request.scheme}://{request.host}{place}")


async def result(request: web.Request) -> web.StreamResponse:
    """The output that a link leads to, also in parts."""
    node = request.app[NODE]
    job = node.result_links.read(request.match_info["token"])
    if job is None:
        raise Problem(
            403, "forbidden", "The link has expired, or is not one.", "Ask for a new one: result-link."
        )
    PASSING.get().unhurried()
    return await send_file(request, await node.files.read(await node.scoring.output(job)))


async def _ended(request: web.Request, job: str) -> ScoringJob:
    """The job when it has ended, or as it is after a while. Raises NotFound."""
    scoring, key = request.app[NODE].scoring, request[KEY]
    found = await scoring.get(key, job)  # of this key, or nobody waits
    return await unless_stopping(request.app, scoring.finished(key, job, WAIT_SECONDS)) or found


async def _asked(request: web.Request, data: bytes) -> Wanted:
    """What `data` asks for; what cannot be is refused before the file has come, if it is sent behind it."""
    wanted = (await _read(Submission, data, "data")).wanted()
    await request.app[NODE].scoring.version_for(request[KEY], wanted)
    return wanted


async def _read(model: type[Body], data: bytes, where: str) -> Body:
    """JSON as a model. Raises `Problem` 400 naming its mistakes."""
    value: Any = await parse_json(data)
    if not isinstance(value, dict):
        raise bad_request(f"The {where} is not a JSON object.", "See /docs for this call.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(error, where) from None


def _job(request: web.Request) -> str:
    """The id in the path, with or without its dashes. Raises NotFound."""
    text = request.match_info["job"]
    if not _ID.fullmatch(text):
        raise unknown_job(text)
    return UUID(text).hex
