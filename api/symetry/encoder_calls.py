"""Encoders: mean encoding tables by column and value, as SymetryML's calls make, teach and show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web

from api.problems import Problem, bad_request
from api.routes import Call
from api.symetry.binding import envelope
from api.symetry.entities import DataFrame, DSInfo, EncoderAssignQuery, NewEncoderQuery, Parameters
from api.symetry.job_calls import started
from api.symetry.lookups import entity_of, project_of
from api.symetry.source_calls import known_or_made
from api.symetry.views import letters_of, text
from api.tables import check_rows, table_from
from node.answers import EncoderInfo
from node.errors import NotFound

NAME = "encodername"


async def create(call: Call) -> web.Response:
    query: NewEncoderQuery = call.query
    body: Parameters | None = call.body
    made = await call.node.encoders.create(
        query.name,
        owner=call.key.user,
        kind="target",
        target=query.target,
        binary=query.target_type == "B",
        parameters=body.flat() if body is not None else {},
    )
    return envelope(201, f"Encoder Created with id:{made.name}")


async def listed(call: Call) -> web.Response:
    return envelope(values={"stringList": {"values": list(await call.node.encoders.names())}})


async def learn(call: Call) -> web.Response:
    frame: DataFrame = call.body
    found = await _encoder(call)
    letters = {name: "S" if letter in "TSL" else letter for name, letter in letters_of(frame).items()}
    letters |= {found.target: "B" if found.binary else "C"} if found.target in letters else {}
    table = await table_from(frame.attribute_names, frame.data, letters, tuple(frame.attribute_names))
    await call.node.encoders.learn(found.name, table)
    return envelope()


async def learn_source(call: Call) -> web.Response:
    """A job. The DSInfo names a source that there is, or is named by this."""
    body: DSInfo = call.body
    found = await _encoder(call)
    source = await known_or_made(call, body)
    parameters = {"encoder": found.name, "source": source.name}
    return started(call, await call.node.jobs.submit("encoder_learn", actor=call.key, parameters=parameters))


async def sources(call: Call) -> web.Response:
    found = await _encoder(call)
    return envelope(values={"stringList": {"values": list(await call.node.encoders.sources(found.name))}})


async def delete(call: Call) -> web.Response:
    found = await _encoder(call)
    await call.node.encoders.delete(found.name)
    return envelope(200, f"deleted Encoder with id[{found.name}]")


async def stats(call: Call) -> web.Response:
    found = await _encoder(call)
    rows = [
        [item.key, "S", text(item.count), repr(item.mean), repr(item.stddev), repr(item.variance)]
        for item in await call.node.encoders.statistics(found.name)
    ]
    return _frame(("key", "type", "count", "mean", "stddev", "variance"), "SSCCCC", rows)


async def values(call: Call) -> web.Response:
    found = await _encoder(call)
    try:
        known = await call.node.encoders.values(found.name, call.part("key"))
    except NotFound as error:
        raise bad_request(error.message) from None
    rows = [[item.value, "S", text(item.count), text(item.sum)] for item in known]
    return _frame(("Value", "Type", "Count", "Sum"), "SSCC", rows)


async def set_values(call: Call) -> web.Response:
    """Rows of Value, Type, Count and Sum, of the column that the path names."""
    return await _set(call, call.part("key"))


async def create_values(call: Call) -> web.Response:
    """The same with the column as Key in each row."""
    return await _set(call, None)


async def assign(call: Call) -> web.Response:
    query: EncoderAssignQuery = call.query
    project = await project_of(call)
    try:
        snapshot = await call.node.encoders.snapshot(query.name)
    except NotFound:
        raise _unknown(query.name) from None
    assigned = await call.node.projects.assign_encoder(project.name, snapshot)
    return envelope(values={"smlInfo": await entity_of(call, assigned)})


async def _set(call: Call, key: str | None) -> web.Response:
    frame: DataFrame = call.body
    found = await _encoder(call)
    wanted = (["Key"] if key is None else []) + ["Value", "Count", "Sum"]
    lacking = [name for name in wanted if name not in frame.attribute_names]
    if lacking:
        raise bad_request(f"The DataFrame lacks the column {lacking[0]}.", f"It has {', '.join(wanted)}.")
    await check_rows(frame.attribute_names, frame.data)
    places = [frame.attribute_names.index(name) for name in wanted]
    given: dict[str, dict[str, tuple[float, float]]] = {}
    for number, row in enumerate(frame.data):
        *texts, count, total = (row[place] for place in places)
        try:
            sums = (float(count), float(total))
        except (TypeError, ValueError):
            raise bad_request(f"Row {number}: Count or Sum is not a number.") from None
        column = key if key is not None else str(texts[0])
        given.setdefault(column, {})[str(texts[-1])] = sums
    await call.node.encoders.set_values(found.name, given)
    return envelope()


async def _encoder(call: Call) -> EncoderInfo:
    """The encoder that the path names; raises `Problem` 400."""
    name = call.part(NAME)
    try:
        return await call.node.encoders.info(name)
    except NotFound:
        raise _unknown(name) from None


def _unknown(name: str) -> Problem:
    return Problem(400, "not_found", f"Cannot Find Encoder id[{name}]")


def _frame(names: Sequence[str], letters: Iterable[str], rows: list[list[Any]]) -> web.Response:
    return envelope(values={"dataframe": DataFrame.told(list(names), list(letters), rows)})
