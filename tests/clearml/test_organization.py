"""What spans all projects, over HTTP: tags, counts, usage, and lists as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from api.clearml.csv_file import harmless
from node.tracking import exporting, usage
from node.users import Role


async def task(admin: Any, name: str = "a task", **fields: Any) -> str:
    return (await admin("tasks.create", name=name, **{"type": "training"} | fields)).data["id"]


async def project(admin: Any, name: str, **fields: Any) -> str:
    return (await admin("projects.create", name=name, **fields)).data["id"]


async def test_tags_of_tasks_and_models_are_listed_together(admin):
    await task(admin, tags=["b", "both"], system_tags=["s"])
    await admin("models.create", name="net", uri="file:///net", tags=["a", "both"])
    assert (await admin("organization.get_tags")).data == {"tags": ["a", "b", "both"]}
    told = (await admin("organization.get_tags", include_system=True, filter={"tags": ["b"]})).data
    assert told == {"tags": ["b", "both"], "system_tags": ["s"]}


async def test_there_is_one_company(admin):
    company = (await admin("organization.get_user_companies")).data["companies"][0]
    assert (company["name"], company["allocated"]) == ("suffice", 1)


async def test_queries_are_counted_beyond_their_pages(admin):
    await task(admin, tags=["x"])
    await task(admin)
    held = await project(admin, "birds/.datasets/owls", system_tags=["dataset"])
    await task(admin, project=held, type="data_processing", system_tags=["dataset", "hidden"])
    await admin("reports.create", name="findings")
    me = (await admin("users.get_current_user")).data["user"]["id"]
    asked = {"tasks": {"tags": ["x"]}, "datasets": {}, "dataset_versions": {}, "reports": {}, "models": {}}
    counts = (await admin("organization.get_entities_count", **asked, active_users=[me])).data
    assert counts == {"tasks": 1, "datasets": 1, "dataset_versions": 1, "reports": 1, "models": 0}
    assert (await admin("organization.get_entities_count", tasks={"page_size": 1})).data == {"tasks": 2}
    assert (await admin("organization.get_entities_count", projects={})).data == {"projects": 1}
    assert (await admin("organization.get_entities_count", tasks={"tags": ["__$no"]})).code == (400, 16)


# --- files ------------------------------------------------------------------------------------------------


async def downloaded(served: Any, admin: Any, **asked: Any) -> list[list[str]]:
    reply = await admin("organization.prepare_download_for_get_all", **asked)
    url = f"{served.url}/organization.download_for_get_all?prepare_id={reply.data['prepare_id']}"
    async with served.session.get(url, headers={"Authorization": admin.auth}) as response:
        assert (response.status, response.content_type) == (200, "text/csv")
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["Connection"] == "close"
        return list(csv.reader(io.StringIO(await response.text(), newline="")))


async def test_a_list_is_downloaded_with_other_names_for_its_fields_and_values(served, admin, monkeypatch):
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    held = await project(admin, "birds")
    parameters = {"Args": {"l.r": {"section": "Args", "name": "l.r", "value": "-0.5"}}}
    for i in range(5):
        await task(admin, f"task {i}", project=held, tags=["a", "b"], hyperparams=parameters)
    rows = await downloaded(
        served,
        admin,
        entity_type="task",
        only_fields=["name", "status", "tags", "project.name", "user.name", "hyperparams.Args.l.r.value"],
        field_mappings=[
            {"field": "name", "name": "Name"},
            {"field": "status", "values": [{"key": "created", "value": "Draft"}]},
            {"field": "tags"},
            {"field": "project.name"},
            {"field": "user.name"},
            {"field": "hyperparams.Args.l.r.value"},
        ],
        order_by=["-name"],
        page_size=1,
    )
    assert rows[0][:2] == ["Name", "status"]
    assert rows[1] == ["task 4", "Draft", "a, b", "birds", "admin", "-0.5"]
    assert [row[0] for row in rows[1:]] == [f"task {i}" for i in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\n=1"]
)
async def test_what_a_spreadsheet_would_run_is_shown_instead(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", [-0.5, "-0.5", "+1e3", "a=b", "", None, True, [1, 2], {"a": 1}])
async def test_other_cells_stay_as_they_are(value):
    assert not harmless(value).startswith("'")


async def test_a_download_belongs_to_who_asked_for_it(served, admin):
    asked = {"entity_type": "task", "only_fields": ["name"], "field_mappings": [{"field": "name"}]}
    reply = await admin("organization.prepare_download_for_get_all", **asked)
    ann = served.client(await served.node.keys.create("ann", Role.USER))
    action, prepare_id = "organization.download_for_get_all", reply.data["prepare_id"]
    assert (await ann(action, prepare_id=prepare_id)).code == (400, 1104)
    assert (await admin(action, prepare_id="none")).code == (400, 1104)
    assert (await served.client(None)(action, prepare_id=prepare_id)).status == 401


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"entity_type": "user"}, (400, 12)),
        ({"only_fields": []}, (400, 12)),
        ({"field_mappings": [{"field": "comment"}]}, (400, 12)),
        ({"field_mappings": []}, (400, 12)),
        ({"tags": ["__$no"]}, (400, 16)),
        ({"comment": "x" * 70_000}, (400, 12)),
    ],
)
async def test_downloads_that_cannot_be_are_refused_before(admin, changed, code):
    asked = {"entity_type": "task", "only_fields": ["name"], "field_mappings": [{"field": "name"}]}
    assert (await admin("organization.prepare_download_for_get_all", **asked | changed)).code == code


# --- usage ------------------------------------------------------------------------------------------------


async def ran(served: Any, admin: Any, start: float, end: float, **fields: Any) -> None:
    key = await task(admin, **fields)
    table = usage.tasks
    change = table.update().where(table.c.id == key).values(started=start, completed=end)
    await served.node.store.write(lambda c: c.execute(change))


async def test_the_time_that_tasks_ran_is_split_exactly_by_hours(served, admin):
    low = await project(admin, "top/low")
    top = (await admin("projects.get_all", name="^top$")).data["projects"][0]["id"]
    await ran(served, admin, 1000.0, 9000.0, project=low, runtime={"cpu_cores": 4, "gpu_count": 2})
    await ran(served, admin, 3600.0, 3700.0, project=top)
    await ran(served, admin, 20_000.0, 30_000.0, project=top)
    reply = await admin("organization.get_project_usages", projects=[top, low], from_date=0, to_date=10_800)
    told = reply.data["usages"]
    both, below = told["series"]
    assert (both["name"], both["dates"]) == ("top", [0, 3600, 7200])
    assert both["duration"] == [2600, 3700, 1800] and below["duration"] == [2600, 3600, 1800]
    assert below["cpu_usage"] == [4 * 2600, 4 * 3600, 4 * 1800] and not below["cpu_usage_artifical_weights"]
    assert both["cpu_usage"][1] == 4 * 3600 + 100 and both["cpu_usage_artifical_weights"]
    assert [(t["duration"], t["gpu_usage"]) for t in told["total"]] == [(8100, 16_000), (8000, 16_000)]


async def test_long_ranges_have_long_intervals(admin):
    key = await project(admin, "top")
    reply = await admin("organization.get_project_usages", projects=[key], from_date=0, to_date=2e9)
    assert len(reply.data["usages"]["series"][0]["dates"]) <= usage.MOST_INTERVALS


async def test_usages_of_nothing_are_refused(admin):
    key = await project(admin, "top")
    ask = "organization.get_project_usages"
    assert (await admin(ask, projects=["none"], from_date=0, to_date=1)).code == (400, 401)
    assert (await admin(ask, projects=[key], from_date=2, to_date=1)).code == (400, 12)
    assert (await admin(ask, projects=[], from_date=0, to_date=1)).code == (400, 12)
