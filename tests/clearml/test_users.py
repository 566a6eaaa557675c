"""`users`: who there is, and what is remembered for him."""

from __future__ import annotations

import asyncio

import pytest

from node.keys import Role


@pytest.fixture
async def ann(served):
    """A client of the user ann."""
    return served.client(await served.node.keys.create("ann", Role.USER))


@pytest.fixture
def ann_id(served, ann):
    return served.node.users.find("ann").id


async def test_the_caller_is_told_with_company_and_preferences(ann, ann_id):
    user = (await ann("users.get_current_user")).data["user"]
    assert user["id"] == ann_id and user["name"] == "ann" and user["role"] == "user"
    assert user["company"] == {"id": "d1bd92a3b039400cbafc60a7a5b1e52b", "name": "suffice"}
    assert user["preferences"] == {} and user["created"].endswith("+00:00")


async def test_roles_and_addresses_are_for_admins_to_see(served, admin, ann, ann_id):
    seen = (await admin("users.get_by_id", user=ann_id)).data["user"]
    assert seen["role"] == "user" and "email" in seen
    seen = (await ann("users.get_by_id", user=ann_id)).data["user"]
    assert "role" not in seen and "email" not in seen and seen["company"]
    assert (await ann("users.get_by_id", user="nobody")).code == (400, 301)
    assert (await ann("users.get_by_id")).code == (400, 12)


async def test_users_are_listed_filtered_ordered_and_paged(admin, ann, ann_id):
    async def names(**body):
        return [user.get("name") for user in (await admin("users.get_all_ex", **body)).data["users"]]

    assert await names() == ["admin", "ann"]
    assert await names(order_by=["-name"]) == ["ann", "admin"]
    assert await names(name="^an") == ["ann"]
    assert await names(id=[ann_id]) == ["ann"]
    assert await names(page=1, page_size=1) == ["ann"]
    assert (await admin("users.get_all", id=ann_id, only_fields=["name"])).data["users"] == [
        {"id": ann_id, "name": "ann"}
    ]
    assert (await admin("users.get_all", name="(")).code == (400, 21)
    await admin("users.update", user=ann_id, name="a" * 60 + "!")
    assert (await admin("users.get_all", name="(a|aa)+$")).code == (400, 21)
    assert (await admin("users.get_all", page=-1)).code == (400, 12)


async def test_users_are_found_by_what_they_made(admin, ann):
    async def names(**body):
        return [user["name"] for user in (await admin("users.get_all_ex", **body)).data["users"]]

    assert await names(active_in_projects=[]) == []
    project = (await ann("projects.create", name="birds")).data["id"]
    await ann("tasks.create", name="owls", type="training", project=project)
    other = (await admin("projects.create", name="fish")).data["id"]
    await admin("models.create", name="carp", uri="file:///carp", project=other)
    assert await names(active_in_projects=[project]) == ["ann"]
    assert await names(active_in_projects=[other]) == ["admin"]
    assert await names(active_in_projects=[]) == ["admin", "ann"]
    assert await names(active_in_projects=[project, other], name="^a.n$") == ["ann"]
    assert await names(page_size=1) == ["admin"]


async def test_who_has_no_such_field_comes_last(admin, ann, ann_id):
    await ann("users.update", user=ann_id, family_name="Lee")
    for order in ("family_name", "-family_name"):
        found = (await admin("users.get_all", order_by=[order])).data["users"]
        assert [user["name"] for user in found] == ["ann", "admin"]


async def test_a_user_changes_himself_and_an_admin_anybody(served, admin, ann, ann_id):
    changed = await ann("users.update", user=ann_id, name="Ann Lee", avatar="https://a/b.png", role="admin")
    assert changed.data == {"updated": 1, "fields": {"name": "Ann Lee", "avatar": "https://a/b.png"}}
    # The name that owns things stays.
    assert served.node.users.find("ann").name == "Ann Lee"
    assert served.node.users.find("ann").role is Role.USER
    boss = served.node.users.find("admin").id
    assert (await ann("users.update", user=boss, name="Fool")).code == (403, 21)
    assert (await admin("users.update", user=ann_id, family_name="Lee")).data["updated"] == 1
    assert (await admin("users.update", user=ann_id)).data == {"updated": 0, "fields": {}}
    assert (await admin("users.update", user="nobody", name="x")).code == (400, 301)
    assert (await ann("users.update", user=ann_id, name="")).code == (400, 12)


async def test_a_user_with_a_given_id(admin, served):
    company = "d1bd92a3b039400cbafc60a7a5b1e52b"
    assert (await admin("users.create", id="b0b", name="bob", company=company)).data == {"id": "b0b"}
    assert served.node.users.get("b0b").login == "bob"
    assert (await admin("users.create", id="b0b", name="rob", company=company)).code == (400, 801)
    assert (await admin("users.create", id="x y", name="rob", company=company)).code == (400, 12)
    assert (await admin("users.create", id="r0b", name="rob", company="other")).code == (400, 12)


async def test_a_deleted_user_is_gone_with_his_keys_and_tokens(served, admin, ann, ann_id):
    token = (await ann("auth.login")).data["token"]
    assert (await admin("users.delete", user=ann_id)).data == {}
    assert (await ann("users.get_current_user")).code == (401, 22)
    assert (await served.bearer(token)("users.get_current_user")).code == (401, 30)
    assert (await admin("users.delete", user=ann_id)).code == (400, 301)
    # Somebody of the same name is somebody else.
    await served.node.keys.create("ann", Role.USER)
    assert served.node.users.find("ann").id != ann_id
    assert (await served.bearer(token)("users.get_current_user")).code == (401, 30)


async def test_preferences_are_merged_by_key_and_dotted_path(ann, admin):
    async def put(preferences):
        return await ann("users.set_preferences", preferences=preferences)

    await put({"theme": "dark", "views": {"tasks": {"columns": [1, 2]}}})
    await put({"views.tasks.sort": "name", "views": {"models": None}})
    assert (await ann("users.get_preferences")).data["preferences"] == {
        "theme": "dark",
        "views": {"tasks": {"columns": [1, 2], "sort": "name"}, "models": None},
    }
    assert (await admin("users.get_preferences")).data["preferences"] == {}
    assert (await put({"big": "x" * 2**20})).code == (400, 305)
    assert (await put([1])).code == (400, 12)
    deep = {}
    for _ in range(60):
        deep = {"a": deep}
    assert (await put(deep)).code == (400, 305)


async def test_preferences_set_at_the_same_time_are_all_kept(ann):
    await asyncio.gather(*(ann("users.set_preferences", preferences={f"k{i}": i}) for i in range(20)))
    assert (await ann("users.get_preferences")).data["preferences"] == {f"k{i}": i for i in range(20)}


async def test_users_made_at_the_same_time_under_one_name_are_one(served):
    keys = await asyncio.gather(*(served.node.keys.create("eve", Role.USER) for _ in range(5)))
    (eve,) = [user for user in served.node.users.list() if user.login == "eve"]
    assert {key.access_key for key in served.node.keys.of(eve)} == {key.access_key for key in keys}


async def test_a_better_key_lifts_its_user_and_a_lesser_one_stays_lesser(served):
    keys, users = served.node.keys, served.node.users
    lesser = await keys.create("eve", Role.ANNOTATOR)
    await keys.create("eve", Role.SUPERUSER)
    eve = users.find("eve")
    assert (eve.role, keys.find(lesser.access_key).role) == (Role.SUPERUSER, Role.ANNOTATOR)
    await keys.set_role(eve.id, Role.USER)
    assert [key.role for key in keys.of(eve)] == [Role.ANNOTATOR, Role.USER]
    client = served.client(keys.find(lesser.access_key))
    assert (await client("users.get_current_user")).data["user"]["role"] == "annotator"
