"""Rows per second of scoring a file, and the peak of memory, beside the bare equivalent of each.

A million records of 5 columns, as CSV and as JSON, through a linear model of the node, the same model as an
ONNX file, and a script in the sandbox. The bare equivalent does the same arithmetic on the same file with no
mapping, no checks and no errors that name a record: CSV through pyarrow, batch by batch; JSON as `json.load`
and `json.dump`, which hold the whole file; the ONNX file through onnxruntime alone; the script by itself, out
of the sandbox, on a file that is as it wants it. Counting stands beside counting line ends, or `json.load`.

Every contender runs in processes of its own, which first score a small file, so that what is imported counts
neither as time nor as memory; of several turns the best counts. The memory is that of the process alone: what
a script takes is the script's. The last line is all of it as one JSON object.

    python benchmarks/scoring.py [--rows 1000000] [--turns 2]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv
from rich.console import Console
from rich.table import Table

from federation.models import fit
from federation.statistics import Moments, Schema
from federation.statistics import Table as Rows
from node.modelling import onnx
from node.scoring import Mime, count_records, described, score_file

COLUMNS: Final = ("a", "b", "c", "d", "e")
WEIGHTS: Final = np.array([1.0, -2.0, 0.5, 3.0, -0.25])
SMALL: Final = 1000
ONE: Final = "--one"
GOAL_OF_MEMORY: Final = 200.0
"""MB above what a process holds that has scored a small file."""

MIMES: Final = {"csv": "text/csv; header=present", "json": "application/json"}

SCRIPT: Final = """
import csv, json, sys
weights = {"a": 1.0, "b": -2.0, "c": 0.5, "d": 3.0, "e": -0.25}
if sys.argv[1] == "csv":
    with open(sys.argv[2], newline="") as given, open(sys.argv[3], "w", newline="") as made:
        results = csv.writer(made)
        results.writerow(["res"])
        for record in csv.DictReader(given):
            results.writerow([sum(weight * float(record[name]) for name, weight in weights.items())])
else:
    with open(sys.argv[2]) as given:
        records = json.load(given)
    with open(sys.argv[3], "w") as made:
        json.dump([{"res": sum(w * record[name] for name, w in weights.items())} for record in records], made)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """rows/s and MB of peak memory, ours and bare; the ratio of the speeds."""

    ours: float
    ours_mb: float
    bare: float
    bare_mb: float

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


# --- what is scored ---------------------------------------------------------------------------------------


def write_files(folder: Path, rows: int) -> None:
    """The records in both forms, large and small, the model and the script."""
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(rows, len(COLUMNS))) * 100, 2)
    for name, count in (("large", rows), ("small", SMALL)):
        part = values[:count]
        table = pa.table({column: part[:, at] for at, column in enumerate(COLUMNS)})
        csv.write_csv(table, folder / f"{name}.csv")
        records = [dict(zip(COLUMNS, row, strict=True)) for row in part.tolist()]
        (folder / f"{name}.json").write_text(json.dumps(records))
    columns = {column: values[:SMALL, at] for at, column in enumerate(COLUMNS)}
    learned = Rows(columns | {"y": values[:SMALL] @ WEIGHTS})
    moments = Moments(Schema.infer(learned, 60)).learn(learned)
    record = fit("mlr", moments, "y", list(COLUMNS)).to_dict()
    model = {"kind": "model", "record": record, "inputs": list(COLUMNS), "known": moments.schema.to_dict()}
    (folder / "model.json").write_text(json.dumps(model))
    (folder / "model.onnx").write_bytes(onnx(record))
    (folder / "script").mkdir()
    (folder / "script" / "main.py").write_text(SCRIPT)


def model_of(kind: str, form: str, folder: Path) -> dict[str, Any]:
    if kind == "model":
        found: dict[str, Any] = json.loads((folder / "model.json").read_text())
        return found
    if kind == "onnx":
        return {"kind": "onnx", "path": str(folder / "model.onnx")}
    command = f"python main.py {form} {{input}} {{output}}"
    return {"kind": "script", "folder": str(folder / "script"), "command": command, "memory": 8 << 30}


def ours(kind: str, form: str, source: Path, output: Path) -> None:
    model = model_of(kind, form, source.parent)
    if kind == "count":
        count_records(source, Mime.parse(MIMES[form]))
        return
    schema = described(model)
    if kind == "script":
        wide = "csv_header" if form == "csv" else "json"
        fields = [{"path": name, "type": "number"} for name in COLUMNS]
        schema = {"input_type": wide, "input": fields, "output_type": wide}
        schema["output"] = [{"path": "res", "type": "number"}]
    request = {"mime": MIMES[form], "schema": schema, "model": model}
    score_file(request, source, output, lambda done, total: None)


def bare(kind: str, form: str, source: Path, output: Path) -> None:
    if kind == "count":
        if form == "json":
            len(json.loads(source.read_bytes()))
            return
        with source.open("rb") as file:
            sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    elif kind == "script":
        command = [sys.executable, str(source.parent / "script" / "main.py"), form, str(source), str(output)]
        subprocess.run(command, check=True)
    elif form == "csv":
        bare_csv(arithmetic(kind, source.parent), source, output)
    else:
        answer = arithmetic(kind, source.parent)
        records = json.loads(source.read_bytes())
        columns = {name: np.array([record[name] for record in records]) for name in COLUMNS}
        output.write_text(json.dumps([{"res": value} for value in answer(columns).tolist()]))


def arithmetic(kind: str, folder: Path) -> Callable[[dict[str, Any]], Any]:
    if kind == "model":
        return lambda columns: sum(w * columns[name] for name, w in zip(COLUMNS, WEIGHTS, strict=True))
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(folder / "model.onnx"), options)
    return lambda columns: session.run(["res"], columns)[0]


def bare_csv(answer: Callable[[dict[str, Any]], Any], source: Path, output: Path) -> None:
    reader = csv.open_csv(
        source,
        csv.ReadOptions(use_threads=False, block_size=2 << 20),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.float64())),
    )
    with csv.CSVWriter(output, pa.schema({"res": pa.float64()})) as writer:
        for batch in reader:
            columns = {name: batch[name].to_numpy() for name in COLUMNS}
            writer.write_batch(pa.record_batch({"res": pa.array(answer(columns))}))


# --- how it is measured -----------------------------------------------------------------------------------


def peak_mb() -> float:
    """That of this process: what `getrusage` tells begins with the memory of the one that started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


def measure_one(who: str, kind: str, form: str, folder: Path) -> None:
    """Print seconds and MB above what there was after a small file."""
    run, output = {"ours": ours, "bare": bare}[who], folder / f"{who}.out"
    run(kind, form, folder / f"small.{form}", output)
    before, begun = peak_mb(), time.perf_counter()
    run(kind, form, folder / f"large.{form}", output)
    print(json.dumps({"seconds": time.perf_counter() - begun, "mb": peak_mb() - before}))


def measured(kind: str, form: str, folder: Path, rows: int, turns: int) -> Measured:
    best: dict[str, tuple[float, float]] = {}
    for _ in range(turns):
        for who in ("ours", "bare"):
            command = [sys.executable, __file__, ONE, who, kind, form, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told = json.loads(done.stdout.splitlines()[-1])
            seconds, mb = best.get(who, (float("inf"), 0.0))
            best[who] = min(seconds, told["seconds"]), max(mb, told["mb"])
    (ours_seconds, ours_mb), (bare_seconds, bare_mb) = best["ours"], best["bare"]
    return Measured(rows / ours_seconds, ours_mb, rows / bare_seconds, bare_mb)


def main() -> None:
    """Print the table, and on the last line the same figures as a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    console, load = Console(width=110), os.getloadavg()[0]
    console.print(f"{given.rows:,} records, load {load:.1f} at the start")
    table = Table("", "ours, thousand/s", "peak MB", "bare, thousand/s", "peak MB", "ratio")
    results: dict[str, Any] = {"rows": given.rows, "load": load}
    short = []
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), given.rows)
        for kind in ("model", "onnx", "script", "count"):
            for form in ("csv", "json"):
                line = measured(kind, form, Path(name), given.rows, given.turns)
                speeds = (f"{line.ours / 1e3:,.0f}", f"{line.ours_mb:.0f}", f"{line.bare / 1e3:,.0f}")
                table.add_row(f"{kind}, {form}", *speeds, f"{line.bare_mb:.0f}", f"{line.ratio:.2f}")
                results[f"{kind}, {form}"] = asdict(line) | {"ratio": line.ratio}
                if line.ours_mb > GOAL_OF_MEMORY:
                    short.append(f"{kind}, {form}: a peak of {line.ours_mb:.0f} MB, goal {GOAL_OF_MEMORY:g}")
    console.print(table)
    console.print("short of their goals:" if short else "every goal is met", *short, sep="\n  ")
    print(json.dumps(results | {"short": short}))


if __name__ == "__main__":
    if len(sys.argv) > 5 and sys.argv[1] == ONE:
        measure_one(sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))
    else:
        main()
