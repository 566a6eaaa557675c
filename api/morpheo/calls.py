"""The calls of Morpheo's orchestrator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from aiohttp import hdrs, web
from pydantic_core import to_json

from api.morpheo.entities import (
    Claim,
    LearnResult,
    NewAlgo,
    NewData,
    NewPrediction,
    NewProblem,
    PredictResult,
)
from api.native.binding import answer
from api.problems import Problem, bad_request
from api.routes import Call, CallHandler
from api.streams import in_thread, send
from node.uplets.documents import Document
from node.uplets.documents import Problem as ProblemDocument
from node.uplets.kinds import UpletKind
from node.uplets.results import Learned

_PIECE: Final = 2**16
"""Bytes of a list that are sent at once, or what one document has."""


async def new_problem(call: Call) -> web.Response:
    body: NewProblem = call.body
    made = await call.node.uplets.add_problem(
        body.uuid,
        body.workflow,
        body.test_dataset,
        body.size_train_dataset,
        call.key,
        lower_is_better=body.lower_is_better,
    )
    return answer({"new_problem": _shown(made)}, 201)


async def new_algo(call: Call) -> web.Response:
    body: NewAlgo = call.body
    made, count = await call.node.uplets.add_algo(body.uuid, body.problem, body.name, call.key)
    return answer({"new_algo": made, "new_learnuplets": count}, 201)


async def new_data(call: Call) -> web.Response:
    body: NewData = call.body
    made, count = await call.node.uplets.add_data(body.uuid, body.problems, call.key)
    return answer({"new_datas": made, "new_learnuplets": count}, 201)


async def new_prediction(call: Call) -> web.Response:
    body: NewPrediction = call.body
    count = await call.node.uplets.predict(body.problem, body.data, call.key)
    return answer({"new_preduplets": count}, 201)


async def set_worker(call: Call) -> web.Response:
    body: Claim = call.body
    kind, uuid = call.part("uplet_type"), call.part("uplet_uuid")
    if kind not in set(UpletKind):
        raise Problem(404, "not_found", "Page does not exist", "use learnuplet or preduplet")
    await call.node.uplets.claim(UpletKind(kind), uuid, body.worker, call.key)
    return answer({f"{kind}_worker_set": uuid})


async def learn_done(call: Call) -> web.Response:
    body: LearnResult = call.body
    uuid = call.part("learnuplet_uuid")
    learned = None
    if body.status == "done":
        if body.perf is None or body.train_perf is None or body.test_perf is None:
            raise bad_request(
                "wrong key in posted data", "post perf, train_perf and test_perf with the status done"
            )
        learned = Learned(body.perf, body.train_perf, body.test_perf)
    await call.node.uplets.finish_learning(uuid, learned, call.key)
    return answer({"updated_learnuplet": uuid})


async def pred_done(call: Call) -> web.Response:
    body: PredictResult = call.body
    uuid, failed = call.part("preduplet_uuid"), body.status == "failed"
    if not failed and body.prediction_storage_uuid is None:
        raise bad_request("wrong key in posted data", "post prediction_storage_uuid with the status done")
    await call.node.uplets.finish_prediction(uuid, body.prediction_storage_uuid, call.key, failed=failed)
    return answer({"updated_preduplet": uuid})


def listed(collection: str) -> CallHandler:
    """The call that lists a collection; the query's parameters are filters, all of which must hold."""

    async def handle(call: Call) -> web.StreamResponse:
        found = await call.node.uplets.find(collection, call.request.query.items())
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json"})
        return await send(call.request, response, in_thread(_pieces(f"{collection}s", found)))

    return handle


def _pieces(name: str, found: Sequence[Document]) -> Iterator[bytes]:
    """A list as JSON, piece by piece: every learnuplet repeats its problem's test data, and so a list can be
    much larger than what was read for it."""
    piece = bytearray(f'{{"{name}":[', "ascii")
    for at, document in enumerate(found):
        piece += b"," if at else b""
        piece += to_json(_shown(document), inf_nan_mode="null")
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece + b"]}\n")


def one(collection: str) -> CallHandler:
    """The call that answers one document of a collection."""

    async def handle(call: Call) -> web.Response:
        return answer(_shown(await call.node.uplets.get(collection, call.part("document_uuid"))))

    return handle


def _shown(document: Document) -> Any:
    """A document as it is told; what Morpheo's own do not have is there only where it says something."""
    if isinstance(document, ProblemDocument) and not document.lower_is_better:
        told = asdict(document)
        del told["lower_is_better"]
        return told
    return document
