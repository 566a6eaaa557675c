"""The real SDK runs experiments against a node, finds them again, and takes them through their statuses."""

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


async def test_a_run_is_reused_described_and_continued(sdk: Callable[..., Any]) -> None:
    script = await sdk(
        """
        import argparse, json, sys
        from clearml import Task

        def run(**how):
            return Task.init("birds", "again", auto_connect_frameworks=False, **how)

        sys.argv += ["--lr", "0.5"]
        first = run()
        first.close()
        task = run()
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.parse_args()

        class Settings:
            def __init__(self):
                self.width = 4

        task.connect({"a.b": 1, "with $ and é": [1, 2], "": "empty", "x": {"y": None}}, name="odd.é")
        task.connect(Settings(), name="object")
        task.connect_configuration({"layers": [1, {"k": None}]}, name="net.v1 $")
        task.set_user_properties({"name": "score", "value": 3, "type": "int"}, author="ada")
        task.upload_artifact("result", "a run with one is not reused", wait_on_upload=True)
        task.set_parameter("General/gone", 3)
        task.delete_parameter("General/gone", force=True)
        task.close()
        task.set_user_properties(judged="good")
        again = run(continue_last_task=True)
        again.get_logger().report_scalar("loss", "train", 0.5, 0)
        again.flush(wait_for_uploads=True)
        again.close()
        read = Task.get_task(task.id)
        told = {
            "same": first.id == task.id == again.id,
            "parameters": read.get_parameters_as_dict(cast=True),
            "configuration": read.get_configuration_object_as_dict("net.v1 $"),
            "properties": read.get_user_properties(value_only=True),
            "scalars": read.get_reported_scalars(),
            "new": run().id != task.id,
        }
        Task.current_task().close()
        print()
        print(json.dumps(told))
        """
    )
    told = script.result
    assert told["same"] and told["new"]
    assert told["parameters"]["Args"] == {"lr": 0.5}
    assert told["parameters"]["object"] == {"width": 4}
    assert told["parameters"]["odd.é"] == {"": "empty", "a.b": 1, "with $ and é": [1, 2], "x": {"y": None}}
    assert "General" not in told["parameters"]
    assert told["configuration"] == {"layers": [1, {"k": None}]}
    assert told["properties"] == {"author": "ada", "score": "3", "judged": "good"}
    assert told["scalars"] == {"loss": {"train": {"name": "train", "x": [1], "y": [0.5]}}}


async def test_tasks_are_found_copied_queued_ended_and_deleted(sdk: Callable[..., Any]) -> None:
    script = await sdk(
        """
        import json
        from clearml import Task
        from clearml.backend_api.session.client import APIClient

        one, two, three = (Task.create("zoo/cats", name) for name in ("alpha 1", "alpha 2", "beta (3)"))
        one.add_tags(["x", "y"])
        two.add_tags(["x"])
        one.set_parameters({"General/lr": 0.1})

        def found(**how):
            return sorted(task.name for task in Task.get_tasks(project_name="zoo/cats", **how))

        told = {
            "named": found(task_name="alpha"),
            "x": found(tags=["x"]),
            "x without y": found(tags=["x", "-y"]),
            "x and y": found(tags=["__$all", "x", "y"]),
            "created": found(task_filter={"status": ["created"], "order_by": ["-name"]}),
            "one": Task.get_task(project_name="zoo/cats", task_name="beta (3)").id == three.id,
            "asked": Task.query_tasks(task_name="beta", additional_return_fields=["name"])[0]["name"],
        }
        clone = Task.clone(one, name="a clone", parent=two.id, comment="copied")
        tags = sorted(clone.get_tags())
        told["clone"] = [clone.get_parameters(), tags, clone.parent == two.id, clone.comment]
        clone.set_parent(one)
        clone.move_to_project(new_project_name="zoo/other")
        told["moved"] = [Task.get_task(clone.id).parent == one.id, clone.get_project_name()]
        queue = APIClient().queues.create(name="lane")
        told["queued"] = [Task.enqueue(clone, queue_name="lane").queued, clone.get_status()]
        told["waiting"] = APIClient().queues.get_num_entries(queue=queue.id).num
        told["dequeued"] = [Task.dequeue(clone).dequeued, clone.get_status()]
        for task, how in ((one, "completed"), (two, "failed"), (three, "stopped")):
            task.mark_started()
            getattr(task, "mark_" + how)(status_message="told")
            told[how] = [task.get_status(), task.get_status_message()[1]]
        one.publish()
        three.reset()
        told["then"] = [one.get_status(), three.get_status()]
        three.set_archived(True)
        told["archived"] = [found(allow_archived=False), found(task_filter={"system_tags": ["archived"]})]
        three.set_archived(False)
        three.rename("renamed")
        told["deleted"] = [task.delete(raise_on_error=True).ok() for task in (two, three)]
        told["left"] = [found(), one.delete()]
        print()
        print(json.dumps(told))
        """
    )
    assert script.result == {
        "named": ["alpha 1", "alpha 2"],
        "x": ["alpha 1", "alpha 2"],
        "x without y": ["alpha 2"],
        "x and y": ["alpha 1"],
        "created": ["alpha 1", "alpha 2", "beta (3)"],
        "one": True,
        "asked": "beta (3)",
        "clone": [{"General/lr": "0.1"}, ["x", "y"], True, "copied"],
        "moved": [True, "zoo/other"],
        "queued": [1, "queued"],
        "waiting": 1,
        "dequeued": [1, "created"],
        "completed": ["completed", "told"],
        "failed": ["failed", "told"],
        "stopped": ["stopped", "told"],
        "then": ["published", "created"],
        "archived": [["alpha 1", "alpha 2"], ["beta (3)"]],
        "deleted": [True, True],
        "left": [["alpha 1"], False],
    }
