"""What a worker does for a preduplet: the algorithm of a model predicts one item of data."""

from __future__ import annotations

from pathlib import Path

from node.errors import BadRequest
from node.sandbox import Mount, read_plain
from suffice.wire import Json
from suffice.worker.blobs import Blobs
from suffice.worker.calls import MorpheoCalls, Uplet
from suffice.worker.learning import fetch_data
from suffice.worker.programs import Failed, Sandbox

MOST_PREDICTION = 256 << 20
"""Bytes of a prediction."""


def predict(
    uplet: Uplet, calls: MorpheoCalls, blobs: Blobs, sandbox: Sandbox, work: Path
) -> tuple[Json, str]:
    """Predict and store the prediction; the result to post, and what the algorithm said.

    work: an empty folder. Raises Failed, Stopped, SufficeError.
    """
    most = sandbox.limits.disk
    data = str(uplet["data"])
    fetch_data(blobs, [data], work / "test", most, uplet)
    blobs.put("model", uplet["model"], work / "model.tar.gz", most, uplet)
    blobs.put("algo", calls.algo_of_model(uplet["model"]), work / "algo.tar.gz", most, uplet)
    sandbox.unpack("the model", work / "model.tar.gz", work / "model")
    sandbox.unpack("the algorithm", work / "algo.tar.gz", work / "algo")
    (work / "pred").mkdir()
    said = sandbox.run(
        "the algorithm",
        work / "algo",
        ["-V", "/data", "-T", "predict"],
        [
            Mount(work / "test", "/data/test"),
            Mount(work / "pred", "/data/test/pred", writable=True),
            Mount(work / "model", "/data/model"),
        ],
    )
    try:
        prediction = read_plain(work / "pred", data, MOST_PREDICTION)
    except BadRequest as error:
        raise Failed(f"the algorithm gave no prediction: {error.message}") from error
    if not prediction:
        raise Failed("the algorithm's prediction is empty")
    return {"status": "done", "prediction_storage_uuid": calls.upload_prediction(prediction)}, said
