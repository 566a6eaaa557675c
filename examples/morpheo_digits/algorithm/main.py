"""The algorithm: a network of one layer that learns batch by batch, and reads digits.

Called with `-V /data -T train` or `-T predict`. Its model is a pickle: who unpickles runs what is in it, and
here that is the sandbox, which had run this program anyway.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

PASSES = 60  # over a batch: it is seen once only

_, _, volume, _, task = sys.argv
data = Path(volume)
kept = data / "model" / "model_trained.json"  # the name that Morpheo gives to a model, whatever it holds


def sheets(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.is_file()]


def read(file: Path) -> np.ndarray:
    return np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)


def predict(folder: Path) -> None:
    for file in sheets(folder):
        images = read(file)[:, -64:] / 16
        np.savetxt(folder / "pred" / file.name, model.predict(images), fmt="%d")


if kept.exists():
    model = pickle.loads(kept.read_bytes())  # noqa: S301 (nothing but this sandbox is at stake)
else:
    model = MLPClassifier((32,), learning_rate_init=0.003, random_state=0)

if task == "train":
    batch = np.vstack([read(file) for file in sheets(data / "train")])
    for _ in range(PASSES):
        model.partial_fit(batch[:, 1:] / 16, batch[:, 0].astype(int), classes=range(10))
    kept.write_bytes(pickle.dumps(model))
    predict(data / "train")
predict(data / "test")
