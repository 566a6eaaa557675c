"""The workflow of the problem: takes the digits out of test data, and counts how many were read rightly.

Called with `-T detarget` or `-T perf`, and `-i /hidden_data -s /submission_data`.
"""

import json
import sys
from pathlib import Path

_, _, task, _, hidden, _, submission = sys.argv


def sheets(kind: str) -> list[Path]:
    return [file for file in sorted((Path(hidden) / kind).iterdir()) if file.is_file()]


def without_digits(file: Path) -> str:
    return "".join(line.split(",", 1)[1] for line in file.read_text().splitlines(keepends=True))


def accuracy(kind: str, file: Path) -> float:
    digits = [line.split(",", 1)[0] for line in file.read_text().splitlines()[1:]]
    read = (Path(submission) / kind / "pred" / file.name).read_text().split()
    return sum(a == b for a, b in zip(digits, read, strict=True)) / len(digits)


if task == "detarget":
    for file in sheets("test"):
        (Path(submission) / "test" / file.name).write_text(without_digits(file))
else:
    train, test = ({file.name: accuracy(kind, file) for file in sheets(kind)} for kind in ("train", "test"))
    performance = {"perf": sum(test.values()) / len(test), "train_perf": train, "test_perf": test}
    (Path(hidden) / "perf" / "performance.json").write_text(json.dumps(performance))
