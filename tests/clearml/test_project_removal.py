"""Deleting projects, over HTTP: what keeps one, what goes with it, and what only loses it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from node.tracking import project_removal


async def project(admin: Any, name: str, **fields: Any) -> str:
    return (await admin("projects.create", name=name, **fields)).data["id"]


async def task(admin: Any, project: str, **fields: Any) -> str:
    fields = {"name": "thing", "type": "training"} | fields
    return (await admin("tasks.create", project=project, **fields)).data["id"]


async def by_name(admin: Any, name: str) -> str:
    found = await admin("projects.get_all", name=f"^{name}$", search_hidden=True)
    return found.data["projects"][0]["id"]


async def report(admin: Any, key: str) -> None:
    event = {"type": "training_stats_scalar", "task": key, "metric": "loss", "variant": "train"}
    await admin.batch("events.add_batch", [event | {"iter": i, "value": 0.5} for i in range(20)])


async def test_what_a_project_holds_is_told_before_it_is_deleted(admin):
    low = await project(admin, "top/low")
    top = await by_name(admin, "top")
    dataset = await project(admin, "top/.datasets/birds", system_tags=["dataset"])
    await task(admin, low)
    await task(admin, top, system_tags=["archived"])
    await task(admin, top, type="report")
    await task(admin, dataset)
    told = (await admin("projects.validate_delete", project=top)).data
    assert (told["tasks"], told["non_archived_tasks"]) == (2, 1)
    assert (told["reports"], told["non_archived_reports"]) == (1, 1)
    assert (told["datasets"], told["non_archived_datasets"]) == (1, 1)
    assert (told["models"], told["pipelines"]) == (0, 0)


async def test_a_project_goes_with_all_below_it(admin):
    await project(admin, "top/low/leaf")
    await project(admin, "topmost")
    reply = await admin("projects.delete", project=await by_name(admin, "top"))
    assert reply.data == {"deleted": 3, "disassociated_tasks": 0}
    assert [p["name"] for p in (await admin("projects.get_all")).data["projects"]] == ["topmost"]


async def test_tasks_keep_a_project_until_they_are_archived(admin):
    low = await project(admin, "top/low")
    top, key = await by_name(admin, "top"), await task(admin, low)
    assert (await admin("projects.delete", project=top)).code == (400, 402)
    await admin("tasks.archive_many", ids=[key])
    assert (await admin("projects.delete", project=top)).data == {"deleted": 2, "disassociated_tasks": 1}
    assert "project" not in (await admin("tasks.get_by_id", task=key)).data["task"]


@pytest.mark.parametrize(
    ("folder", "tag", "subcode"), [(".datasets", "dataset", 406), (".pipelines", "pipeline", 413)]
)
async def test_datasets_and_pipelines_keep_a_project(admin, folder, tag, subcode):
    held = await project(admin, f"top/{folder}/birds", system_tags=[tag])
    await task(admin, held)
    top = await by_name(admin, "top")
    assert (await admin("projects.delete", project=top)).code == (400, subcode)
    assert (await admin("projects.delete", project=top, force=True)).data["deleted"] == 3


async def test_models_keep_a_project(admin):
    top = await project(admin, "top")
    await admin("models.create", name="net", uri="file:///net", project=top)
    assert (await admin("projects.delete", project=top)).code == (400, 405)
    assert (await admin("projects.delete", project=top, force=True)).data["deleted"] == 1
    assert [m["name"] for m in (await admin("models.get_all")).data["models"]] == ["net"]


async def test_contents_are_deleted_with_their_events_in_any_status(admin, monkeypatch):
    monkeypatch.setattr(project_removal, "AT_ONCE", 2)
    low = await project(admin, "top/low")
    keys = [await task(admin, low, name=f"task {i}") for i in range(5)]
    for key in keys:
        await report(admin, key)
    await admin("tasks.started", task=keys[0])
    await admin("tasks.publish", task=keys[1], force=True)
    await admin("models.create", name="net", uri="file:///net", project=low)
    child = await task(admin, await project(admin, "other"), parent=keys[2])
    top = await by_name(admin, "top")
    reply = await admin("projects.delete", project=top, force=True, delete_contents=True)
    told = reply.data
    assert (told["deleted"], told["deleted_tasks"], told["deleted_models"]) == (2, 5, 1)
    assert told["urls"]["model_urls"] == ["file:///net"]
    assert [t["id"] for t in (await admin("tasks.get_all")).data["tasks"]] == [child]
    assert (await admin("events.get_task_events", task=keys[0], event_type="log")).code == (400, 101)
    assert (await admin("tasks.get_by_id", task=child)).data["task"]["parent"] != keys[2]


async def test_files_of_the_nodes_own_go_if_that_is_asked(admin, served):
    top = await project(admin, "top")
    for name in ("kept", "gone"):
        headers = {"Authorization": admin.auth}
        await served.session.post(
            f"{served.files_url}/", data={f"{name}.bin": BytesIO(b"x")}, headers=headers
        )
    artifact = {"key": "a", "type": "custom", "uri": f"{served.files_url}/gone.bin"}
    await task(admin, top, execution={"artifacts": [artifact]})
    served.node.files_url = served.files_url
    await admin(
        "projects.delete", project=top, force=True, delete_contents=True, delete_external_artifacts=True
    )
    found = {}
    for name in ("kept", "gone"):
        async with served.session.get(f"{served.files_url}/{name}.bin", headers=headers) as reply:
            found[name] = reply.status
    assert found == {"kept": 200, "gone": 404}


async def test_what_everybody_reads_is_not_deleted(admin):
    top = await project(admin, "top")
    await admin("projects.make_public", ids=[top])
    for action in ("validate_delete", "delete"):
        assert (await admin(f"projects.{action}", project=top, force=True)).code == (403, 21)
        assert (await admin(f"projects.{action}", project="none")).code == (400, 401)
