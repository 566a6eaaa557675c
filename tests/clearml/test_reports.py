"""Reports, over HTTP: tasks of a kind of their own, in hidden folders of the projects."""

from __future__ import annotations

from typing import Any

import pytest


async def made(admin: Any, name: str = "findings", **fields: Any) -> dict[str, Any]:
    return (await admin("reports.create", name=name, **fields)).data


async def shown(admin: Any, key: str) -> dict[str, Any]:
    return (await admin("reports.get_all_ex", id=[key])).data["tasks"][0]


async def test_a_report_is_a_task_in_a_hidden_folder_of_its_project(admin):
    project = (await admin("projects.create", name="birds")).data["id"]
    report = await made(admin, project=project, report="# Owls", tags=["night"], comment="short")
    folder = (await admin("projects.get_by_id", project=report["project_id"])).data["project"]
    assert folder["name"] == "birds/.reports" and "hidden" in folder["system_tags"]
    found = await shown(admin, report["id"])
    assert (found["name"], found["type"], found["status"]) == ("findings", "report", "created")
    assert (found["report"], found["tags"], found["comment"]) == ("# Owls", ["night"], "short")
    assert (await admin("tasks.get_all")).data["tasks"] == []
    assert (await admin("projects.get_all")).data["projects"][0]["name"] == "birds"
    listed = await admin("reports.get_all_ex", project=[project], search_text="owls")
    assert [task["id"] for task in listed.data["tasks"]] == [report["id"]]
    assert (await admin("reports.get_tags")).data == {"tags": ["night"]}
    assert (await admin("projects.get_all_ex", children_type="report")).data["projects"][0]["id"] == project


async def test_reports_of_one_project_share_a_folder_and_those_of_none_are_at_the_top(admin):
    top = await made(admin)
    assert (await made(admin, name="more"))["project_id"] == top["project_id"]
    assert (await made(admin, project=top["project_id"]))["project_id"] == top["project_id"]
    moved = (await admin("reports.move", task=top["id"], project_name="birds/owls")).data
    assert moved["project_id"] != top["project_id"]
    assert (await shown(admin, top["id"]))["project"]["id"] == moved["project_id"]
    assert (await admin("reports.move", task=top["id"])).data["project_id"] == top["project_id"]


async def test_the_text_of_a_report_is_final_when_it_is_published(admin):
    key = (await made(admin))["id"]
    fields = (await admin("reports.update", task=key, report="text", name="renamed")).data["fields"]
    assert (fields["report"], fields["name"]) == ("text", "renamed")
    told = (await admin("reports.publish", task=key, message="done")).data
    assert (told["updated"], told["fields"]["status"]) == (1, "published")
    assert told["fields"]["status_message"] == "done"
    assert (await admin("reports.publish", task=key)).code == (400, 110)
    assert (await admin("reports.update", task=key, report="other")).code == (400, 110)
    assert (await admin("reports.update", task=key, tags=["final"])).data["updated"] == 1
    assert (await shown(admin, key))["report"] == "text"


async def test_reports_are_put_away_and_deleted(admin):
    key = (await made(admin))["id"]
    assert (await admin("reports.archive", task=key)).data == {"archived": 1}
    assert "archived" in (await shown(admin, key))["system_tags"]
    assert (await admin("reports.unarchive", task=key)).data == {"unarchived": 1}
    await admin("reports.publish", task=key)
    assert (await admin("reports.delete", task=key)).code == (400, 123)
    assert (await admin("reports.delete", task=key, force=True)).data == {"deleted": 1}
    assert (await admin("reports.get_all_ex")).data["tasks"] == []


@pytest.mark.parametrize("action", ["update", "move", "publish", "archive", "unarchive", "delete"])
async def test_only_reports_are_handled_as_reports(admin, action):
    key = (await admin("tasks.create", name="a task", type="training")).data["id"]
    assert (await admin(f"reports.{action}", task=key)).code == (400, 150)
    assert (await admin(f"reports.{action}", task="none")).code == (400, 101)


async def test_bad_reports_are_refused(admin):
    assert (await admin("reports.create", name="ab")).code == (400, 800)
    assert (await admin("reports.create")).code == (400, 12)
    assert (await admin("reports.create", name="abc", project="none")).code == (400, 401)


async def test_a_report_gets_what_its_tasks_reported(admin):
    key = (await admin("tasks.create", name="a task", type="training")).data["id"]
    point = {"type": "training_stats_scalar", "task": key, "metric": "loss", "variant": "train"}
    image = {"type": "training_debug_image", "task": key, "metric": "seen", "variant": "owl", "iter": 1}
    await admin.batch(
        "events.add_batch",
        [
            *({**point, "iter": i, "value": i} for i in range(3)),
            {**point, "metric": "Summary", "variant": "best", "iter": -(2**31), "value": 7},
            {"type": "plot", "task": key, "metric": "roc", "variant": "a", "iter": 1, "plot_str": "{}"},
            {**image, "url": "http://127.0.0.1/owl.png", "key": "k"},
        ],
    )
    told = await admin(
        "reports.get_task_data",
        id=[key],
        only_fields=["name"],
        debug_images={},
        plots={"iters": 1},
        scalar_metrics_iter_histogram={"metrics": [{"metric": "loss"}], "samples": 100},
        single_value_metrics={},
    )
    data = told.data
    assert data["tasks"] == [{"id": key, "name": "a task"}]
    assert data["scalar_metrics_iter_histogram"]["loss"]["train"][key]["y"] == [0, 1, 2]
    assert data["plots"]["roc"]["a"][key]["1"]["plots"][0]["plot_str"] == "{}"
    assert data["debug_images"][0]["iterations"][0]["events"][0]["variant"] == "owl"
    assert data["single_value_metrics"][0]["values"][0]["value"] == 7
    assert (await admin("reports.get_task_data", id=["none"], plots={})).data == {"tasks": []}
