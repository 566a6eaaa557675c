"""The real SDK's own requests and responses of `events`, against a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.store.schema import tasks

TASK = "a" * 32

REPORTING = """
    import json, sys
    from clearml.backend_api import Session
    from clearml.backend_api.services import events
    from clearml.backend_interface.metrics.events import (
        ConsoleEvent, ImageEventNoUpload, PlotEvent, ScalarEvent, VectorEvent
    )

    task = sys.argv[1]
    named = {"metric": "los.s $é", "variant": "train", "task": task}
    reported = [ScalarEvent(value=i / 4, iter=i, **named) for i in range(2500)]
    reported += [ScalarEvent("Summary", "auc", 0.75, -(2**31), task=task)]
    reported += [ScalarEvent("nan", "nan", float("nan"), 1, task=task)]
    reported += [VectorEvent(values=[1, 2.5], iter=1, **named)]
    reported += [PlotEvent(plot_str=json.dumps({"data": [1]}), iter=i, **named) for i in range(3)]
    reported += [ImageEventNoUpload(src=f"http://files/{i}.png", iter=i, **named) for i in range(3)]
    reported += [ConsoleEvent(f"line {i}", "INFO", "box:0", task=task) for i in range(3)]
    batch = events.AddBatchRequest(requests=[events.AddRequest(e.get_api_event()) for e in reported])
    answer = Session().send(batch)
    print(json.dumps({"ok": answer.ok(), **answer.response_data}))
"""

READING = """
    import json, sys
    from clearml.backend_api import Session
    from clearml.backend_api.services import events as e

    task = sys.argv[1]
    session = Session()
    metric = "los.s $é"
    one = {"metric": metric, "variants": ["train"]}

    def send(request):
        answer = session.send(request)
        assert answer.ok(), (request, answer.response_data)
        return answer

    def ask(request):
        return send(request).response

    def data(request):
        return send(request).response_data

    told = {}
    curves = data(e.ScalarMetricsIterHistogramRequest(task=task, key=e.ScalarKeyEnum.iter, samples=100))
    told["points"] = curves[metric]["train"]["x"][:3]
    told["single"] = ask(e.GetTaskSingleValueMetricsRequest(tasks=[task])).tasks[0]["values"][0]["value"]
    scalars, scroll, scalar = 0, None, "training_stats_scalar"
    while True:
        page = ask(e.GetTaskEventsRequest(task=task, batch_size=1000, scroll_id=scroll, event_type=scalar))
        if not page.events:
            break
        scalars, scroll = scalars + len(page.events), page.scroll_id
    told["scalars"] = scalars
    log = ask(e.GetTaskLogRequest(task=task, batch_size=2, navigate_earlier=False))
    told["log"] = [event["msg"] for event in log.events]
    plots = ask(e.GetTaskPlotsRequest(task=task, iters=2))
    told["plots"] = [(plot["iter"], plot["plot_str"]) for plot in plots.plots]
    several = ask(e.GetMultiTaskPlotsRequest(tasks=[task], iters=1)).plots
    told["several"] = list(several[metric]["train"][task])
    images = ask(e.DebugImagesRequest(metrics=[e.TaskMetricVariants(task=task, metric=metric)], iters=2))
    told["images"] = [item["iter"] for item in images.metrics[0].iterations]
    sample = data(e.GetDebugImageSampleRequest(task=task, metric=metric, variant="train"))
    more = data(e.NextDebugImageSampleRequest(task=task, scroll_id=sample["scroll_id"]))
    told["samples"] = [sample["event"]["url"], more["event"]["url"]]
    told["metrics"] = sorted(ask(e.GetScalarMetricsAndVariantsRequest(task=task)).metrics)
    told["vectors"] = len(ask(e.GetVectorMetricsAndVariantsRequest(task=task)).metrics)
    ask(e.VectorMetricsIterHistogramRequest(task=task, metric=metric, variant="train"))
    ask(e.GetTaskMetricsRequest(tasks=[task], event_type=e.EventTypeEnum.plot))
    told["latest"] = len(ask(e.GetTaskLatestScalarValuesRequest(task=task)).metrics)
    ask(e.GetScalarMetricDataRequest(task=task, metric=metric))
    raw = ask(e.ScalarMetricsIterRawRequest(task=task, metric=e.MetricVariants(**one), count_total=True))
    told["raw"] = (raw.returned, raw.total, len(raw.variants["train"]["y"]))
    told["cleared"] = ask(e.ClearTaskLogRequest(task=task)).deleted
    told["deleted"] = ask(e.DeleteForTaskRequest(task=task)).deleted
    print(json.dumps(told))
"""


@pytest.fixture
async def task(served: Any) -> str:
    counts = dict.fromkeys(("priority", "attempts", "current", "maximum"), 0)
    values = {"id": TASK, "kind": "external", "name": "training", "status": "in_progress"} | counts
    row = values | {"owner": "admin", "created": 1.0, "parameters": {}}
    await served.node.store.write(lambda c: c.execute(tasks.insert().values(row)))
    return TASK


async def test_what_the_sdk_reports_the_sdk_reads(sdk: Callable[..., Any], task: str) -> None:
    assert (await sdk(REPORTING, task)).result == {"ok": True, "added": 2512, "errors": 0, "errors_info": {}}
    told = (await sdk(READING, task)).result
    assert told == {
        "points": [0, 25, 50],
        "single": 0.75,
        "scalars": 2502,
        "log": ["line 0", "line 1", "line 2"][: len(told["log"])],
        "plots": [[2, '{"data": [1]}'], [1, '{"data": [1]}']],
        "several": ["2"],
        "images": [2, 1],
        "samples": ["http://files/2.png", "http://files/1.png"],
        "metrics": ["Summary", "los.s $é", "nan"],
        "vectors": 1,
        "latest": 2,
        "raw": [2500, 2500, 2500],
        "cleared": 3,
        "deleted": True,
    }


EXPERIMENT = """
    import json, sys
    import numpy as np
    from clearml import Task

    task = Task.init("events", "reporting", auto_connect_frameworks=False, auto_connect_streams=False,
        auto_resource_monitoring=False, auto_connect_arg_parser=False, output_uri=None)
    logger = task.get_logger()
    for i in range(40):
        logger.report_scalar("loss", "train", iteration=i, value=np.float32(1 / (i + 1)))
        logger.report_scalar("loss", "test", iteration=i, value=i)
    logger.report_single_value("auc", 0.75)
    logger.report_histogram("weights", "layer", iteration=1, values=np.arange(10))
    logger.report_confusion_matrix("confusion", "test", matrix=np.eye(3), iteration=2)
    logger.report_table("table", "rows", iteration=0, table_plot=[["a", "b"], [1, 2]])
    logger.report_media("sample", "one", iteration=3, url="http://elsewhere/one.png")
    logger.report_text("a line of text")
    task.flush(wait_for_uploads=True)
    task.close()

    again = Task.get_task(task.id)
    curves, whole = again.get_reported_scalars(), again.get_all_reported_scalars()
    lines = "\\n".join(again.get_reported_console_output(5)).splitlines()
    print(json.dumps({
        "curves": {k: {n: c["x"] for n, c in v.items()} for k, v in curves.items()},
        "all": {k: {n: len(c["y"]) for n, c in v.items()} for k, v in whole.items()},
        "last": {k: {n: [round(c[w], 3) for w in ("last", "min", "max")] for n, c in v.items()}
            for k, v in again.get_last_scalar_metrics().items()},
        "single": again.get_reported_single_values(),
        "plots": sorted((plot["metric"], plot["iter"]) for plot in again.get_reported_plots()),
        "console": [line.strip() for line in lines],
        "iteration": again.get_last_iteration(),
    }))
"""


async def test_an_experiment_of_the_sdk_reads_back_all_that_it_reported(sdk: Callable[..., Any]) -> None:
    told = (await sdk(EXPERIMENT)).result
    assert told["curves"] == {"loss": {"train": list(range(40)), "test": list(range(40))}}
    assert told["all"] == {"loss": {"train": 40, "test": 40}, "Summary": {"auc": 1}}
    assert told["last"]["loss"] == {"train": [0.025, 0.025, 1.0], "test": [39.0, 0.0, 39.0]}
    assert told["single"] == {"auc": 0.75}
    assert told["plots"] == [["confusion", 2], ["table", 0], ["weights", 1]]
    assert "a line of text" in told["console"]
    assert told["iteration"] == 39
