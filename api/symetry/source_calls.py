"""Data sources: naming tables that are elsewhere, looking at them, and what projects do with them.

What is secret of a source is not told again, not even encrypted: it is *** in answers, and stays what it is
where a client sends that back.
"""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic_core import to_json

from api.problems import Problem, bad_request
from api.routes import Call
from api.symetry.binding import envelope, secret_bytes
from api.symetry.encryption import encrypt
from api.symetry.entities import DataFrame, DSInfo, DSListingRequest, DSListingResponse
from api.symetry.job_calls import started
from api.symetry.lookups import entity_of, project_of
from api.symetry.views import letters_for
from node.answers import SourceInfo, SourceSample
from node.errors import AlreadyExists, NotFound

NAME = "dsid"


async def create(call: Call) -> web.Response:
    body: DSInfo = call.body
    made = await call.node.sources.create(body.name, body.type, body.told(), actor=call.key)
    return envelope(201, f"DS created with name [{made.name}] for customer [{call.key.access_key}]")


async def update(call: Call) -> web.Response:
    body: DSInfo = call.body
    name = call.part(NAME)
    try:
        await call.node.sources.replace(name, body.type, body.told(), actor=call.key)
    except NotFound as error:
        raise Problem(404, "no_such_source", error.message) from None
    return envelope(200, f"DS updated with name [{name}] for customer [{call.key.access_key}]")


async def listed(call: Call) -> web.Response:
    names = [f"{source.name}:{source.type}" for source in await call.node.sources.list()]
    return envelope(values={"stringList": {"values": names}})


async def info(call: Call) -> web.Response:
    """Encrypted under the user's key, as documented."""
    found = await source_of(call)
    entity = DSInfo(type=found.type, name=found.name, info=dict(found.info))
    return envelope(
        values={"dsinfo": encrypt(secret_bytes(call.key), to_json(entity, by_alias=True).decode())}
    )


async def delete(call: Call) -> web.Response:
    found = await source_of(call)
    await call.node.sources.delete(found.name)
    return envelope(200, f"DS deleted with name [{found.name}]")


async def sample(call: Call) -> web.Response:
    found = await source_of(call)
    return _shown(await call.node.sources.sample(found.name, actor=call.key))


async def preview(call: Call) -> web.Response:
    body: DSInfo = call.body
    return _shown(await call.node.sources.preview(body.type, body.told(), actor=call.key))


async def browse(call: Call) -> web.Response:
    body: DSListingRequest = call.body
    found = await call.node.sources.browse(body.type, body.info, body.path, actor=call.key)
    entity = DSListingResponse(files=list(found.files), dirs=list(found.folders), path=found.path)
    return envelope(values={"dsdirectoryListing": entity})


async def attach(call: Call) -> web.Response:
    project, found = await project_of(call), await source_of(call)
    await call.node.sources.attach(project.name, found.name)
    return envelope(values={"smlInfo": await entity_of(call, project)})


async def detach(call: Call) -> web.Response:
    project, found = await project_of(call), await source_of(call)
    await call.node.sources.detach(project.name, found.name)
    return envelope(values={"smlInfo": await entity_of(call, project)})


async def learn(call: Call) -> web.Response:
    return await _change(call, "learn")


async def forget(call: Call) -> web.Response:
    return await _change(call, "forget")


async def _change(call: Call, kind: Literal["learn", "forget"]) -> web.Response:
    """A job; the body says no more than which columns, and their types."""
    frame: DataFrame | None = call.body
    project, found = await project_of(call), await source_of(call)
    parameters: dict[str, Any] = {"source": found.name}
    if frame is not None:
        if frame.data:
            raise bad_request("The DataFrame has rows.", "Send its heading alone: the source has the rows.")
        parameters |= {"attributes": frame.attribute_names, "types": letters_for(frame, project)}
    task = await call.node.jobs.submit(kind, actor=call.key, project=project.name, parameters=parameters)
    return started(call, task)


async def source_of(call: Call, name: str | None = None) -> SourceInfo:
    """The data source that the path names, or `name`; raises `Problem` 400."""
    wanted = call.part(NAME) if name is None else name
    try:
        return await call.node.sources.info(wanted)
    except NotFound:
        raise Problem(
            400, "not_found", f"Cannot Find DS id[{wanted}] for Customer id [{call.key.access_key}]"
        ) from None


async def known_or_made(call: Call, told: DSInfo) -> SourceInfo:
    """The data source that a DSInfo names, made of it if there is none; raises `Problem` 400, 409.

    One that there is must be told as it is, or by its name alone.
    """
    try:
        found = await call.node.sources.info(told.name)
    except NotFound:
        return await call.node.sources.create(told.name, told.type, told.told(), actor=call.key)
    if told.told() and not await call.node.sources.is_at(found.name, told.type, told.told()):
        raise AlreadyExists(f"data source {found.name!r} is another one", "use another name, or update it")
    return found


def _shown(found: SourceSample) -> web.Response:
    frame = DataFrame.told(list(found.names), list(found.types), [list(row) for row in found.rows])
    return envelope(values={"dataframe": frame})
