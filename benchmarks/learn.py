"""Rows per second of exact learning, beside what plain tools do with the same rows in the same run.

From memory: `Moments.learn` beside blocked `X.T @ X` in float64 (inexact) and DuckDB's `sum(x*y)` of all
pairs. From Parquet and CSV files: a node's reader and learner beside pyarrow merely reading the file, in
batches as large as the node's. Everything is learned without and with profiles (power sums to order 4 and
histograms), which projects have unless told otherwise. The peak of memory is that of a process of its own
which learns the file, above what it held once everything was imported.

"bits" are columns of 40 significant bits, the most that learning keeps unless asked for more; "decimals" are
columns as most tables have them: cents, counts, flags, one decimal place. "5 % missing" is of the cells, so
that from 100 columns on hardly a row is complete; "2 categories" are of 30 levels each; "messy" is both.
Contenders take turns, and the best of the turns counts. The last line is all of it as one JSON object.

    python benchmarks/learn.py [columns ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from rich.console import Console
from rich.table import Table as RichTable

from federation.statistics import Coded, Column, Extra, Learner, Moments, Schema, Table
from node.sources import guess_schema, open_source, read_batches
from node.sources.files import CSV_BLOCK, PARQUET_BATCH, batch_rows

SIZES = (10, 30, 100, 300, 1000)
ROWS = {10: 1_000_000, 30: 400_000, 100: 120_000, 300: 40_000, 1000: 12_000}  # in memory
PARQUET_ROWS = {10: 2_000_000, 30: 600_000, 100: 200_000, 300: 60_000, 1000: 16_000}
CSV_ROWS = {10: 600_000, 30: 200_000, 100: 60_000, 300: 20_000, 1000: 8_000}
DUCK_ROWS = {10: 600_000, 30: 200_000, 100: 20_000}  # beyond, one query of all pairs takes minutes
TURNS = {10: 3, 30: 3, 100: 3, 300: 2, 1000: 1}
LEVELS = 30
BLOCK = 4096
PEAK = "--peak"
PROFILES = frozenset({Extra.PROFILES})
GOALS = {
    "memory, bits": (0.25, "X.T @ X"),
    "memory, decimals": (0.25, "X.T @ X"),
    "Parquet": (0.6, "reading"),
    "CSV": (0.9, "reading"),
}
GOAL_OF_DUCKDB, GOAL_OF_MEMORY = 4.0, 300.0  # times its speed; MB with 100 columns

Columns = dict[str, Column]


def bits(rows: int, columns: int) -> dict[str, np.ndarray]:
    """Normal variates: no decimal unit fits, so learning keeps 40 significant bits."""
    rng = np.random.default_rng(1)
    return {f"x{i}": rng.normal(size=rows) for i in range(columns)}


def decimals(rows: int, columns: int) -> dict[str, np.ndarray]:
    """Cents, counts, flags and one decimal place in turn."""
    rng = np.random.default_rng(2)
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: np.round(rng.lognormal(4, 1, rows), 2),
        lambda: rng.integers(0, 1000, rows).astype(float),
        lambda: (rng.random(rows) < 0.3).astype(float),
        lambda: np.round(rng.normal(50, 20, rows), 1),
    ]
    return {f"x{i}": kinds[i % 4]() for i in range(columns)}


def with_holes(columns: dict[str, np.ndarray]) -> Columns:
    """The same with 5 % of the values missing."""
    rng = np.random.default_rng(3)
    return {
        name: np.where(rng.random(len(values), dtype=np.float32) < 0.05, np.nan, values)
        for name, values in columns.items()
    }


def categories(rows: int) -> Columns:
    """Two categories."""
    rng = np.random.default_rng(4)
    levels = tuple(f"level {i}" for i in range(LEVELS))
    return {name: Coded(rng.integers(0, LEVELS, rows).astype(np.int32), levels) for name in ("c0", "c1")}


def best(repeats: int, *contenders: Callable[[], object]) -> list[float]:
    """Seconds of each, the best of a few rounds in which they take turns."""
    seconds = [float("inf")] * len(contenders)
    for _ in range(repeats):
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


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of table: its rows, and rows per second of the plain tool and of learning it without and with
    profiles; the peaks of memory in MB, of files.
    """

    rows: int
    plain: float
    learn: float
    profiles: float
    peak_mb: float | None = None
    profiles_peak_mb: float | None = None


def from_memory(columns: int) -> dict[str, Line]:
    """Every kind of table that is in memory."""
    rows, turns = ROWS[columns], TURNS[columns]
    normal, easy = bits(rows, columns), decimals(rows, columns)
    holes, levels = with_holes(easy), categories(rows)
    kinds: dict[str, Columns] = {
        "bits": dict(normal),
        "decimals": dict(easy),
        "decimals, 5 % missing": holes,
        "decimals, 2 categories": easy | levels,
        "messy": holes | levels,
    }
    X = np.column_stack(list(normal.values()))
    lines = {}
    for name, held in kinds.items():
        table = Table(held)
        schema = Schema.infer(table.slice(0, 50_000))
        profiled = replace(schema, extras=PROFILES)
        seconds = best(
            turns,
            partial(plain_gram, X),
            partial(lambda by, rows: Moments(by).learn(rows), schema, table),
            partial(lambda by, rows: Moments(by).learn(rows), profiled, table),
        )
        lines[f"memory, {name}"] = Line(rows, *(rows / spent for spent in seconds))
    return lines


def duckdb_speed(columns: dict[str, np.ndarray]) -> float:
    """Rows per second of DuckDB's sums of products of all pairs."""
    pairs = ", ".join(f"sum({a}*{b})" for i, a in enumerate(columns) for b in list(columns)[i:])
    connection = duckdb.connect()
    shown = pa.table(columns)
    connection.register("shown", shown)
    connection.execute("create table held as select * from shown")
    start = time.perf_counter()
    connection.execute(f"select {pairs} from held").fetchall()  # noqa: S608 - names are ours
    return shown.num_rows / (time.perf_counter() - start)


def learn_file(path: Path, extras: frozenset[Extra]) -> Moments:
    """Learn a file as a node's job does."""
    source = open_source(path)
    schema, _ = guess_schema(source)
    learner = Learner(replace(schema, extras=extras))
    for batch in read_batches(source, schema):
        learner.learn(batch.table, batch.first)
    return Moments.of(learner)


def arrow(column: Column) -> pa.Array:
    """A column as Arrow's, null where missing."""
    if isinstance(column, Coded):
        return pa.DictionaryArray.from_arrays(column.codes, list(column.levels)).cast(pa.string())
    return pa.array(column, from_pandas=True)


def write(path: Path, rows: int, columns: int, *, messy: bool) -> None:
    """Write a file of decimals, piece by piece."""
    numbers = decimals(rows // 10, columns)
    filled = with_holes(numbers) | categories(rows // 10) if messy else dict(numbers)
    piece = pa.table({name: arrow(column) for name, column in filled.items()})
    writer = (parquet.ParquetWriter if path.suffix == ".parquet" else csv.CSVWriter)(path, piece.schema)
    with writer:
        for _ in range(10):
            writer.write_table(piece)


def stream(path: Path, columns: int) -> None:
    """Merely read a file, in batches of the size that a node reads."""
    if path.suffix == ".parquet":
        for _ in parquet.ParquetFile(path).iter_batches(batch_rows(PARQUET_BATCH, columns)):
            pass
        return
    for _ in csv.open_csv(path, read_options=csv.ReadOptions(block_size=CSV_BLOCK)):
        pass


def from_file(path: Path, rows: int, columns: int, *, messy: bool) -> Line:
    """A file of decimals, clean or messy."""
    write(path, rows, columns, messy=messy)
    seconds = best(
        TURNS[columns],
        partial(stream, path, columns),
        partial(learn_file, path, frozenset()),
        partial(learn_file, path, PROFILES),
    )
    peaks = [peak_megabytes(path, extras) for extras in (frozenset(), PROFILES)]
    path.unlink()
    return Line(rows, *(rows / spent for spent in seconds), *peaks)


def peak_megabytes(path: Path, extras: Iterable[Extra]) -> float:
    """Memory that learning a file takes above the idle process, measured in a process of its own."""
    command = [sys.executable, __file__, PEAK, str(path), *extras]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure_peak(path: Path, extras: Iterable[str]) -> None:
    """What the process of `peak_megabytes` does."""
    idle = memory("VmRSS")
    learn_file(path, frozenset(map(Extra, extras)))
    print(memory("VmHWM") - idle)


def memory(field: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at most (Linux)."""
    status = Path("/proc/self/status").read_text()
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024


def measured(columns: int, folder: Path) -> dict[str, Line]:
    """Every kind of table of so many columns."""
    lines = from_memory(columns)
    for name, suffix, rows in (("Parquet", "parquet", PARQUET_ROWS), ("CSV", "csv", CSV_ROWS)):
        for kind in ("", ", messy"):
            path = folder / f"{columns}.{suffix}"
            lines[name + kind] = from_file(path, rows[columns], columns, messy=bool(kind))
    return lines


def show(columns: int, lines: dict[str, Line], duckdb: float | None, console: Console) -> None:
    """The readable table of so many columns."""
    heads = ("rows", "X.T @ X, read", "learn", "ratio", "+ profiles", "ratio", "peak MB", "+ profiles")
    table = RichTable("thousand rows/s", title=f"{columns:,} columns")
    for head in heads:
        table.add_column(head, justify="right")
    for name, line in lines.items():
        table.add_row(
            name,
            f"{line.rows / 1e3:,.0f}",
            *(f"{speed / 1e3:,.1f}" for speed in (line.plain, line.learn)),
            f"{line.learn / line.plain:.2f}",
            f"{line.profiles / 1e3:,.1f}",
            f"{line.profiles / line.plain:.2f}",
            *("" if peak is None else f"{peak:.0f}" for peak in (line.peak_mb, line.profiles_peak_mb)),
        )
    console.print(table)
    if duckdb is not None:
        console.print(
            f"DuckDB, all pairs, {DUCK_ROWS[columns]:,} rows: {duckdb / 1e3:,.1f} thousand rows/s; bits are "
            f"learned {lines['memory, bits'].learn / duckdb:.1f} times as fast"
        )


def missed(columns: int, lines: dict[str, Line], duckdb: float | None) -> Iterator[str]:
    """What falls short of its goal, and by how much; from memory the goal is one for 30 and 100 columns."""
    for name, (least, plain) in GOALS.items():
        line = lines[name]
        for how, speed in (("", line.learn), (" with profiles", line.profiles)):
            if speed < least * line.plain and (columns in (30, 100) or not name.startswith("memory")):
                yield f"{columns} columns, {name}{how}: {speed / line.plain:.2f} of {plain}, goal {least}"
    if duckdb is not None and lines["memory, bits"].learn < GOAL_OF_DUCKDB * duckdb:
        yield f"{columns} columns, memory, bits: less than {GOAL_OF_DUCKDB:g} times DuckDB"
    for name, line in lines.items() if columns == 100 else ():
        for peak in (line.peak_mb, line.profiles_peak_mb):
            if peak is not None and peak > GOAL_OF_MEMORY:
                yield f"{columns} columns, {name}: a peak of {peak:.0f} MB, goal {GOAL_OF_MEMORY:g}"


def main() -> None:
    """Print the tables, and on the last line the same figures as a JSON object."""
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    console, begun = Console(width=120), time.perf_counter()
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    console.print(f"{cores} cores, load {load:.1f} at the start")
    if load > cores / 2:
        console.print("others use this machine: X.T @ X suffers most from that, and ratios to it flatter")
    results: dict[str, object] = {"cores": cores, "load": load}
    short: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for columns in sizes:
            lines = measured(columns, Path(name))
            easy = decimals(DUCK_ROWS.get(columns, 0), columns)
            duckdb = duckdb_speed(easy) if columns in DUCK_ROWS else None
            show(columns, lines, duckdb, console)
            short += missed(columns, lines, duckdb)
            results[str(columns)] = {kind: asdict(line) for kind, line in lines.items()} | {"duckdb": duckdb}
    console.print("short of their goals:" if short else "every goal is met", *short, sep="\n  ")
    results["short"], results["seconds"] = short, time.perf_counter() - begun
    print(json.dumps(results, default=float))


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == PEAK:
        measure_peak(Path(sys.argv[2]), sys.argv[3:])
    else:
        main()
