"""What the Morpheo calls take and answer, as models: checked on the way in, described both ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from node.uplets.documents import Algo, Data, Learnuplet, Preduplet

Uuid = Annotated[str, StringConstraints(strict=True, pattern=r"^[^\x00-\x1f\x7f/?#%]{1,200}$")]
"""An id that its maker chose: a text that can be a part of a path."""

Performance = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Uuids = Annotated[
    list[Uuid],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One id, or a list of them."""


class NewProblem(BaseModel):
    uuid: Uuid
    workflow: Uuid
    # Every learnuplet of the problem repeats it.
    test_dataset: Annotated[list[Uuid], Field(max_length=10_000)]
    size_train_dataset: Annotated[int, Field(strict=True, ge=1)]
    lower_is_better: bool = Field(False, strict=True, description="suffice's own: of two performances")


class NewAlgo(BaseModel):
    uuid: Uuid
    problem: Uuid
    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class NewData(BaseModel):
    uuid: Uuids
    problems: Uuids


class NewPrediction(BaseModel):
    data: Uuids
    problem: Uuid


class Claim(BaseModel):
    worker: Uuid


class LearnResult(BaseModel):
    status: Literal["done", "failed"]
    perf: Performance | None = Field(None, description="needed if done, and so are the other two")
    train_perf: dict[Uuid, Performance] | list[Performance] | None = None
    test_perf: dict[Uuid, Performance] | list[Performance] | None = None


class PredictResult(BaseModel):
    status: Literal["done", "failed"]
    prediction_storage_uuid: Uuid | None = Field(None, description="needed if done")


class ProblemShown(BaseModel):
    uuid: str
    workflow: str
    test_dataset: list[str]
    size_train_dataset: int
    timestamp_upload: int
    lower_is_better: bool | None = Field(None, description="only where it is true")


class ProblemMade(BaseModel):
    new_problem: ProblemShown


class AlgoMade(BaseModel):
    new_algo: Algo
    new_learnuplets: int


class DataMade(BaseModel):
    new_datas: list[Data]
    new_learnuplets: int


class PredictionMade(BaseModel):
    new_preduplets: int


class WorkerSet(BaseModel):
    """The one of the uplet's kind is there."""

    learnuplet_worker_set: str | None = None
    preduplet_worker_set: str | None = None


class LearnupletUpdated(BaseModel):
    updated_learnuplet: str


class PredupletUpdated(BaseModel):
    updated_preduplet: str


class Problems(BaseModel):
    problems: list[ProblemShown]


class Algos(BaseModel):
    algos: list[Algo]


class Datas(BaseModel):
    datas: list[Data]


class Learnuplets(BaseModel):
    learnuplets: list[Learnuplet]


class Preduplets(BaseModel):
    preduplets: list[Preduplet]
