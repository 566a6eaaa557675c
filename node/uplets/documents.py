"""What is told of problems, algorithms, data and uplets. Times are whole unix seconds."""

from __future__ import annotations

from dataclasses import dataclass

from node.uplets.kinds import UpletStatus
from node.uplets.results import Performances


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be learned. workflow: how performance is measured; size_train_dataset: items in a batch;
    lower_is_better: of two performances."""

    uuid: str
    workflow: str
    test_dataset: list[str]
    size_train_dataset: int
    timestamp_upload: int
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class Algo:
    uuid: str
    problem: str
    name: str
    timestamp_upload: int


@dataclass(frozen=True, slots=True)
class Data:
    """problems: what it was given for."""

    uuid: str
    problems: list[str]
    timestamp_upload: int


@dataclass(frozen=True, slots=True)
class Learnuplet:
    """The training of an algorithm on one batch. model_start: the model that it starts from (or the algorithm
    itself), None while it waits for one; model_end: the model that it makes."""

    uuid: str
    problem: str
    workflow: str
    algo: str
    model_start: str | None
    model_end: str
    train_data: list[str]
    test_data: list[str]
    worker: str | None
    perf: float | None
    train_perf: Performances | None
    test_perf: Performances | None
    status: UpletStatus
    rank: int
    timestamp_creation: int
    timestamp_done: int | None


@dataclass(frozen=True, slots=True)
class Preduplet:
    """A prediction by a model on an item of data."""

    uuid: str
    problem: str
    workflow: str
    data: str
    model: str
    worker: str | None
    status: UpletStatus
    prediction_storage_uuid: str | None
    timestamp_request: int
    timestamp_done: int | None


Document = Problem | Algo | Data | Learnuplet | Preduplet
