"""The Morpheo dialect's route table."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from api.morpheo import calls
from api.morpheo.entities import (
    AlgoMade,
    Algos,
    Claim,
    DataMade,
    Datas,
    LearnResult,
    Learnuplets,
    LearnupletUpdated,
    NewAlgo,
    NewData,
    NewPrediction,
    NewProblem,
    PredictionMade,
    PredictResult,
    Preduplets,
    PredupletUpdated,
    ProblemMade,
    Problems,
    ProblemShown,
    WorkerSet,
)
from api.routes import CallHandler, Route
from node.uplets.documents import Algo, Data, Learnuplet, Preduplet


def _post(
    path: str, handler: CallHandler, summary: str, body: type[BaseModel], status: int, made: type[BaseModel]
) -> Route:
    return Route(
        "POST",
        path,
        handler,
        summary,
        dialect="morpheo",
        access="user",
        body=body,
        answers={status: made},
    )


def _get(collection: str, document: type, documents: type[BaseModel]) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            f"/{collection}",
            calls.listed(collection),
            f"The {collection} documents; the query filters by fields",
            dialect="morpheo",
            answers={200: documents},
        ),
        Route(
            "GET",
            f"/{collection}/{{document_uuid}}",
            calls.one(collection),
            f"One {collection} document",
            dialect="morpheo",
            answers={200: document},
        ),
    )


ROUTES: Final[tuple[Route, ...]] = (
    _post("/problem", calls.new_problem, "Add a problem", NewProblem, 201, ProblemMade),
    _post("/algo", calls.new_algo, "Add an algorithm for a problem", NewAlgo, 201, AlgoMade),
    _post("/data", calls.new_data, "Add data for problems", NewData, 201, DataMade),
    _post("/prediction", calls.new_prediction, "Ask for predictions", NewPrediction, 201, PredictionMade),
    _post(
        "/worker/{uplet_type}/{uplet_uuid}",
        calls.set_worker,
        "Take an uplet for a worker",
        Claim,
        200,
        WorkerSet,
    ),
    _post(
        "/learndone/{learnuplet_uuid}",
        calls.learn_done,
        "Post what became of a learnuplet",
        LearnResult,
        200,
        LearnupletUpdated,
    ),
    _post(
        "/preddone/{preduplet_uuid}",
        calls.pred_done,
        "Post what became of a preduplet",
        PredictResult,
        200,
        PredupletUpdated,
    ),
    *_get("problem", ProblemShown, Problems),
    *_get("algo", Algo, Algos),
    *_get("data", Data, Datas),
    *_get("learnuplet", Learnuplet, Learnuplets),
    *_get("preduplet", Preduplet, Preduplets),
)
