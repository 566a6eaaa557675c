"""The steps of the demo: a federation, three jobs, one model, and the pooled table beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.progress import Progress

from suffice.client import JobFailed, Json, SufficeError
from suffice.demo import flights
from suffice.demo.stage import Actor

FEDERATION = "airports"
PROJECT = "flights"
MODEL = "delay"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Steps:
    """Tells each step, shows that work runs, and keeps its seconds."""

    progress: Progress
    tell: Callable[[str, float], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, key: str, doing: str, done: str) -> Iterator[None]:
        bar = self.progress.add_task(doing, total=None)
        begun = time.perf_counter()
        yield
        self.seconds[key] = round(time.perf_counter() - begun, 3)
        self.progress.remove_task(bar)
        self.progress.stop()  # the bars are drawn on another stream than what is told
        self.tell(done, self.seconds[key])
        self.progress.start()


def federate(actors: Sequence[Actor]) -> None:
    """The admin founds the federation and its project; each peer joins with an invitation of its own."""
    admin, *peers = actors
    admin.client.create_federation(FEDERATION)
    admin.client.create_project(PROJECT, federation=FEDERATION, schema=flights.SCHEMA)
    for peer in peers:
        peer.client.join(admin.client.invite(FEDERATION)["invitation"], wait=0)
    for peer in peers:
        until(partial(_is_active, peer), f"{peer.name} to be admitted")
        peer.client.create_project(PROJECT, federation=FEDERATION)


def _is_active(actor: Actor) -> bool:
    return bool(actor.client.federation(FEDERATION)["state"] == "active")


def learn(actors: Sequence[Actor], files: dict[str, Path], progress: Progress) -> dict[str, int]:
    """Every node learns its own file, as a job; the rows that each learned."""
    jobs = {actor.name: actor.client.learn(PROJECT, str(files[actor.name])) for actor in actors}
    bars = {name: progress.add_task(f"  {name} learns {files[name].name}", total=None) for name in jobs}
    while any(not job.finished for job in jobs.values()):
        for actor in actors:
            if not jobs[actor.name].finished:
                job = jobs[actor.name] = actor.client.job(jobs[actor.name].id, wait=POLL_SECONDS)
                progress.update(bars[actor.name], completed=job.current, total=job.maximum or None)
    for bar in bars.values():
        progress.remove_task(bar)
    for job in jobs.values():
        if job.status != "completed":
            raise JobFailed(job)
    return {name: int((job.result or {})["learned"]) for name, job in jobs.items()}


def fuse(actors: Sequence[Actor], rows: int) -> dict[str, Json]:
    """Wait until every node holds everybody's statistics; what each holds."""
    fused: dict[str, Json] = {}
    for actor in actors:
        until(partial(_is_complete, actor, len(actors), rows), f"{actor.name} to hold all {rows:,} rows")
        fused[actor.name] = actor.client.statistics(PROJECT)["fused"]
    return fused


def _is_complete(actor: Actor, members: int, rows: int) -> bool:
    held = actor.client.statistics(PROJECT)["fused"] or {}
    return len(held.get("contributions", ())) == members and held["rows"] == rows


def fit(actors: Sequence[Actor]) -> dict[str, Json]:
    """The same regression on every node, from the fused statistics that each holds."""
    return {
        actor.name: actor.client.fit(PROJECT, MODEL, target=flights.TARGET, inputs=flights.INPUTS)
        for actor in actors
    }


def fit_pooled(path: Path) -> tuple[str, Json]:
    """Digest (of schema, rows and sums) and model of the pooled table, learned and fitted in this process."""
    from federation import models

    moments = flights.learn_pooled(path)
    model = models.fit("mlr", moments, flights.TARGET, list(flights.INPUTS))
    return moments.digest(), model.to_dict()


def until(met: Callable[[], bool], what: str) -> None:
    """Ask again and again; raises :class:`SufficeError` after a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met():
        if time.monotonic() > deadline:
            raise SufficeError(
                "demo_slow", f"Waited {PATIENCE_SECONDS:g} s for {what}.", "Is the machine very busy?"
            )
        time.sleep(POLL_SECONDS)


def bytes_sent(actors: Sequence[Actor]) -> dict[str, int]:
    """What each node has put on the bus since it started, in bytes."""
    return {
        actor.name: int(actor.client.metric("suffice_federation_bytes", direction="sent")) for actor in actors
    }
