"""What a worker does for a learnuplet: the order of steps and the folders that each of them sees.

The workflow makes test data without their targets; the algorithm learns and predicts, seeing only those; the
workflow compares its predictions with the targets.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.errors import BadRequest
from node.sandbox import Mount, drop_links, read_plain
from suffice.wire import Json
from suffice.worker.blobs import Blobs
from suffice.worker.calls import MorpheoCalls, Uplet
from suffice.worker.programs import Failed, Sandbox, Stopped, pack

MOST_PERFORMANCES = 16 << 20
"""Bytes of `performance.json`."""


def learn(uplet: Uplet, calls: MorpheoCalls, blobs: Blobs, sandbox: Sandbox, work: Path) -> tuple[Json, str]:
    """Train one batch, store the model; the result to post, and what the programs said.

    work: an empty folder. Raises Failed, Stopped, SufficeError.
    """
    most = sandbox.limits.disk
    workflow, algo = work / "workflow", work / "algo"
    blobs.put("problem", uplet["workflow"], work / "workflow.tar.gz", most, uplet)
    blobs.put("algo", uplet["algo"], work / "algo.tar.gz", most, uplet)
    sandbox.unpack("the workflow", work / "workflow.tar.gz", workflow)
    sandbox.unpack("the algorithm", work / "algo.tar.gz", algo)
    model = work / "model"
    if uplet["model_start"] != uplet["algo"]:  # else the chain begins, or nothing came of the one before
        blobs.put("model", uplet["model_start"], work / "start.tar.gz", most, uplet)
        sandbox.unpack("the model to start from", work / "start.tar.gz", model)
    else:
        model.mkdir()
    train, test = work / "train", work / "test"
    fetch_data(blobs, uplet["train_data"], train, most, uplet)
    fetch_data(blobs, uplet["test_data"], test, most, uplet)
    hidden = work / "hidden_targets"
    for folder in (hidden, work / "train_pred", work / "test_pred", work / "perf"):
        folder.mkdir()

    said = [
        sandbox.run(
            "the workflow",
            workflow,
            ["-T", "detarget", "-i", "/hidden_data", "-s", "/submission_data"],
            [Mount(test, "/hidden_data/test"), Mount(hidden, "/submission_data/test", writable=True)],
        )
    ]
    drop_links(hidden)
    pred = hidden / "pred"  # where the predictions of the next step are seen
    if pred.exists() and not pred.is_dir():
        raise Failed("the workflow left a file `pred` where the folder of the predictions goes")
    pred.mkdir(exist_ok=True)
    said.append(
        sandbox.run(
            "the algorithm",
            algo,
            ["-V", "/data", "-T", "train"],
            [
                Mount(train, "/data/train"),
                Mount(work / "train_pred", "/data/train/pred", writable=True),
                Mount(hidden, "/data/test"),
                Mount(work / "test_pred", "/data/test/pred", writable=True),
                Mount(model, "/data/model", writable=True),
            ],
        )
    )
    for folder in (work / "train_pred", work / "test_pred"):
        drop_links(folder)  # the targets themselves would be the best of predictions
    said.append(
        sandbox.run(
            "the workflow",
            workflow,
            ["-T", "perf", "-i", "/hidden_data", "-s", "/submission_data"],
            [
                Mount(train, "/hidden_data/train"),
                Mount(test, "/hidden_data/test"),
                Mount(work / "perf", "/hidden_data/perf", writable=True),
                Mount(train, "/submission_data/train"),
                Mount(work / "train_pred", "/submission_data/train/pred"),
                Mount(hidden, "/submission_data/test"),
                Mount(work / "test_pred", "/submission_data/test/pred"),
            ],
        )
    )
    result = {**_performances(work / "perf"), "status": "done"}
    pack(model, work / "model.tar.gz")
    if not calls.holds(uplet):
        raise Stopped("the model is another worker's to store")
    calls.upload_model(uplet["model_end"], uplet["algo"], work / "model.tar.gz")
    return result, "\n".join(filter(None, said))


def fetch_data(blobs: Blobs, data: Iterable[str], folder: Path, most: int, uplet: Uplet) -> None:
    """Have items of data in a folder, each under its id, beside an empty folder `pred`."""
    (folder / "pred").mkdir(parents=True)
    for item in dict.fromkeys(data):
        blobs.put("data", item, folder / item, most, uplet)


def _performances(folder: Path) -> Json:
    """What the workflow has written. Raises Failed if it is not what may be posted."""
    try:
        told = json.loads(read_plain(folder, "performance.json", MOST_PERFORMANCES))
    except BadRequest as error:
        raise Failed(f"the workflow gave no performances: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise Failed(f"the workflow's performance.json is not JSON: {error}") from error
    if not isinstance(told, dict) or not _is_figure(told.get("perf")):
        raise Failed("the workflow's performance.json has no finite number `perf`")
    for name in ("train_perf", "test_perf"):
        figures = told.get(name)
        values = list(figures.values()) if isinstance(figures, dict) else figures
        if not isinstance(values, list) or not all(map(_is_figure, values)):
            raise Failed(f"the workflow's performance.json has no finite numbers by data in `{name}`")
    return {name: told[name] for name in ("perf", "train_perf", "test_perf")}


def _is_figure(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= sys.float_info.max
    return isinstance(value, float) and math.isfinite(value)
