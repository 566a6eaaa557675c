"""One store for what all tasks report: exact, overwritten by iteration, paged both ways, deleted at once."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from node.events import SINGLE_ITERATION, EventKind, Events, NothingAdded, Variants, deleting
from node.events.batch import EmptyBatch, MixedBatch
from node.events.buckets import Extent, interval, intervals
from node.events.paging import Reading
from node.events.plots import Course, Courses, LastPlots
from node.events.reporting import key_of
from node.events.scalars import PointsPlace
from node.events.summaries import merged, summarise
from node.store import Store
from node.store.event_tables import event_logs, event_scalars, event_series
from node.store.schema import tasks, tracking_models

A, B = "a" * 32, "b" * 32
TYPES = {
    "scalar": "training_stats_scalar",
    "vector": "training_stats_vector",
    "image": "training_debug_image",
}


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = Store(store_url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def events(store: Store) -> Events:
    for task in (A, B):
        await store.write(lambda c, task=task: c.execute(tasks.insert().values(task_row(task))))
    return Events(store)


def task_row(task: str, status: str = "in_progress") -> dict[str, Any]:
    return {
        "id": task,
        "kind": "external",
        "owner": "ann",
        "status": status,
        "created": 1.0,
        "parameters": {},
    } | dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)


def event(kind: str, iteration: int | None = None, task: str = A, **more: Any) -> dict[str, Any]:
    named = {"metric": "loss", "variant": "train"} if kind != "log" else {}
    return {"task": task, "type": TYPES.get(kind, kind), "iter": iteration, "method": "get", **named, **more}


def scalar(iteration: int, value: float, **more: Any) -> dict[str, Any]:
    return event("scalar", iteration, value=value, **more)


@pytest.fixture
def task_of(store: Store) -> Callable[[str], Awaitable[Any]]:
    async def read(task: str = A) -> Any:
        return await store.read(lambda c: c.execute(sa.select(tasks).where(tasks.c.id == task)).one())

    return read


# --- reporting --------------------------------------------------------------------------------------------


async def test_what_was_added_can_be_read_and_a_later_report_of_an_iteration_takes_its_place(
    events: Events,
) -> None:
    assert (await events.add([scalar(i, i / 2) for i in range(5)])).added == 5
    await events.add([scalar(3, 9.0), scalar(7, 1.0)])
    [curve] = await events.curves([A], "iter", 0)
    assert (curve.x, curve.y) == ([0, 1, 2, 3, 4, 7], [0.0, 0.5, 1.0, 9.0, 2.0, 1.0])


async def test_events_that_cannot_be_stored_are_counted_with_the_reason(events: Events) -> None:
    added = await events.add(
        [
            scalar(1, 1.0),
            scalar(2, math.nan),
            scalar(2**64, 1.0),
            {**scalar(3, 1.0), "value": "high"},
            {**scalar(3, 1.0), "metric": ["loss"]},
            {**scalar(3, 1.0), "task": None},
            event("heartbeat"),
            event("image", 1),
            event("vector", 1, values="1,2"),
            event("plot", 1),
            event("log"),
            event("log", msg="m", model_event=True, model="m"),
            scalar(1, 1.0, task="0" * 32),
            7,
        ]
    )
    assert added.added == 1
    assert sum(added.refused.values()) == 13
    assert "there is no event type 'heartbeat'" in added.refused
    with pytest.raises(NothingAdded) as refused:
        await events.add([event("heartbeat"), event("heartbeat")])
    assert refused.value.reasons == {"there is no event type 'heartbeat'": 2}
    with pytest.raises(EmptyBatch):
        await events.add([])


async def test_a_published_task_takes_events_only_from_those_who_say_that_they_know(
    events: Events, store: Store
) -> None:
    await store.write(lambda c: c.execute(tasks.update().where(tasks.c.id == A).values(status="published")))
    with pytest.raises(NothingAdded):
        await events.add([scalar(1, 1.0)])
    added = await events.add([scalar(1, 1.0), scalar(1, 1.0, task=B)])
    assert (added.added, sum(added.refused.values())) == (1, 1)
    assert (await events.add([scalar(1, 1.0, allow_locked=True)])).added == 1
    with pytest.raises(MixedBatch):
        await events.add([scalar(1, 1.0, allow_locked=True), scalar(2, 1.0)])


async def test_models_report_too(events: Events, store: Store) -> None:
    values = {"id": B, "name": "m", "owner": "ann", "company": "", "ready": True, "document": {}}
    await store.write(
        lambda c: c.execute(tracking_models.insert().values(**values, created=1.0, last_update=1.0))
    )
    with pytest.raises(NothingAdded, match="published"):
        await events.add([scalar(4, 1.0, model_event=True, model=B)])
    await events.add([scalar(4, 1.0, model_event=True, model=B, allow_locked=True)])
    row = await store.read(lambda c: c.execute(sa.select(tracking_models)).one())
    assert row.last_iteration == 4
    assert row.document["last_metrics"][key_of("loss")][key_of("train")]["value"] == 1.0


async def test_a_task_tells_what_was_last_reported(events: Events, task_of: Any) -> None:
    await events.add([scalar(i, float(v)) for i, v in enumerate([5, 2, 8, 4])])
    await events.add(
        [scalar(90, 1.0, metric=":monitor:gpu"), scalar(SINGLE_ITERATION, 7.0, metric="Summary")]
    )
    await events.add([event("plot", 6, plot_str="{}", metric="roc")])
    row = await task_of()
    assert row.last_iteration == 6
    assert row.last_update == pytest.approx(time.time(), abs=60)
    known = row.document["last_metrics"]
    assert known[key_of("loss")][key_of("train")] == {
        "metric": "loss",
        "variant": "train",
        "value": 4.0,
        "min_value": 2.0,
        "min_value_iteration": 1,
        "max_value": 8.0,
        "max_value_iteration": 2,
        "first_value": 5.0,
        "first_value_iteration": 0,
        "mean_value": 4.75,
        "count": 4,
    }
    assert list(known) == sorted(known)
    assert row.document["unique_metrics"] == [":monitor:gpu/train", "Summary/train", "loss/train"]


numbers = st.floats(-1e6, 1e6)
batches = st.lists(st.dictionaries(st.integers(-20, 20), numbers, min_size=1, max_size=8), max_size=6)


@given(batches.filter(lambda found: len({i for batch in found for i in batch}) > 0))
def test_summaries_add_up_over_batches_that_have_no_iteration_in_common(
    found: list[dict[int, float]],
) -> None:
    seen: dict[int, float] = {}
    summary = None
    for batch in found:
        new = [(i, v, i) for i, v in sorted(batch.items()) if i not in seen]
        if new:
            summary = merged(summary, summarise(new))
            seen |= {i: v for i, v, _ in new}
    assert summary is not None
    whole = summarise([(i, v, i) for i, v in sorted(seen.items())])
    assert summary.total == pytest.approx(whole.total, rel=1e-12, abs=1e-6)
    for name in ("count", "first_value", "last_value", "min_iteration", "max_iteration", "latest"):
        assert getattr(summary, name) == getattr(whole, name)


async def test_summaries_stay_right_whatever_is_replaced(events: Events, store: Store) -> None:
    rows: dict[int, float] = {}
    for batch in (
        {1: 5.0, 2: 9.0, 3: 1.0},
        {3: 4.0},
        {2: 4.0, 7: 2.0},
        {0: 8.0},
        {1: -3.0, 5: 5.0},
        {7: 2.0},
    ):
        await events.add([scalar(i, v, timestamp=1000 + i) for i, v in batch.items()])
        rows |= batch
        expected = summarise([(i, v, 1000 + i) for i, v in sorted(rows.items())])
        row = await store.read(lambda c: c.execute(sa.select(event_series)).mappings().one())
        assert {name: row[name] for name in expected.__slots__} == {
            name: getattr(expected, name) for name in expected.__slots__
        }


# --- scalars ----------------------------------------------------------------------------------------------


def test_the_length_of_buckets_follows_from_the_points_and_their_range() -> None:
    assert interval(Extent(300, 0, 299), 50) == 6
    assert interval(Extent(49, 0, 10**6), 50) == 1
    assert interval(Extent(50, 0, 49), 50) == 1
    assert interval(Extent(10**6, 0, 10**6), 0) == 1
    alike = {"a": Extent(100, 0, 999), "b": Extent(100, 0, 1049), "c": Extent(100, 0, 1999)}
    assert intervals(alike.items(), 100) == {"a": 11, "b": 11, "c": 20}


@pytest.mark.parametrize("axis", ["iter", "timestamp"])
async def test_a_long_course_is_averaged_over_buckets_and_a_short_one_is_not(
    events: Events, axis: Any
) -> None:
    first = -150 if axis == "iter" else 150
    points = [scalar(i, i * i, timestamp=i) for i in range(first, first + 300)]
    await events.add([*points, *(scalar(i, 1.0, variant="val", timestamp=i) for i in range(0, 490, 10))])
    train, val = await events.curves([A], axis, 50)
    assert train.x == [x for x in range(first, first + 300) if x % 6 == 0]
    for x, y in zip(train.x, train.y, strict=True):
        assert y == pytest.approx(sum(i * i for i in range(x, x + 6)) / 6)
    assert val.x == list(range(0, 490, 10))
    exact, _ = await events.curves([A], axis, 0)
    assert len(exact.x) == 300


async def test_single_values_are_no_course(events: Events) -> None:
    await events.add([scalar(SINGLE_ITERATION, 0.9, metric="Summary", variant="auc", timestamp=5)])
    await events.add(
        [scalar(SINGLE_ITERATION, 0.8, metric="Summary", variant="auc", timestamp=6), scalar(1, 1.0)]
    )
    assert [curve.metric for curve in await events.curves([A], "iter", 0)] == ["loss"]
    [value] = (await events.single_values([A, B]))[A]
    assert (value.metric, value.variant, value.value, value.timestamp) == ("Summary", "auc", 0.8, 6)
    assert await events.metrics([A], [EventKind.SCALAR]) == {A: {"Summary": ["auc"], "loss": ["train"]}}


async def test_raw_points_come_in_pages_and_each_once(events: Events) -> None:
    for variant in ("train", "val"):
        await events.add([scalar(i, float(i), variant=variant, timestamp=i) for i in range(25)])
    place = PointsPlace(A, Variants("loss"), ("iter", "timestamp"))
    seen, total = [], []
    while True:
        page, place = await events.points(place, 10, count=True)
        if not page.returned:
            break
        total.append(page.total)
        for variant, found in page.variants.items():
            assert found["iter"] == found["timestamp"]
            seen += [(variant, i, y) for i, y in zip(found["iter"], found["y"], strict=True)]
    assert seen == [(variant, i, float(i)) for variant in ("train", "val") for i in range(25)]
    assert total == [50] * 5


async def test_the_latest_value_comes_with_the_mean_of_the_last_hundred(events: Events) -> None:
    await events.add([scalar(i, float(i)) for i in range(150)])
    [latest] = await events.latest(A)
    assert (latest.value, latest.iteration, latest.last_100) == (149.0, 149, 99.5)


# --- pages, logs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "image", "log"])
async def test_paging_gives_every_event_once_in_order(events: Events, kind: str, descending: bool) -> None:
    reported = []
    for i in range(120):
        more: dict[str, Any] = {"scalar": {"value": 1.0}, "image": {"url": f"u{i}"}, "log": {"msg": f"{i}"}}[
            kind
        ]
        names = {} if kind == "log" else {"variant": "abc"[i % 3]}
        reported.append(event(kind, i // 4, timestamp=1000 + i // 4, **more, **names))
        if kind == "image":
            reported[-1]["key"] = f"k{i}"
    await events.add(reported)
    wanted = EventKind(kind)
    found: list[dict[str, Any]] = []
    reading = Reading(A, (wanted,), descending)
    while True:
        page, reading, total = await events.page(reading, 7, count=True)
        if not page:
            break
        found += page
    assert total == len(found)
    name = "timestamp" if kind == "log" else "iter"
    assert [e[name] for e in found] == sorted((e[name] for e in found), reverse=descending)
    part = "msg" if kind == "log" else "url" if kind == "image" else "variant"
    assert len(found) == len({(e[name], e[part]) for e in found}) == (90 if kind == "scalar" else 120)


@pytest.mark.parametrize("kind", ["scalar", "plot"])
async def test_a_page_of_many_series_takes_few_statements(events: Events, store: Store, kind: str) -> None:
    names = [f"v{number:03}" for number in range(120)]
    what = {"value": 1.0} if kind == "scalar" else {"plot_str": "{}"}
    named = [event(TYPES.get(kind, kind), i, variant=name, **what) for name in names for i in range(3)]
    await events.add(named)
    statements = []
    assert store._read_engine is not None
    sa.event.listen(store._read_engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    reading, found = Reading(A, (EventKind(kind),)), []
    for _ in range(4):
        page, reading, total = await events.page(reading, 100, count=True)
        found += [(e["iter"], e["variant"]) for e in page]
    assert (total, found) == (360, [(i, name) for i in range(3) for name in names])
    assert len(statements) < 40


async def test_log_pages_hold_all_lines_of_their_last_moment(events: Events) -> None:
    await events.add([event("log", msg=f"{i}", timestamp=1000 + i // 4, level="info") for i in range(40)])
    latest, total = await events.log_page(A, 6, earlier=True)
    assert [line.message for line in latest] == [f"{i}" for i in range(39, 31, -1)]
    assert total == 40
    before, _ = await events.log_page(A, 4, earlier=True, beyond=latest[-1].timestamp)
    assert [line.message for line in before] == ["31", "30", "29", "28"]
    first, _ = await events.log_page(A, 5, earlier=False)
    assert [line.message for line in first] == [f"{i}" for i in range(8)]


async def test_a_log_is_cleared_by_age_and_metric(events: Events) -> None:
    await events.add([event("log", msg=f"{i}", timestamp=i, metric="ab"[i % 2]) for i in range(10)])
    assert await events.clear_log(A, before=4, include=["a"]) == 2
    assert await events.clear_log(A, exclude=["a"]) == 5
    assert [line.message for line in await events.log_lines(A)] == ["4", "6", "8"]


# --- plots and images -------------------------------------------------------------------------------------


async def test_plots_come_back_to_the_last_letter(events: Events) -> None:
    text = json.dumps({"data": [{"y": list(range(200_000)), "name": "ä\n€"}]})
    await events.add([event("plot", i, plot_str=text if i == 3 else "no json") for i in range(4)])
    [last, before], total, _ = await events.last_plots(LastPlots((A,), 2))
    assert total == 2
    assert (last["iter"], last["plot_str"], last["valid_plot"]) == (3, text, True)
    assert (before["iter"], before["plot_str"], before["valid_plot"]) == (2, "no json", False)


async def test_images_whose_files_were_written_over_are_not_shown(events: Events) -> None:
    await events.add([event("image", i, url=f"file{i % 3}", key=f"k{i % 3}") for i in range(8)])
    [found], seen = await events.courses(Courses(EventKind.IMAGE, (Course(A),)), 10, earlier=True)
    assert [item.iteration for item in found] == [7, 6, 5]
    assert (seen.each[0].low, seen.each[0].high) == (5, 7)


async def test_iterations_are_read_backwards_and_forwards(events: Events) -> None:
    await events.add([event("plot", i, plot_str="{}", variant=v) for i in range(6) for v in "xy"])
    [found], seen = await events.courses(Courses(EventKind.PLOT, (Course(A),)), 2, earlier=True)
    assert [item.iteration for item in found] == [5, 4]
    assert [e["variant"] for e in found[0].events] == ["x", "y"]
    [found], seen = await events.courses(seen, 3, earlier=True)
    assert [item.iteration for item in found] == [3, 2, 1]
    [found], seen = await events.courses(seen, 3, earlier=False)
    assert found == []
    await events.add([event("plot", 6, plot_str="{}")])
    [found], _ = await events.courses(seen, 3, earlier=False)
    assert [item.iteration for item in found] == [6]


async def test_one_steps_from_image_to_image(events: Events) -> None:
    reported = [event("image", i, url=f"{v}{i}", variant=v) for i in range(3) for v in "ab"]
    await events.add([*reported, event("image", 1, url="other", metric="later", variant="a")])

    def place(sample: Any) -> tuple[str, str, int] | None:
        return sample and tuple(sample.events[0][name] for name in ("metric", "variant", "iter"))

    here = await events.sample(A, EventKind.IMAGE, "loss", "a", own_metric=True)
    assert here is not None and place(here) == ("loss", "a", 2) and (here.low, here.high) == (0, 2)
    here = await events.step(here.position, earlier=True)
    assert here is not None and place(here) == ("loss", "b", 1)
    assert place(await events.step(here.position, earlier=True, next_iteration=True)) == ("loss", "b", 0)
    assert place(await events.step(here.position, earlier=False)) == ("loss", "a", 2)
    all_metrics = await events.sample(A, EventKind.IMAGE, "loss", "b", 1, own_metric=False)
    assert all_metrics is not None
    assert place(await events.step(all_metrics.position, earlier=False)) == ("loss", "a", 2)
    beside = await events.step(all_metrics.position, earlier=True)
    assert beside is not None and place(beside) == ("loss", "a", 1)
    assert place(await events.step(beside.position, earlier=True)) == ("later", "a", 1)
    assert await events.sample(A, EventKind.IMAGE, "loss", "c") is None


async def test_plots_of_a_metric_are_shown_together(events: Events) -> None:
    await events.add([event("plot", i, plot_str="{}", variant=v) for i in range(2) for v in "ab"])
    here = await events.sample(A, EventKind.PLOT, "loss")
    assert here is not None and [e["variant"] for e in here.events] == ["a", "b"]
    back = await events.step(here.position, earlier=True)
    assert back is not None and [e["iter"] for e in back.events] == [0, 0]
    assert await events.step(back.position, earlier=True) is None


async def test_vectors_are_kept_as_they_are(events: Events) -> None:
    await events.add([event("vector", 1, values=[1, 2.5, -1e300])])
    page, _, _ = await events.page(Reading(A, (EventKind.VECTOR,)), 10)
    assert [e["values"] for e in page] == [[1.0, 2.5, -1e300]]


# --- deleting ---------------------------------------------------------------------------------------------


async def test_nothing_is_left_of_a_deleted_task(events: Events, store: Store) -> None:
    for task in (A, B):
        await events.add([scalar(i, 1.0, task=task) for i in range(10)])
        await events.add([event("log", msg="m", task=task), event("plot", 1, plot_str="{}", task=task)])
    assert await events.delete(A)
    assert not await events.delete(A)
    counts = await store.read(
        lambda c: [
            c.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (event_series, event_scalars, event_logs)
        ]
    )
    assert counts == [2, 10, 1]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_deletion_gives_the_space_back_and_takes_no_long_turn(
    events: Events, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "AT_ONCE", 1000)
    path = tmp_path / "node.sqlite"
    await store.reclaim()
    empty = path.stat().st_size
    await events.add([scalar(i, i / 7, variant=v) for v in "abc" for i in range(10_000)])
    [curve] = await events.curves([A], "iter", 100, [Variants("loss", ("b",))])
    assert len(curve.x) == 100
    assert await events.delete(A)
    assert await events.curves([A], "iter", 100) == []
    assert path.stat().st_size < empty + 50_000
