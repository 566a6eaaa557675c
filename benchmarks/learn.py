"""Rows per second of exact learning, beside what plain tools do with the same rows in the same run.

From memory: `Moments.learn` beside blocked `X.T @ X` in float64 (inexact) and DuckDB's `sum(x*y)` of all
pairs. From files: a node's reader and learner beside pyarrow merely reading the file batch by batch (and,
in the JSON only, whole: `…_read_whole`). "bits" are columns of 40 significant bits, the most that learning
keeps unless asked for more; "decimals" are columns as most tables have them: cents, counts, flags, one
decimal place. "5 % missing" is of the cells, so that from 100 columns on hardly a row is complete;
"2 categories" are of 30 levels each; "messy" is both, "profiles" are power sums to order 4 and histograms,
"conditionals" squared products. Files hold decimals.

    python benchmarks/learn.py [columns ...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
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
from node.sources.files import CSV_BLOCK, PARQUET_BATCH

SIZES = (10, 30, 100, 300, 1000)
ROWS = {10: 1_000_000, 30: 400_000, 100: 160_000, 300: 40_000, 1000: 12_000}  # in memory
PARQUET_ROWS = {10: 2_000_000, 30: 600_000, 100: 200_000, 300: 60_000, 1000: 16_000}
CSV_ROWS = {10: 600_000, 30: 200_000, 100: 60_000, 300: 20_000, 1000: 6_000}
DUCK_ROWS = {10: 600_000, 30: 200_000, 100: 30_000}  # beyond, one query of all pairs takes minutes
SQUARED = 100  # up to so many columns conditionals are measured: their products are of four times the rows
REPEATS = {10: 3, 30: 2, 100: 2, 300: 1, 1000: 1}
LEVELS = 30
BLOCK = 4096
PEAK = "--peak"

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


def from_memory(columns: int) -> dict[str, float]:
    """Rows per second of each contender on rows that are in memory."""
    rows, repeats = ROWS[columns], REPEATS[columns]
    normal = bits(rows, columns)
    X = np.column_stack(list(normal.values()))
    speeds = {"plain": best(repeats, partial(plain_gram, X))[0]}
    speeds |= learning("bits", normal, repeats, {Extra.PROFILES})
    easy = decimals(rows, columns)
    extras = set(Extra) if columns <= SQUARED else {Extra.PROFILES}
    speeds |= learning("decimals", easy, repeats, extras)
    speeds |= learning("missing", with_holes(easy), repeats)
    speeds |= learning("categories", easy | categories(rows), repeats)
    speeds |= learning("messy", with_holes(easy) | categories(rows), repeats)
    result = {name: rows / seconds for name, seconds in speeds.items()}
    if columns in DUCK_ROWS:
        result["duckdb"] = duckdb_speed({name: values[: DUCK_ROWS[columns]] for name, values in easy.items()})
    return result


def learning(name: str, columns: Columns, repeats: int, extras: Iterable[Extra] = ()) -> dict[str, float]:
    """Seconds of learning a table, and of learning it with each of the extras."""
    table = Table(columns)
    schema = Schema.infer(table.slice(0, 50_000))
    schemas = {name: schema} | {
        f"{name}_{extra}": replace(schema, extras=frozenset({extra})) for extra in sorted(extras)
    }

    def learner(chosen: Schema) -> Callable[[], object]:
        return lambda: Moments(chosen).learn(table)

    return dict(zip(schemas, best(repeats, *map(learner, schemas.values())), strict=True))


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


def learn_file(path: Path) -> Moments:
    """Learn a file as a node's job does."""
    source = open_source(path)
    schema, _ = guess_schema(source)
    learner = Learner(schema)
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


def stream(path: Path) -> None:
    """Merely read a file, in batches of the size that a node reads."""
    if path.suffix == ".parquet":
        for _ in parquet.ParquetFile(path).iter_batches(PARQUET_BATCH):
            pass
        return
    for _ in csv.open_csv(path, read_options=csv.ReadOptions(block_size=CSV_BLOCK)):
        pass


def from_file(path: Path, rows: int, columns: int) -> dict[str, float]:
    """Rows per second of reading and of learning a clean and a messy file."""
    result: dict[str, float] = {}
    for kind, messy in ((path.suffix[1:], False), (f"messy_{path.suffix[1:]}", True)):
        write(path, rows, columns, messy=messy)
        whole = parquet.read_table if path.suffix == ".parquet" else csv.read_csv
        contenders = partial(stream, path), partial(learn_file, path), partial(whole, path)
        names = f"{kind}_read", f"{kind}_learn", f"{kind}_read_whole"
        seconds = best(REPEATS[columns], *contenders)
        result |= {name: rows / spent for name, spent in zip(names, seconds, strict=True)}
        if path.suffix == ".parquet":
            result["messy_peak_mb" if messy else "peak_mb"] = peak_megabytes(path)
    return result


def peak_megabytes(path: Path) -> float:
    """Memory that learning a file takes above the idle process, measured in a process of its own."""
    command = [sys.executable, __file__, PEAK, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
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
    result = from_memory(columns)
    result |= from_file(folder / f"{columns}.parquet", PARQUET_ROWS[columns], columns)
    result |= from_file(folder / f"{columns}.csv", CSV_ROWS[columns], columns)
    for name, (over, under, _) in RATIOS.items():
        if over in result and under in result:
            result[name] = result[over] / result[under]
    return result


def show(results: dict[int, dict[str, float]], console: Console) -> None:
    """The readable table."""
    heads = (f"d = {columns:,}" for columns in results)
    table = RichTable("thousand rows/s", *heads, "goal", title="Learning exactly")

    def row(title: str, key: str, form: str, goal: str = "", scale: float = 1.0) -> None:
        cells = (format(found[key] / scale, form) if key in found else "–" for found in results.values())
        table.add_row(title, *cells, goal)

    for group in SPEEDS:
        for key, title in group.items():
            row(title, key, ",.1f", scale=1e3)
        table.add_section()
    titles = {key: title for group in SPEEDS for key, title in group.items()}
    for key, (over, under, goal) in RATIOS.items():
        row(f"{titles[over]} : {titles[under]}", key, ".2f", goal)
    table.add_section()
    row("peak memory above idle, Parquet, MB", "peak_mb", ".0f", "<= 300")
    row("messy", "messy_peak_mb", ".0f")
    console.print(table)


SPEEDS = (
    {
        "plain": "X.T @ X",
        "bits": "bits",
        "bits_profiles": "bits with profiles",
        "duckdb": "DuckDB",
        "decimals": "decimals",
        "decimals_profiles": "decimals with profiles",
        "decimals_conditionals": "decimals with conditionals",
        "missing": "decimals, 5 % missing",
        "categories": "decimals and 2 categories",
        "messy": "messy",
    },
    {
        "parquet_read": "read Parquet",
        "parquet_learn": "learn Parquet",
        "messy_parquet_read": "read messy Parquet",
        "messy_parquet_learn": "learn messy Parquet",
        "csv_read": "read CSV",
        "csv_learn": "learn CSV",
        "messy_csv_read": "read messy CSV",
        "messy_csv_learn": "learn messy CSV",
    },
)
RATIOS = {
    "bits_to_plain": ("bits", "plain", ">= 0.25"),
    "decimals_to_plain": ("decimals", "plain", ">= 0.25"),
    "bits_to_duckdb": ("bits", "duckdb", ">= 4"),
    "profiles_to_bits": ("bits_profiles", "bits", ""),
    "profiles_to_decimals": ("decimals_profiles", "decimals", ""),
    "parquet_to_read": ("parquet_learn", "parquet_read", ">= 0.6"),
    "csv_to_read": ("csv_learn", "csv_read", ">= 0.9"),
}


def main() -> None:
    """Print the table, and on the last line the same figures as a JSON object."""
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    console = Console()
    with tempfile.TemporaryDirectory() as name, console.status("measuring") as status:
        results = {}
        for columns in sizes:
            status.update(f"measuring {columns} columns")
            results[columns] = measured(columns, Path(name))
    show(results, console)
    print(
        json.dumps({str(columns): {k: round(v, 3) for k, v in r.items()} for columns, r in results.items()})
    )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == PEAK:
        measure_peak(Path(sys.argv[2]))
    else:
        main()
