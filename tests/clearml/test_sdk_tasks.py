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


async def test_models_are_written_and_read(sdk: Callable[..., Any], admin: Any) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path
        from clearml import InputModel, OutputModel, Task

        task = Task.init("models", "writes one", auto_connect_frameworks=False, output_uri=True)
        Path("weights.txt").write_text("0.5")
        model = OutputModel(task=task, name="net", framework="custom", label_enumeration={"owl": 1})
        model.update_weights("weights.txt", auto_delete_file=False, async_enable=False)
        model.set_metadata("depth", "3", "int")
        model.publish()
        task.close()
        again = InputModel(model_id=model.id)
        text = Path(again.get_local_copy()).read_text()
        print()
        print(json.dumps([model.id, text]))
        """
    )
    key, text = script.result
    assert text == "0.5"
    model = (await admin("models.get_by_id", model=key)).data["model"]
    assert (model["name"], model["framework"], model["ready"]) == ("net", "custom", True)
    assert model["labels"] == {"owl": 1} and model["metadata"]["depth"]["value"] == "3"
