"""`events` over HTTP: reporting, and reading back each kind, with ClearML's shapes and codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.events import SINGLE_ITERATION
from node.store.schema import COMPANY, tasks, tracking_models

TASK, OTHER, MODEL = "a" * 32, "b" * 32, "c" * 32
Reported = Callable[..., Awaitable[Any]]


@pytest.fixture
async def store(served: Any) -> Any:
    """The store of a node that has two running tasks and a model."""

    def fill(connection: Any) -> None:
        counts = dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
        own = {"owner": "admin", "created": 1.0}
        for task in (TASK, OTHER):
            values = {"id": task, "kind": "external", "name": f"task {task[0]}", "status": "in_progress"}
            connection.execute(tasks.insert().values(values | counts | own | {"parameters": {}}))
        model = {"id": MODEL, "name": "net", "company": COMPANY, "ready": False, "document": {}}
        connection.execute(tracking_models.insert().values(model | own | {"last_update": 1.0}))

    await served.node.store.write(fill)
    return served.node.store


@pytest.fixture
def client(store: Any, admin: Any) -> Any:
    return admin


def event(kind: str, iteration: int | None = None, **more: Any) -> dict[str, Any]:
    names = {
        "scalar": "training_stats_scalar",
        "vector": "training_stats_vector",
        "image": "training_debug_image",
    }
    named = {} if kind == "log" else {"metric": "loss", "variant": "train"}
    return {"task": TASK, "type": names.get(kind, kind), "iter": iteration, "method": "get", **named, **more}


def scalars(count: int, **more: Any) -> list[dict[str, Any]]:
    return [event("scalar", i, value=float(i), timestamp=1000 + i, **more) for i in range(count)]


# --- reporting --------------------------------------------------------------------------------------------


async def test_a_batch_can_be_read_as_soon_as_it_is_answered(client: Any) -> None:
    reply = await client.batch("events.add_batch", scalars(3))
    assert reply.data == {"added": 3, "errors": 0, "errors_info": {}}
    histogram = await client("events.scalar_metrics_iter_histogram", task=TASK)
    assert histogram.data == {"loss": {"train": {"name": "train", "x": [0, 1, 2], "y": [0.0, 1.0, 2.0]}}}


async def test_one_event_is_a_batch_of_one_in_either_endpoint(client: Any) -> None:
    assert (await client("events.add_batch", **event("scalar", 1, value=1))).data["added"] == 1
    assert (await client("events.add", **event("scalar", 2, value=2))).data == {}
    [latest] = (await client("events.get_task_latest_scalar_values", task=TASK)).data["metrics"]
    assert latest == {
        "name": "loss",
        "variants": [{"name": "train", "last_value": 2.0, "last_100_value": 1.5}],
    }


async def test_the_worker_of_the_header_is_that_of_the_events(client: Any) -> None:
    lines = json.dumps(event("log", msg="hello"))
    headers = {"Content-Type": "application/json-lines", "X-ClearML-Worker": "box:0"}
    await client.send("events.add_batch", lines, headers=headers)
    [line] = (await client("events.get_task_log", task=TASK)).data["events"]
    assert (line["worker"], line["msg"]) == ("box:0", "hello")


async def test_what_was_not_added_is_counted_and_nothing_at_all_is_a_refusal(client: Any) -> None:
    bad = [event("heartbeat"), event("scalar", 1), event("scalar", 1, value=1, task="d" * 32), 5]
    reply = await client.batch("events.add_batch", [*bad, *scalars(1)])
    assert (reply.data["added"], reply.data["errors"]) == (1, 4)
    assert sum(reply.data["errors_info"].values()) == 4
    assert (await client.batch("events.add_batch", bad)).code == (400, 131)
    assert (await client.batch("events.add_batch", [])).code == (400, 17)
    assert (await client("events.add", **bad[0])).code == (400, 131)


async def test_published_tasks_and_ready_models_take_events_only_when_told(client: Any, store: Any) -> None:
    await store.write(lambda c: c.execute(tasks.update().values(status="published")))
    await store.write(lambda c: c.execute(tracking_models.update().values(ready=True)))
    of_model = event("scalar", 1, value=1, model_event=True, model=MODEL)
    for one in (event("scalar", 1, value=1), of_model):
        assert (await client.batch("events.add_batch", [one])).code == (400, 131)
        assert (await client.batch("events.add_batch", [one | {"allow_locked": True}])).data["added"] == 1
        assert (await client.batch("events.add_batch", [one, one | {"allow_locked": True}])).code == (400, 12)
    assert (await client("events.delete_for_task", task=TASK)).code == (400, 113)
    assert (await client("events.delete_for_model", model=MODEL)).code == (400, 203)
    assert (await client("events.clear_task_log", task=TASK)).code == (400, 113)
    assert (await client("events.delete_for_task", task=TASK, allow_locked=True)).data == {"deleted": True}


async def test_many_clients_report_at_once_and_nothing_is_lost(client: Any) -> None:
    batches = [scalars(50, variant=f"v{number % 4}", metric=f"m{number}") for number in range(12)]
    replies = await asyncio.gather(*(client.batch("events.add_batch", batch) for batch in batches))
    assert sum(reply.data["added"] for reply in replies) == 600
    metrics = (await client("events.get_scalar_metrics_and_variants", task=TASK)).data["metrics"]
    assert metrics == {f"m{number}": [f"v{number % 4}"] for number in range(12)}


# --- scalars ----------------------------------------------------------------------------------------------


async def test_a_histogram_is_averaged_on_each_axis_only_where_it_is_too_long(client: Any) -> None:
    await client.batch("events.add_batch", scalars(300) + scalars(3, variant="val", x_axis_label="epoch"))
    found = (await client("events.scalar_metrics_iter_histogram", task=TASK, samples=50)).data["loss"]
    assert found["train"]["x"] == list(range(0, 300, 6))
    assert found["train"]["y"][:2] == [2.5, 8.5]
    assert found["val"] == {"name": "val", "x": [0, 1, 2], "y": [0.0, 1.0, 2.0], "x_axis_label": "epoch"}
    chosen = {"metrics": [{"metric": "loss", "variants": ["val"]}], "task": TASK}
    by_time = await client("events.scalar_metrics_iter_histogram", **chosen, key="timestamp")
    assert by_time.data["loss"]["val"]["x"] == [1000, 1001, 1002]
    by_iso = await client("events.scalar_metrics_iter_histogram", **chosen, key="iso_time")
    assert by_iso.data["loss"]["val"]["x"][0] == "1970-01-01T00:00:01.000000+00:00"


async def test_several_tasks_are_compared(client: Any) -> None:
    await client.batch("events.add_batch", scalars(2) + scalars(2, task=OTHER))
    reply = await client("events.multi_task_scalar_metrics_iter_histogram", tasks=[TASK, OTHER])
    assert reply.data["metrics"]["loss"]["train"] == {
        TASK: {"name": "task a", "x": [0, 1], "y": [0.0, 1.0]},
        OTHER: {"name": "task b", "x": [0, 1], "y": [0.0, 1.0]},
    }
    many = await client("events.multi_task_scalar_metrics_iter_histogram", tasks=[TASK] * 101)
    assert many.code == (400, 12)


async def test_single_values_have_their_own_place(client: Any) -> None:
    single = event("scalar", SINGLE_ITERATION, metric="Summary", variant="auc", value=0.9, timestamp=7)
    await client.batch("events.add_batch", [single])
    reply = await client("events.get_task_single_value_metrics", tasks=[TASK, OTHER])
    values = [{"metric": "Summary", "variant": "auc", "value": 0.9, "timestamp": 7}]
    assert reply.data == {"tasks": [{"task": TASK, "task_name": "task a", "values": values}]}
    assert (await client("events.scalar_metrics_iter_histogram", task=TASK)).data == {}


async def test_raw_scalars_are_read_to_the_end(client: Any) -> None:
    await client.batch("events.add_batch", scalars(5) + scalars(3, variant="val"))
    wanted = {"task": TASK, "metric": {"metric": "loss"}, "batch_size": 4, "count_total": True}
    first = (await client("events.scalar_metrics_iter_raw", **wanted)).data
    assert first["variants"] == {"train": {"iter": [0, 1, 2, 3], "y": [0.0, 1.0, 2.0, 3.0]}}
    assert (first["returned"], first["total"]) == (4, 8)
    second = (await client("events.scalar_metrics_iter_raw", **wanted, scroll_id=first["scroll_id"])).data
    assert second["variants"] == {
        "train": {"iter": [4], "y": [4.0]},
        "val": {"iter": [0, 1, 2], "y": [0.0, 1.0, 2.0]},
    }
    again = (await client("events.scalar_metrics_iter_raw", **wanted, scroll_id=first["scroll_id"])).data
    assert again["variants"] == second["variants"]
    last = (await client("events.scalar_metrics_iter_raw", **wanted, scroll_id=second["scroll_id"])).data
    assert (last["variants"], last["returned"]) == ({}, 0)
    data = (await client("events.get_scalar_metric_data", task=TASK, metric="loss")).data
    assert (data["returned"], data["total"]) == (8, 8)


async def test_vectors_come_by_variant(client: Any) -> None:
    await client.batch("events.add_batch", [event("vector", i, values=[i, 0.5]) for i in range(2)])
    metrics = (await client("events.get_vector_metrics_and_variants", task=TASK)).data["metrics"]
    assert metrics == [{"metric": "loss", "variants": ["train"]}]
    found = await client("events.vector_metrics_iter_histogram", task=TASK, metric="loss", variant="train")
    assert [e["values"] for e in found.data["images"]] == [[0.0, 0.5], [1.0, 0.5]]


# --- all events, logs -------------------------------------------------------------------------------------


async def test_all_events_are_read_kind_after_kind(client: Any) -> None:
    others = [event("plot", 1, plot_str="{}"), event("image", 1, url="u"), event("log", msg="m")]
    await client.batch("events.add_batch", scalars(5) + others)
    kinds, scroll = [], None
    while True:
        page = (await client("events.get_task_events", task=TASK, batch_size=3, scroll_id=scroll)).data
        assert page["total"] == 8
        if not page["events"]:
            break
        kinds += [e["type"] for e in page["events"]]
        scroll = page["scroll_id"]
    assert kinds == ["training_stats_scalar"] * 5 + ["plot", "training_debug_image", "log"]
    only = await client("events.get_task_events", task=TASK, event_type="training_stats_scalar", order="desc")
    assert [e["iter"] for e in only.data["events"]] == [4, 3, 2, 1, 0]
    metrics = await client("events.get_task_metrics", tasks=[TASK, OTHER], event_type="plot")
    assert metrics.data["metrics"] == [{"task": TASK, "metrics": ["loss"]}, {"task": OTHER, "metrics": []}]
    merged = await client("events.get_multi_task_metrics", tasks=[TASK, OTHER])
    assert merged.data["metrics"] == [{"metric": "loss", "variants": ["train"]}]


async def test_a_log_is_read_from_either_end(client: Any) -> None:
    lines = [event("log", msg=f"line {i}", timestamp=1000 + i, level="INFO") for i in range(10)]
    await client.batch("events.add_batch", lines)

    async def messages(**wanted: Any) -> list[int]:
        data = (await client("events.get_task_log", task=TASK, **wanted)).data
        assert data["total"] == 10
        return [int(e["msg"].split()[1]) for e in data["events"]]

    assert await messages(batch_size=3) == [9, 8, 7]
    assert await messages(batch_size=3, from_timestamp=1007) == [6, 5, 4]
    assert await messages(batch_size=3, navigate_earlier=False) == [0, 1, 2]
    assert await messages(batch_size=3, order="asc") == [7, 8, 9]
    old = json.dumps({"task": TASK, "batch_size": 6})
    first = (await client.send("events.get_task_log", old, version="2.8")).data
    assert [e["msg"] for e in first["events"]] == [f"line {i}" for i in range(6)]
    rest = json.dumps({"task": TASK, "batch_size": 6, "scroll_id": first["scroll_id"]})
    assert (await client.send("events.get_task_log", rest, version="2.8")).data["returned"] == 4


async def test_a_log_is_downloaded_line_by_line(client: Any, served: Any) -> None:
    lines = [event("log", msg=f"line {i}", timestamp=i * 1000, level="INFO", worker="box") for i in range(3)]
    await client.batch("events.add_batch", lines)

    async def text(**wanted: str) -> str:
        address = f"{served.url}/v2.30/events.download_task_log"
        body = json.dumps({"task": TASK, **wanted})
        async with served.session.get(address, data=body, headers={"Authorization": client.auth}) as reply:
            assert reply.content_type == "text/plain" and "attachment" in reply.headers["Content-Disposition"]
            return await reply.text()

    assert [json.loads(line)["msg"] for line in (await text()).splitlines()] == ["line 0", "line 1", "line 2"]
    form = "{timestamp} {level} {worker} {msg} {msg.__class__}"
    assert (await text(line_type="text", line_format=form)).splitlines()[
        2
    ] == "2000 INFO box line 2 {msg.__class__}"


async def test_a_log_is_cleared_before_a_time(client: Any) -> None:
    await client.batch("events.add_batch", [event("log", msg="old", timestamp=5), event("log", msg="new")])
    assert (await client("events.clear_task_log", task=TASK, threshold_sec=60)).data == {"deleted": 1}
    assert (await client("events.clear_task_log", task=TASK)).data == {"deleted": 1}


# --- plots and images -------------------------------------------------------------------------------------


async def test_plots_come_whole_by_the_last_iterations(client: Any) -> None:
    text = json.dumps({"data": [{"y": list(range(15_000))}]})
    plots = [event("plot", i, plot_str=text, variant=v) for i in range(3) for v in "ab"]
    await client.batch("events.add_batch", plots)
    found = (await client("events.get_task_plots", task=TASK, iters=2)).data
    assert [(p["variant"], p["iter"]) for p in found["plots"]] == [("a", 2), ("a", 1), ("b", 2), ("b", 1)]
    assert all(p["plot_str"] == text for p in found["plots"])
    assert (found["returned"], found["total"]) == (4, 4)
    more = await client("events.get_task_plots", task=TASK, iters=2, scroll_id=found["scroll_id"])
    assert more.data["plots"] == []
    several = (await client("events.get_multi_task_plots", tasks=[TASK, OTHER])).data["plots"]
    shown = several["loss"]["b"][TASK]["2"]
    assert (shown["name"], len(shown["plots"])) == ("task a", 1)


async def test_images_are_scrolled_back_forth_and_to_the_latest(client: Any) -> None:
    await client.batch("events.add_batch", [event("image", i, url=f"u{i}", key=f"k{i}") for i in range(5)])
    wanted = {"metrics": [{"task": TASK, "metric": "loss"}], "iters": 2}

    async def iterations(**more: Any) -> tuple[list[int], str]:
        data = (await client("events.debug_images", **wanted, **more)).data
        [shown] = data["metrics"]
        assert shown["task"] == TASK
        return [item["iter"] for item in shown["iterations"]], data["scroll_id"]

    first, scroll = await iterations()
    assert first == [4, 3]
    second, scroll = await iterations(scroll_id=scroll)
    assert second == [2, 1]
    await client.batch("events.add_batch", [event("image", 9, url="u9", key="k9")])
    assert (await iterations(scroll_id=scroll, navigate_earlier=False))[0] == [9]
    assert (await iterations(scroll_id=scroll, refresh=True))[0] == [9, 4]
    assert (await client("events.plots", **wanted)).data["metrics"] == [{"task": TASK, "iterations": []}]


async def test_samples_are_stepped_through(client: Any) -> None:
    images = [event("image", i, url=f"{v}{i}", variant=v) for i in range(3) for v in "ab"]
    plots = [event("plot", i, plot_str="{}", variant=v) for i in range(2) for v in "ab"]
    await client.batch("events.add_batch", images + plots)
    named = {"task": TASK, "metric": "loss"}
    here = (await client("events.get_debug_image_sample", **named, variant="a")).data
    assert (here["event"]["url"], here["min_iteration"], here["max_iteration"]) == ("a2", 0, 2)
    back = (await client("events.next_debug_image_sample", task=TASK, scroll_id=here["scroll_id"])).data
    assert back["event"]["url"] == "b1"
    more = {"task": TASK, "scroll_id": back["scroll_id"], "navigate_earlier": False}
    assert (await client("events.next_debug_image_sample", **more)).data["event"]["url"] == "a2"
    shown = (await client("events.get_plot_sample", **named, iteration=0)).data
    assert [e["variant"] for e in shown["events"]] == ["a", "b"]
    end = (await client("events.next_plot_sample", task=TASK, scroll_id=shown["scroll_id"])).data
    assert end["events"] == []
    wrong = await client("events.next_plot_sample", task=TASK, scroll_id=here["scroll_id"])
    assert wrong.code == (400, 1104)
    none = (await client("events.get_debug_image_sample", **named, variant="none")).data
    assert none["event"] is None


# --- deleting, bad input ----------------------------------------------------------------------------------


async def test_a_deleted_tasks_events_are_gone(client: Any) -> None:
    await client.batch(
        "events.add_batch", [*scalars(10), event("scalar", 1, value=1, model_event=True, model=MODEL)]
    )
    assert (await client("events.delete_for_task", task=TASK)).data == {"deleted": True}
    assert (await client("events.get_task_events", task=TASK)).data["events"] == []
    assert (await client("events.delete_for_model", model=MODEL)).data == {"deleted": True}


async def test_a_cleared_or_invented_scroll_is_refused(client: Any) -> None:
    await client.batch("events.add_batch", scalars(3))
    scroll = (await client("events.get_task_events", task=TASK)).data["scroll_id"]
    assert (await client("events.clear_scroll", scroll_id=scroll)).data == {}
    for unknown in (scroll, "no such scroll"):
        assert (await client("events.get_task_events", task=TASK, scroll_id=unknown)).code == (400, 1104)


async def test_events_belong_to_a_model_too(client: Any) -> None:
    await client.batch("events.add_batch", scalars(2, model_event=True, model=MODEL))
    found = await client("events.scalar_metrics_iter_histogram", task=MODEL, model_events=True)
    assert found.data["loss"]["train"]["x"] == [0, 1]
    assert (await client("events.scalar_metrics_iter_histogram", task=MODEL)).code == (400, 101)
    assert (await client("events.get_scalar_metrics_and_variants", task=TASK, model_events=True)).code == (
        400,
        201,
    )


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("get_task_log", {"batch_size": 0}),
        ("get_task_log", {"from_timestamp": "noon"}),
        ("get_task_log", {"from_timestamp": 1e300}),
        ("get_task_events", {"event_type": "heartbeat"}),
        ("get_task_events", {"order": "up"}),
        ("get_task_events", {"batch_size": 10**9}),
        ("scalar_metrics_iter_histogram", {"samples": -1}),
        ("scalar_metrics_iter_histogram", {"key": "epoch"}),
        ("scalar_metrics_iter_raw", {"metric": "loss"}),
        ("get_task_plots", {"iters": 0}),
        ("get_task_plots", {"metrics": [{"variants": ["a"]}]}),
        ("debug_images", {"metrics": []}),
        ("debug_images", {"metrics": [{"metric": "loss"}]}),
        ("get_debug_image_sample", {"metric": "loss"}),
        ("get_plot_sample", {"metric": "loss", "iteration": 2**80}),
        ("next_plot_sample", {}),
        ("get_task_metrics", {"tasks": TASK}),
        ("clear_task_log", {"threshold_sec": -1}),
    ],
)
async def test_bad_input_is_a_validation_error(client: Any, name: str, body: dict[str, Any]) -> None:
    assert (await client(f"events.{name}", **({"task": TASK} | body))).code == (400, 12)
