"""The storage service of the Morpheo dialect: blobs in and out as they come, and what is known of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from aiohttp import web
from multipart import MultipartSegment
from pydantic import BaseModel, Field

from api.files.downloads import send_file
from api.forms import body_pieces, form_parts
from api.native.binding import answer
from api.passing import PASSING
from api.problems import Problem, bad_request
from api.routes import Call
from node.uplet_storage import MAX_PAGE, MAX_TEXT, Arriving, Kind, StoredObject

_MOST_PARTS: Final = 16
_MOST_DIGITS: Final = 18

Blob = Annotated[bytes, Field(description="The last field of the form.")]
_Texts = tuple[dict[str, str], bool]


class DataForm(BaseModel):
    """A blob and its size in bytes; a random uuid if none is given."""

    uuid: str = ""
    size: int
    blob: Blob


class AlgoForm(DataForm):
    name: str


class ProblemForm(AlgoForm):
    description: str = ""


class ProblemChange(BaseModel):
    """Any of it; a blob comes with its size."""

    name: str = ""
    description: str = ""
    size: int = 0
    blob: Blob = b""


class ModelQuery(BaseModel):
    algo: str
    uuid: str | None = None


class PageQuery(BaseModel):
    page: int = Field(0, ge=0, le=MAX_PAGE)


class BlobQuery(BaseModel):
    """uplet: the one that a worker needs data for: no other right of its key opens them then."""

    uplet: str | None = Field(None, max_length=MAX_TEXT)


class Metadata(BaseModel):
    """What is known of a blob. timestamp_upload: unix seconds; the rest is there where the kind has it."""

    uuid: str
    timestamp_upload: int
    name: str = ""
    description: str = ""
    algo: str = ""


class ObjectPage(BaseModel):
    page: int
    length: int
    items: list[Metadata]


async def listed(kind: Kind, call: Call) -> web.Response:
    query: PageQuery = call.query
    items = [_metadata(found) for found in await call.node.uplet_storage.list(kind, query.page)]
    return answer({"page": query.page, "length": len(items), "items": items})


async def got(kind: Kind, call: Call) -> web.Response:
    return answer(_metadata(await call.node.uplet_storage.get(kind, call.part("uuid"))))


async def sent(kind: Kind, call: Call) -> web.StreamResponse:
    """The blob; takes as long as it takes."""
    query: BlobQuery = call.query
    reading = await call.node.uplet_storage.read(kind, call.part("uuid"), call.key, query.uplet)
    PASSING.get().unhurried()
    return await send_file(call.request, reading)


async def posted(kind: Kind, form: type[BaseModel], call: Call) -> web.Response:
    """A new blob with what is told of it."""
    PASSING.get().unhurried()
    parts = form_parts(call.request, _MOST_PARTS)
    texts, more = await _texts(parts, form)
    if not more:
        raise bad_request("The form has no blob.", "Send it as the last field.")
    _require(texts, form)
    receiving = call.node.uplet_storage.receive(
        kind,
        call.key,
        uuid=texts.get("uuid"),
        size=_size(texts["size"]),
        name=texts.get("name"),
        description=texts.get("description", "" if "description" in form.model_fields else None),
    )
    async with receiving as arriving:
        await _pour(parts, arriving)
        return answer(_metadata(await arriving.commit()), 201)


async def posted_model(call: Call) -> web.Response:
    """A model: the body is the blob."""
    PASSING.get().unhurried()
    query: ModelQuery = call.query
    size = call.request.content_length
    receiving = call.node.uplet_storage.receive(
        Kind.MODEL, call.key, uuid=query.uuid, size=size, algo=query.algo
    )
    async with receiving as arriving:
        async for data in body_pieces(call.request):
            await arriving.write(data)
        return answer(_metadata(await arriving.commit()), 201)


async def changed_problem(call: Call) -> web.Response:
    """Other texts, another blob, or both."""
    PASSING.get().unhurried()
    storage = call.node.uplet_storage
    found = await storage.get(Kind.PROBLEM, call.part("uuid"))
    parts = form_parts(call.request, _MOST_PARTS)
    texts, more = await _texts(parts, ProblemChange)
    changes = {name: text for name, text in texts.items() if name != "size"}
    if not more:
        return answer(_metadata(await storage.change(found, call.key, changes)))
    if "size" not in texts:
        raise _missing("size")
    async with storage.receive_again(found, call.key, _size(texts["size"]), changes) as arriving:
        await _pour(parts, arriving)
        return answer(_metadata(await arriving.commit()))


async def deleted(kind: Kind, call: Call) -> web.Response:
    storage = call.node.uplet_storage
    found = await storage.get(kind, call.part("uuid"))
    await storage.delete(found, call.key)
    return answer(_metadata(found))


async def _texts(parts: AsyncIterator[MultipartSegment | bytearray], form: type[BaseModel]) -> _Texts:
    """The form's texts, up to its end or its blob; and whether the blob follows."""
    texts: dict[str, bytearray] = {}
    current = bytearray()
    async for event in parts:
        if isinstance(event, MultipartSegment):
            if event.name not in form.model_fields:
                raise bad_request(
                    "The form has a field that is not known here.", f"Send {', '.join(form.model_fields)}."
                )
            if event.name in texts:
                raise bad_request(f"The form has {event.name} twice.", "Send it once.")
            if event.name == "blob":
                return _decoded(texts), True
            current = texts[event.name] = bytearray()
        else:
            current += event
            if len(current) > MAX_TEXT:
                raise bad_request(f"A text of the form has more than {MAX_TEXT} bytes.", "Shorten it.")
    return _decoded(texts), False


async def _pour(parts: AsyncIterator[MultipartSegment | bytearray], arriving: Arriving) -> None:
    """The rest of the form into the blob."""
    async for event in parts:
        if isinstance(event, MultipartSegment):
            raise bad_request("Something follows the blob.", "Send the blob as the last field.")
        await arriving.write(event)


def _decoded(texts: Mapping[str, bytearray]) -> dict[str, str]:
    try:
        return {name: data.decode() for name, data in texts.items()}
    except UnicodeDecodeError:
        raise bad_request("A text of the form is not UTF-8.", "Send it as UTF-8.") from None


def _require(texts: Mapping[str, str], form: type[BaseModel]) -> None:
    for name, field in form.model_fields.items():
        if name != "blob" and field.is_required() and not texts.get(name):
            raise _missing(name)


def _missing(name: str) -> Problem:
    return bad_request(f"The form has no {name} before its blob.", "Send it; the blob is the last field.")


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0):
        raise bad_request("The size is no number of bytes above 0.", "Send the blob's size in bytes.")
    return int(text)


def _metadata(found: StoredObject) -> dict[str, Any]:
    told = {"name": found.name, "description": found.description, "algo": found.algo}
    return {"uuid": found.uuid, "timestamp_upload": int(found.uploaded)} | {
        name: value for name, value in told.items() if value is not None
    }
