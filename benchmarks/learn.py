"""Rows per second of exact learning, beside what plain tools do with the same rows in the same run.

From memory: `Moments.learn` beside blocked `X.T @ X` in float64 (inexact) and DuckDB's `sum(x*y)` of all
pairs. From files: a node's reader and learner beside pyarrow merely reading the file batch by batch (and,
in the JSON only, whole: `…_read_whole`). "bits" are columns of 40 significant bits, the most that learning
keeps unless asked for more; "decimals" are columns as most tables have them: cents, counts, flags, one
decimal place. Files hold decimals.

    python benchmarks/learn.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from rich.console import Console
from rich.table import Table as RichTable

from federation.statistics import Moments, Schema, Table
from node.sources import guess_schema, open_source, read_batches
from node.sources.files import CSV_BLOCK, PARQUET_BATCH

ROWS = {10: 4_000_000, 30: 2_000_000, 100: 600_000}  # in memory
PARQUET_ROWS = {10: 6_000_000, 30: 3_000_000, 100: 1_000_000}
CSV_ROWS = {10: 2_000_000, 30: 800_000, 100: 250_000}
DUCK_ROWS = {10: 1_000_000, 30: 300_000, 100: 60_000}
BLOCK = 4096
REPEATS = 3

Columns = dict[str, np.ndarray]


def bits(rows: int, columns: int) -> Columns:
    """Normal variates: no decimal unit fits, so learning keeps 40 significant bits."""
    rng = np.random.default_rng(1)
    return {f"x{i}": rng.normal(size=rows) for i in range(columns)}


def decimals(rows: int, columns: int) -> Columns:
    """Cents, counts, flags and one decimal place in turn."""
    rng = np.random.default_rng(2)
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: np.round(rng.lognormal(4, 1, rows), 2),
        lambda: rng.integers(0, 1000, rows).astype(float),
        lambda: (rng.random(rows) < 0.3).astype(float),
        lambda: np.round(rng.normal(50, 20, rows), 1),
    ]
    return {f"x{i}": kinds[i % 4]() for i in range(columns)}


def best(*contenders: Callable[[], object]) -> list[float]:
    """Seconds of each, the best of a few rounds in which they take turns."""
    seconds = [float("inf")] * len(contenders)
    for _ in range(REPEATS):
        for i, contender in enumerate(contenders):
            time.sleep(0.1)  # BLAS threads spin for a while after their last product
            start = time.perf_counter()
            contender()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return seconds


def plain_gram(X: np.ndarray) -> np.ndarray:
    """Blocked X.T @ X in float64."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(X), BLOCK):
        block = X[start : start + BLOCK]
        total += block.T @ block
    return total


def from_memory(columns: int) -> dict[str, float]:
    """Rows per second of each contender on rows that are in memory."""
    rows = ROWS[columns]
    normal = bits(rows, columns)
    X = np.column_stack(list(normal.values()))
    table = Table(normal)
    schema = Schema.infer(table.slice(0, 50_000))
    plain, exact = best(lambda: plain_gram(X), lambda: Moments(schema).learn(table))
    columned = decimals(rows, columns)
    tabled = Table(columned)
    coarse = Schema.infer(tabled.slice(0, 50_000))
    (easy,) = best(lambda: Moments(coarse).learn(tabled))
    fewer = DUCK_ROWS[columns]
    shown = pa.table({name: values[:fewer] for name, values in columned.items()})
    names = list(shown.column_names)
    pairs = ", ".join(f"sum({a}*{b})" for i, a in enumerate(names) for b in names[i:])
    connection = duckdb.connect()
    connection.register("shown", shown)
    connection.execute("create table held as select * from shown")
    start = time.perf_counter()
    connection.execute(f"select {pairs} from held").fetchall()  # noqa: S608 - names are ours
    duck = time.perf_counter() - start
    return {
        "plain": rows / plain,
        "duckdb": fewer / duck,
        "bits": rows / exact,
        "decimals": rows / easy,
    }


def learn_file(path: Path) -> Moments:
    """Learn a file as a node's job does."""
    source = open_source(path)
    schema, _ = guess_schema(source)
    moments = Moments(schema)
    for batch in read_batches(source, schema):
        moments.learn(batch.table, batch.first)
    return moments


def write(path: Path, rows: int, columns: int) -> None:
    """Write a file of decimals, piece by piece."""
    piece = pa.table(decimals(rows // 10, columns))
    writer = (parquet.ParquetWriter if path.suffix == ".parquet" else csv.CSVWriter)(path, piece.schema)
    with writer:
        for _ in range(10):
            writer.write_table(piece)


def stream(path: Path) -> None:
    """Merely read a file, in batches of the size that a node reads."""
    if path.suffix == ".parquet":
        for _ in parquet.ParquetFile(path).iter_batches(PARQUET_BATCH):
            pass
        return
    for _ in csv.open_csv(path, read_options=csv.ReadOptions(block_size=CSV_BLOCK)):
        pass


def from_file(path: Path, rows: int, columns: int) -> dict[str, float]:
    """Rows per second of reading and of learning one file."""
    write(path, rows, columns)
    whole = parquet.read_table if path.suffix == ".parquet" else csv.read_csv
    read, learned, everything = best(lambda: stream(path), lambda: learn_file(path), lambda: whole(path))
    kind = path.suffix[1:]
    return {
        f"{kind}_read": rows / read,
        f"{kind}_learn": rows / learned,
        f"{kind}_read_whole": rows / everything,
    }


def peak_megabytes(path: Path) -> float:
    """Memory that learning a file takes above the idle process, measured in a process of its own."""
    done = subprocess.run([sys.executable, __file__, str(path)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure_peak(path: Path) -> None:
    """What the process of `peak_megabytes` does."""
    idle = memory("VmRSS")
    learn_file(path)
    print(memory("VmHWM") - idle)


def memory(field: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at most (Linux)."""
    status = Path("/proc/self/status").read_text()
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024


def measured(columns: int, folder: Path) -> dict[str, float]:
    """All figures for so many columns."""
    path = folder / f"{columns}.parquet"
    result = from_memory(columns)
    result |= from_file(path, PARQUET_ROWS[columns], columns)
    result |= from_file(folder / f"{columns}.csv", CSV_ROWS[columns], columns)
    result["peak_mb"] = peak_megabytes(path)
    for name, (over, under, _) in RATIOS.items():
        result[name] = result[over] / result[under]
    return result


def show(results: dict[int, dict[str, float]], console: Console) -> None:
    """The readable table."""
    table = RichTable("", *(f"{columns} columns" for columns in results), "goal", title="Learning exactly")

    def row(title: str, key: str, form: str, goal: str = "", scale: float = 1.0) -> None:
        table.add_row(title, *(format(result[key] / scale, form) for result in results.values()), goal)

    for key, title in SPEEDS.items():
        row(f"{title}, million rows/s", key, ".3g", scale=1e6)
    table.add_section()
    for key, (over, under, goal) in RATIOS.items():
        row(f"{SPEEDS[over]} : {SPEEDS[under]}", key, ".2f", goal)
    row("peak memory above idle, MB", "peak_mb", ".0f", "<= 300")
    console.print(table)


SPEEDS = {
    "plain": "X.T @ X",
    "duckdb": "DuckDB",
    "bits": "learn bits",
    "decimals": "learn decimals",
    "parquet_read": "read Parquet",
    "parquet_learn": "learn Parquet",
    "csv_read": "read CSV",
    "csv_learn": "learn CSV",
}
RATIOS = {
    "bits_to_plain": ("bits", "plain", ">= 0.25"),
    "decimals_to_plain": ("decimals", "plain", ">= 0.25"),
    "bits_to_duckdb": ("bits", "duckdb", ">= 4"),
    "parquet_to_read": ("parquet_learn", "parquet_read", ">= 0.6"),
    "csv_to_read": ("csv_learn", "csv_read", ">= 0.9"),
}


def main() -> None:
    """Print the table, and on the last line the same figures as a JSON object."""
    console = Console()
    with tempfile.TemporaryDirectory() as name, console.status("measuring") as status:
        results = {}
        for columns in ROWS:
            status.update(f"measuring {columns} columns")
            results[columns] = measured(columns, Path(name))
    show(results, console)
    print(
        json.dumps({str(columns): {k: round(v, 3) for k, v in r.items()} for columns, r in results.items()})
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_peak(Path(sys.argv[1]))
    else:
        main()
