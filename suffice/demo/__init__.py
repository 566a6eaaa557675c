"""``suffice demo``: three airports, one model. The steps are told in ``story.py``; here is their order.

All that it starts and writes lives on a :class:`~suffice.demo.stage.Stage`, which is cleared however it ends.
"""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from suffice.client import Json
from suffice.demo import flights, report, story
from suffice.demo.interruptions import Interruptions, clearing_up
from suffice.demo.stage import Stage
from suffice.demo.verdict import compare
from suffice.demo.wire import knock, tap_of
from suffice.progress import new_progress
from suffice.terminal import console, print_json

SHOWN = 1  # the node whose model is shown: a peer


def run(*, keep: bool, as_json: bool) -> None:
    """The whole demo. Raises :class:`SufficeError` if something is missing or a node refuses."""
    source = flights.find_flights()
    out = Console(quiet=True) if as_json else console()
    stage = Stage()
    result = clearing_up(lambda signals: _play(stage, signals, source, keep, out), stage.clear)
    if as_json:
        print_json(result)


def write_data(folder: Path, *, as_json: bool) -> None:
    """Only the flights, as a CSV file for each airport, to try things by hand."""
    source = flights.find_flights()
    files = clearing_up(lambda _: flights.write_csv(flights.read_flights(source), folder), lambda: None)
    if as_json:
        print_json({airport: str(path) for airport, path in files.items()})
    else:
        console().print("\n".join(map(str, files.values())), soft_wrap=True)


def _play(stage: Stage, signals: Interruptions, source: Path, keep: bool, out: Console) -> Json:
    begun = time.perf_counter()
    with new_progress(quiet=out.quiet) as progress:
        steps = story.Steps(progress, lambda done, seconds: out.print(f"{seconds:6.2f} s  {done}"))
        with steps.step("start", "starting three nodes", "three nodes run: admin EWR, peers JFK and LGA"):
            folder = stage.open(signals)
            stage.launch(flights.AIRPORTS, signals)
            files, pooled = flights.write_parquet(flights.read_flights(source), folder)
            actors = stage.wait_ready()
        with steps.step(
            "federate", "federating", "EWR founded a federation, JFK and LGA joined by invitation"
        ):
            story.federate(actors)
        tap = tap_of(actors[0], (flights.TARGET, *flights.INPUTS)).start()
        with steps.step("learn", "learning", "each node learned its own airport's flights, as a job"):
            learned = story.learn(actors, files, progress)
        rows = sum(learned.values())
        with steps.step("fuse", "exchanging statistics", "every node holds the sum of all three"):
            fused = story.fuse(actors, rows)
        overheard = tap.stop()
        with steps.step("fit", "fitting", "the regression is fitted on every node, from statistics alone"):
            records = story.fit(actors)
        with steps.step("pool", "pooling", "the pooled table, learned and fitted in one process"):
            pooled_digest, pooled_model = story.fit_pooled(pooled)
    models = {name: record["model"] for name, record in records.items()}
    verdict = compare(pooled_digest, pooled_model, fused, models)
    sent = story.bytes_sent(actors)
    steps.seconds["total"] = round(time.perf_counter() - begun, 3)
    shown = actors[SHOWN]
    out.print(report.outcome(records[shown.name], shown.name, verdict))
    out.print(report.traffic(sent, overheard, knock(actors[0])))
    out.print(report.timing(rows, steps.seconds))
    if keep:
        stage.keep(signals)
        out.print(report.next_steps(actors, folder, stage.write_curl_config(shown)), soft_wrap=True)
    return {
        "nodes": len(actors),
        "rows": rows,
        "bit_identical": verdict.bit_identical,
        "pooled_digest": verdict.pooled_digest,
        "fused_digests": dict(verdict.fused_digests),
        "coefficients": dict(verdict.coefficients),
        "r2": models[shown.name]["r2"],
        "bytes_sent": sent,
        "seconds": steps.seconds,
        **(
            {"kept": {actor.name: {**actor.ready, "home": str(actor.home)} for actor in actors}}
            if keep
            else {}
        ),
    }
