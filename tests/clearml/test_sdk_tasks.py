"""The real SDK runs experiments against a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_a_whole_experiment(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import json
        from clearml import Task

        task = Task.init("birds/owls", "first try", auto_connect_frameworks=False, reuse_last_task_id=False)
        parameters = task.connect({"lr": 0.1, "layers": [1, 2], "deep.key with $": "x"})
        task.connect_configuration({"a": {"b": 1}}, name="model")
        task.set_tags(["night"])
        task.set_user_properties(author="ada")
        logger = task.get_logger()
        for step in range(10):
            logger.report_scalar("loss", "train", value=1 / (step + 1), iteration=step)
        logger.report_single_value("accuracy", 0.9)
        logger.report_text("hello from the script")
        logger.report_table("table", "rows", iteration=0, table_plot=[["a", "b"], [1, 2]])
        task.upload_artifact("numbers", {"one": 1})
        task.flush(wait_for_uploads=True)
        task.close()
        print()
        print(json.dumps(task.id))
        """
    )
    task = (await admin("tasks.get_by_id", task=script.result)).data["task"]
    assert (task["status"], task["name"], task["type"]) == ("completed", "first try", "training")
    assert task["hyperparams"]["General"]["lr"]["value"] == "0.1"
    assert task["configuration"]["model"]["value"]
    assert task["tags"] == ["night"]
    assert task["last_iteration"] == 9
    project = (await admin("projects.get_by_id", project=task["project"])).data["project"]
    assert project["name"] == "birds/owls"
    artifact = task["execution"]["artifacts"][0]
    assert artifact["key"] == "numbers" and artifact["uri"].startswith("http")
    shown = (await admin("events.scalar_metrics_iter_histogram", task=task["id"])).data
    assert shown["loss"]["train"]["x"] == list(range(10))
    single = (await admin("events.get_task_single_value_metrics", tasks=[task["id"]])).data["tasks"]
    assert [value["value"] for value in single[0]["values"]] == [0.9]
    log = (await admin("events.get_task_log", task=task["id"])).data["events"]
    assert any("hello from the script" in line["msg"] for line in log)
    plots = (await admin("events.get_task_plots", task=task["id"])).data["plots"]
    assert [plot["metric"] for plot in plots] == ["table"]
