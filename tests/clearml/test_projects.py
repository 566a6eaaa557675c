"""Projects: a tree of folders with statistics, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from node.store.schema import tasks
from node.tracking import documents
from node.tracking.collection import MODELS, TASKS


async def made(admin: Any, name: str, **fields: Any) -> str:
    return (await admin("projects.create", name=name, **fields)).data["id"]


async def names(admin: Any, action: str = "projects.get_all", **query: Any) -> list[str]:
    reply = await admin(action, order_by=["name"], **query)
    return [project["name"] for project in reply.data["projects"]]


async def put(served: Any, collection: Any, **fields: Any) -> None:
    """A task or model, as the store has it."""
    base = {"name": "thing", "user": "admin", "company": served.node.first_key and "", "created": 1.0}
    base |= {"last_update": 100.0, "company": "d1bd92a3b039400cbafc60a7a5b1e52b"}
    columns: dict[str, Any] = {}
    if collection is TASKS:
        columns = {
            "kind": "external",
            "priority": 0,
            "attempts": 0,
            "current": 0,
            "maximum": 0,
            "parameters": {},
        }
        base |= {"type": "training", "status": "created"}
    else:
        base |= {"ready": False}
    await served.node.store.write(lambda c: documents.insert(c, collection, base | fields, **columns))


async def test_a_project_is_made_with_its_missing_parents(admin):
    key = await made(admin, "vision/ birds /owls", tags=["night"], description="by sound")
    project = (await admin("projects.get_by_id", project=key)).data["project"]
    assert (project["name"], project["basename"]) == ("vision/birds/owls", "owls")
    assert (project["tags"], project["description"]) == (["night"], "by sound")
    assert project["created"].endswith("+00:00") and len(project["user"]) == 32
    assert await names(admin) == ["vision", "vision/birds", "vision/birds/owls"]
    assert await names(admin, shallow_search=True) == ["vision"]


async def test_a_projects_children_and_descendants(admin):
    await made(admin, "one/two/three")
    top = (await admin("projects.get_all", name="^one$")).data["projects"][0]["id"]
    assert await names(admin, parent=[top], shallow_search=True) == ["one/two"]
    assert await names(admin, parent=[top]) == ["one/two", "one/two/three"]


@pytest.mark.parametrize(
    ("name", "code"), [("ab", (400, 12)), ("one//two", (400, 12)), ("/".join(["abc"] * 11), (400, 409))]
)
async def test_names_that_no_project_can_have(admin, name, code):
    assert (await admin("projects.create", name=name)).code == code
    assert await names(admin) == []


async def test_a_name_is_taken_once(admin):
    await made(admin, "twice")
    assert (await admin("projects.create", name="twice")).code == (400, 801)


async def test_what_clients_keep_in_folders_of_their_own_is_hidden(admin):
    await made(admin, "birds/.datasets/calls", system_tags=["dataset"])
    assert await names(admin) == ["birds"]
    assert await names(admin, search_hidden=True) == ["birds", "birds/.datasets", "birds/.datasets/calls"]
    assert await names(admin, "projects.get_all_ex", children_type="dataset") == ["birds"]
    assert await names(admin, "projects.get_all_ex", children_type="pipeline") == []


async def test_a_renamed_project_takes_along_what_is_below(admin):
    await made(admin, "old/inner/deep")
    key = (await admin("projects.get_all", name="^old$")).data["projects"][0]["id"]
    reply = await admin("projects.update", project=key, name="new", tags=["x"])
    assert reply.data == {"updated": 1, "fields": {"tags": ["x"], "name": "new", "basename": "new"}}
    assert await names(admin) == ["new", "new/inner", "new/inner/deep"]
    assert (await admin("projects.update", project=key, name="elsewhere/new")).code == (400, 408)


async def test_a_project_is_moved_with_all_below(admin):
    await made(admin, "left/inner/deep")
    inner = (await admin("projects.get_all", name="inner$")).data["projects"][0]["id"]
    assert (await admin("projects.move", project=inner, new_location="right/side")).data == {"moved": 2}
    assert await names(admin) == ["left", "right", "right/side", "right/side/inner", "right/side/inner/deep"]
    assert (await admin("projects.move", project=inner, new_location="right/side/inner/deep")).code == (
        400,
        412,
    )
    assert (await admin("projects.move", project=inner, new_location="")).data == {"moved": 2}
    assert (await admin("projects.move", project=inner)).code == (400, 410)
    assert "inner/deep" in await names(admin)


async def test_merging_moves_tasks_models_and_projects_into_the_destination(admin, served):
    await made(admin, "from/same/leaf")
    target = await made(admin, "into/same")
    into = (await admin("projects.get_all", name="^into$")).data["projects"][0]["id"]
    source = (await admin("projects.get_all", name="^from$")).data["projects"][0]["id"]
    same = (await admin("projects.get_all", name="^from/same$")).data["projects"][0]["id"]
    await put(served, TASKS, id="a" * 32, project=source)
    await put(served, MODELS, id="b" * 32, project=same)
    reply = await admin("projects.merge", project=source, destination_project=into)
    assert reply.data == {"moved_entities": 2, "moved_projects": 1}
    assert await names(admin) == ["into", "into/same", "into/same/leaf"]
    own = (await admin("projects.get_all_ex", id=[into, target], check_own_contents=True)).data["projects"]
    assert {p["name"]: (p["own_tasks"], p["own_models"]) for p in own} == {
        "into": (1, 0),
        "into/same": (0, 1),
    }
    assert (await admin("projects.merge", project=into, destination_project=target)).code == (400, 411)
    assert (await admin("projects.merge", project=into, destination_project=into)).code == (400, 412)


async def test_statistics_count_what_is_in_a_project_and_below(admin, served):
    low = await made(admin, "top/low")
    top = (await admin("projects.get_all", name="^top$")).data["projects"][0]["id"]
    await put(served, TASKS, id="1" * 32, project=top, status="completed", started=10.0, completed=25.0)
    await put(served, TASKS, id="2" * 32, project=low, status="failed", started=20.0, completed=30.0)
    await put(served, TASKS, id="3" * 32, project=low, system_tags=["archived"])
    reply = await admin("projects.get_all_ex", id=top, include_stats=True)
    project = reply.data["projects"][0]
    assert [child["name"] for child in project["sub_projects"]] == ["top/low"]
    active, archived = project["stats"]["active"], project["stats"]["archived"]
    assert (active["total_tasks"], active["total_runtime"], active["last_task_run"]) == (2, 25, 20)
    assert {name for name, count in active["status_count"].items() if count} == {"completed", "failed"}
    assert (archived["total_tasks"], archived["status_count"]["created"]) == (1, 1)
    reply = await admin(
        "projects.get_all_ex", id=top, include_stats=True, stats_with_children=False, stats_for_state="active"
    )
    assert set(reply.data["projects"][0]["stats"]) == {"active"}
    assert reply.data["projects"][0]["stats"]["active"]["total_tasks"] == 1


async def test_lists_show_references_as_objects(admin):
    key = await made(admin, "parent/child")
    bare = (await admin("projects.get_all_ex", id=key)).data["projects"][0]
    assert set(bare["user"]) == set(bare["parent"]) == {"id"}
    fields = ["name", "parent.name", "user.name", "company.name"]
    told = (await admin("projects.get_all_ex", id=key, only_fields=fields)).data["projects"][0]
    assert told["parent"]["name"] == "parent" and told["user"]["name"] == "admin"
    assert told["company"]["name"] == "suffice" and set(told) == {"id", "name", "parent", "user", "company"}


async def test_users_are_named_by_their_ids(admin):
    await made(admin, "mine")
    me = (await admin("users.get_current_user")).data["user"]["id"]
    assert await names(admin, user=[me]) == ["mine"]
    assert await names(admin, user=["-" + me]) == []
    assert await names(admin, filters={"user": {"any": {"include": [me]}}}) == ["mine"]
    assert (await admin("projects.get_user_names")).data == {"users": []}


async def test_the_words_in_use(admin, served):
    key = await made(admin, "words", tags=["p"])
    parameters = {"Args": {"lr": {"section": "Args", "name": "lr", "value": "0.1", "type": "float"}}}
    await put(
        served, TASKS, id="1" * 32, project=key, tags=["t", "u"], system_tags=["s"], hyperparams=parameters
    )
    await put(served, TASKS, id="2" * 32, project=key, parent="1" * 32, name="child")
    metadata = {"k": {"key": "k", "value": "v", "type": "str"}}
    await put(served, MODELS, id="3" * 32, project=key, tags=["m"], metadata=metadata, framework="onnx")
    assert (await admin("projects.get_project_tags")).data == {"tags": ["p"]}
    told = (await admin("projects.get_task_tags", projects=[key], include_system=True)).data
    assert told == {"tags": ["t", "u"], "system_tags": ["s"]}
    assert (await admin("projects.get_model_tags")).data == {"tags": ["m"]}
    assert (await admin("projects.get_task_tags", filter={"system_tags": ["-s"]})).data == {"tags": []}
    assert (await admin("projects.get_hyper_parameters", project=key)).data == {
        "parameters": [{"section": "Args", "name": "lr"}],
        "remaining": 0,
        "total": 1,
    }
    values = await admin("projects.get_hyperparam_values", section="Args", name="lr", projects=[key])
    assert values.data == {"total": 1, "values": ["0.1"]}
    assert (await admin("projects.get_model_metadata_keys", project=key)).data["keys"] == ["k"]
    assert (await admin("projects.get_model_metadata_values", key="k")).data["values"] == ["v"]
    parents = (await admin("projects.get_task_parents", projects=[key])).data["parents"]
    assert parents == [{"id": "1" * 32, "name": "thing", "project": {"id": key}}]
    assert (await admin("projects.get_user_names", projects=[key])).data["users"][0]["name"] == "admin"


async def test_metrics_in_use_come_from_what_was_reported(admin, served):
    key = await made(admin, "metrics")
    await put(served, TASKS, id="1" * 32, project=key)
    event = {"type": "training_stats_scalar", "task": "1" * 32, "metric": "loss", "variant": "train"}
    await admin.batch("events.add_batch", [event | {"iter": 1, "value": 0.5}])
    found = (await admin("projects.get_unique_metric_variants", project=key)).data["metrics"]
    assert [(m["metric"], m["variant"]) for m in found] == [("loss", "train")]
    assert len(found[0]["metric_hash"]) == 32


async def test_public_projects_are_seen_by_all_and_changed_by_nobody(admin):
    key = await made(admin, "shared")
    assert (await admin("projects.make_public", ids=[key])).data == {"updated": 1}
    assert await names(admin) == ["shared"]
    assert await names(admin, allow_public=False) == []
    assert (await admin("projects.update", project=key, tags=["x"])).code == (403, 21)
    assert (await admin("projects.make_private", ids=[key, "unknown"])).data == {"updated": 1}
    assert (await admin("projects.update", project=key, tags=["x"])).data["updated"] == 1


@pytest.mark.parametrize("action", ["get_by_id", "update", "move", "merge"])
async def test_unknown_projects(admin, action):
    assert (await admin(f"projects.{action}", project="none", new_location="abc")).code == (400, 401)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # whose plan this is
async def test_a_list_of_a_hundred_thousand_tasks_is_not_read_for_statistics(admin, served):
    """Statistics are grouped by the database: the plan reads an index alone."""
    query = sa.select(sa.func.count()).where(tasks.c.project_id.in_(["a"]))
    text = "EXPLAIN QUERY PLAN " + str(query.compile(compile_kwargs={"literal_binds": True}))
    plan = await served.node.store.read(lambda c: c.exec_driver_sql(text).all())
    assert all("SEARCH tasks USING COVERING INDEX" in str(row) for row in plan)
