"""Documents as rows, and what requests about them are refused."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from node.store.schema import labels, tasks
from node.tracking import documents, errors, vocabulary
from node.tracking.collection import MODELS, PROJECTS, QUEUES, TASKS, Collection
from node.tracking.projection import read_projection
from node.tracking.query import read_query
from node.tracking.vocabulary import Scope

ROW = {"kind": "external", "parameters": {}} | dict.fromkeys(
    ("priority", "attempts", "current", "maximum"), 0
)
ID = "1" * 32


def add(connection: sa.Connection, key: str = ID, **document: Any) -> dict[str, Any]:
    whole = {
        "id": key,
        "name": "train",
        "user": "ann",
        "company": "c",
        "status": "created",
        "created": 1.0,
        **document,
    }
    documents.insert(connection, TASKS, whole, **ROW)
    return whole


def get(connection: sa.Connection, *only: str) -> dict[str, Any]:
    return documents.get(connection, TASKS, ID, read_projection(list(only)))


def labels_of(connection: sa.Connection) -> list[tuple[str, str]]:
    rows = connection.execute(
        sa.select(labels.c.field, labels.c.value).order_by(labels.c.field, labels.c.value)
    )
    return [(row.field, row.value) for row in rows]


def listed(connection: sa.Connection, collection: Collection = TASKS, **request: Any) -> list[str]:
    return [d["id"] for d in documents.find(connection, read_query(collection, request, "c")).documents]


def test_a_field_inside_another_may_be_a_column(connection: sa.Connection) -> None:
    add(connection, execution={"queue": "q", "docker_cmd": "python:3"})
    assert connection.scalar(sa.select(tasks.c.queue)) == "q"
    assert get(connection)["execution"] == {"queue": "q", "docker_cmd": "python:3"}
    assert documents.update(connection, TASKS, ID, {"execution.queue": "p"})
    assert get(connection, "execution")["execution"] == {"queue": "p", "docker_cmd": "python:3"}
    assert documents.update(connection, TASKS, ID, {"execution": {"docker_cmd": None}})
    assert get(connection)["execution"] == {"docker_cmd": None}


def test_a_change_replaces_whole_fields_and_null_removes_them(connection: sa.Connection) -> None:
    add(connection, comment="x", runtime={"a": 1}, hyperparams={"Args": {}}, status_message="running")
    documents.update(
        connection,
        TASKS,
        ID,
        {"comment": None, "runtime": None, "hyperparams": {"b": {}}, "status_message": None},
    )
    left = get(connection)
    assert "comment" not in left
    assert "runtime" not in left
    assert (left["hyperparams"], left["status_message"]) == ({"b": {}}, "")


def test_labels_follow_their_document(connection: sa.Connection) -> None:
    models = {"input": [{"name": "a", "model": "m1"}, {"name": "b", "model": "m2"}], "output": []}
    add(connection, tags=["b", "a", "b"], models=models)
    assert labels_of(connection) == [
        ("models.input.model", "m1"),
        ("models.input.model", "m2"),
        ("tags", "a"),
        ("tags", "b"),
    ]
    assert get(connection)["tags"] == ["b", "a", "b"]
    documents.update(connection, TASKS, ID, {"models": None, "tags": ["z"], "name": "other"})
    assert labels_of(connection) == [("tags", "z")]
    documents.delete(connection, TASKS, [ID])
    assert labels_of(connection) == []


def test_a_change_is_made_only_if_its_guards_hold(connection: sa.Connection) -> None:
    add(connection)
    queued = tasks.c.status == "queued"
    assert not documents.update(connection, TASKS, ID, {"name": "n", "tags": ["t"]}, queued)
    assert not documents.update(connection, TASKS, ID, {"name": "n"}, queued)
    assert (get(connection)["name"], labels_of(connection)) == ("train", [])
    assert documents.update(connection, TASKS, ID, {"name": "n"}, tasks.c.status == "created")


def test_odd_keys_and_letters_survive(connection: sa.Connection) -> None:
    odd = {"a.b": {"$c": {"value": 'é"\\\n☃'}}, "  ": {"ключ": {"value": "1"}}, "": {}}
    add(connection, hyperparams=odd)
    assert get(connection)["hyperparams"] == odd
    for path, value in {
        "hyperparams.a%2Eb.%24c.value": 'é"\\\n☃',
        "hyperparams.a.b.$c.value": 'é"\\\n☃',
        "hyperparams.  .ключ.value": "1",
    }.items():
        assert listed(connection, **{path: value}) == [ID], path
        assert listed(connection, **{path: "other"}) == [], path


@pytest.mark.parametrize(
    ("only", "shown"),
    [
        (["name"], {"name": "train"}),
        (["execution"], {"execution": {"queue": "q", "artifacts": [{"key": "k", "uri": "u"}]}}),
        (
            ["execution.queue", "execution.artifacts.key"],
            {"execution": {"queue": "q", "artifacts": [{"key": "k"}]}},
        ),
        (
            ["execution.artifacts.key", "execution.artifacts"],
            {"execution": {"artifacts": [{"key": "k", "uri": "u"}]}},
        ),
        (
            ["execution", "execution.queue"],
            {"execution": {"queue": "q", "artifacts": [{"key": "k", "uri": "u"}]}},
        ),
        (["hyperparams.a.b.c.value"], {"hyperparams": {"a": {"b.c": {"value": "1"}}}}),
        (["nothing", "tags"], {"tags": ["t"]}),
        (
            ["-execution.artifacts.uri", "-hyperparams", "-name", "-id", "-created", "-user", "-tags"],
            {"execution": {"queue": "q", "artifacts": [{"key": "k"}]}, "company": "c", "status": "created"},
        ),
        (["execution", "-execution.queue"], {"execution": {"artifacts": [{"key": "k", "uri": "u"}]}}),
    ],
)
def test_only_the_fields_asked_for_are_shown(
    connection: sa.Connection, only: list[str], shown: dict[str, Any]
) -> None:
    add(
        connection,
        tags=["t"],
        execution={"queue": "q", "artifacts": [{"key": "k", "uri": "u"}]},
        hyperparams={"a": {"b.c": {"value": "1", "type": "int"}}},
    )
    found = get(connection, *only)
    defaults = {"type", "last_iteration", "status_changed", "last_update", "last_change", "last_changed_by"}
    defaults |= {"status_reason", "status_message"}
    if only[0].startswith("-"):
        found = {name: value for name, value in found.items() if name not in defaults}
    assert found == {"id": ID, **shown}


@pytest.mark.parametrize("collection", [TASKS, MODELS, PROJECTS, QUEUES], ids=lambda c: c.name)
def test_what_is_unknown_is_refused_by_the_collections_own_error(
    connection: sa.Connection, collection: Collection
) -> None:
    with pytest.raises(collection.unknown, match="'nowhere'"):
        documents.get(connection, collection, "nowhere")


def test_what_is_public_is_read_but_not_changed(connection: sa.Connection) -> None:
    add(connection, company="")
    assert get(connection)["name"] == "train"
    with pytest.raises(errors.ReadOnlyDocument, match="public"):
        documents.get_own(connection, TASKS, ID)


def test_a_name_is_taken_once(connection: sa.Connection) -> None:
    queue = {"id": "q", "name": "gpu", "user": "ann", "company": "c", "created": 1.0, "last_update": 1.0}
    documents.insert(connection, QUEUES, queue)
    with pytest.raises(errors.NameTaken, match="gpu"), connection.begin_nested():
        documents.insert(connection, QUEUES, queue | {"id": "p"})
    documents.insert(connection, QUEUES, queue | {"id": "p", "name": "cpu"})
    with pytest.raises(errors.NameTaken, match="gpu"):
        documents.update(connection, QUEUES, "p", {"name": "gpu"})


@pytest.mark.parametrize(
    "document",
    [
        {"tags": ["__$all"]},
        {"tags": [1]},
        {"tags": ["x" * 501]},
        {"name": 5},
        {"name": "\ud800"},
        {"name": "a\x00"},
        {"comment": ["x"]},
        {"started": float("nan")},
        {"started": "today"},
        {"last_iteration": 2**63},
        {"runtime": {"x": float("inf")}},
        {"runtime": {"x": "\ud800"}},
        {"runtime": {"x": "\x00"}},
    ],
)
def test_what_cannot_be_stored_is_refused(connection: sa.Connection, document: dict[str, Any]) -> None:
    with pytest.raises(errors.BadFieldValue):
        add(connection, **document)
    add(connection, "2" * 32)
    with pytest.raises(errors.BadFieldValue):
        documents.update(connection, TASKS, "2" * 32, document)


def test_what_only_looks_like_a_nul_is_stored(connection: sa.Connection) -> None:
    add(connection, runtime={"x": "\\u0000", "y": "\\\\u0000"})
    assert get(connection)["runtime"] == {"x": "\\u0000", "y": "\\\\u0000"}


@pytest.mark.parametrize("key", ['a"b', '"', '""', '"."', 'back\\"slash', 'end"'])
def test_a_key_may_have_quotation_marks(connection: sa.Connection, key: str) -> None:
    hyperparams = {key: {key: {"value": "3"}, "x": {"value": "y"}}, "other": {key: 5}}
    add(connection, runtime={key: "z", "other": {key: 1}}, hyperparams=hyperparams)
    add(connection, "2" * 32, runtime={"other": key}, hyperparams={})

    def ids(request: dict[str, Any]) -> list[str]:
        page = documents.find(connection, read_query(TASKS, request, company="c"))
        return [document["id"] for document in page.documents]

    for path, value in (
        (f"runtime.{key}", "z"),
        (f"hyperparams.{key}.{key}.value", "3"),
        (f"hyperparams.{key}.x.value", "y"),
    ):
        assert ids({path: value}) == [ID]
        assert ids({path: "none"}) == []
        assert ids({"order_by": [f"-{path}"]}) == [ID, "2" * 32]
    assert ids({f"hyperparams.other.{key}.value": "5"}) == []


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"page": -1}, errors.InvalidRequest),
        ({"page": 0, "page_size": 0}, errors.InvalidRequest),
        ({"page": "0"}, errors.InvalidRequest),
        ({"page": True}, errors.InvalidRequest),
        ({"page": 10**30}, errors.InvalidRequest),
        ({"start": 0}, errors.InvalidRequest),
        ({"start": 0, "size": 0}, errors.InvalidRequest),
        ({"size": 0}, errors.InvalidRequest),
        ({"size": 1, "scroll_id": "elsewhere"}, errors.UnknownScroll),
        ({"size": 1, "scroll_id": 7}, errors.UnknownScroll),
        ({"name": "("}, errors.BadPattern),
        ({"name": 7}, errors.BadPattern),
        ({"_any_": {"fields": ["name"], "pattern": "["}}, errors.BadPattern),
        ({"_any_": {"pattern": "x"}}, errors.BadFieldValue),
        ({"_any_": {"fields": ["name"]}}, errors.BadFieldValue),
        ({"_all_": "x"}, errors.BadFieldValue),
        ({"tags": ["__$xor", "a"]}, errors.BadFieldValue),
        ({"tags": ["__$not"]}, errors.BadFieldValue),
        ({"tags": ["__$not", "__$all", "a"]}, errors.BadFieldValue),
        ({"tags": [1]}, errors.BadFieldValue),
        ({"tags": [{}]}, errors.BadFieldValue),
        ({"tags": "-"}, errors.BadFieldValue),
        ({"filters": ["a"]}, errors.BadFieldValue),
        ({"filters": {"tags": ["a"]}}, errors.InvalidRequest),
        ({"filters": {"tags": {"some": {}}}}, errors.InvalidRequest),
        ({"filters": {"tags": {"any": {"include": "a"}}}}, errors.InvalidRequest),
        ({"filters": {"tags": {"any": {"include": [1]}}}}, errors.InvalidRequest),
        ({"filters": {"tags": {"op": "xor"}}}, errors.InvalidRequest),
        ({"started": [None, None]}, errors.InvalidRequest),
        ({"started": "2026-01-01"}, errors.InvalidRequest),
        ({"started": ["yesterday", None]}, errors.BadFieldValue),
        ({"last_update": ">=yesterday"}, errors.BadFieldValue),
        ({"last_update": [None]}, errors.BadFieldValue),
        ({"last_iteration": ["a", None]}, errors.BadFieldValue),
        ({"last_iteration": [[], None]}, errors.BadFieldValue),
        ({"order_by": "@text_score"}, errors.BadFieldValue),
        ({"order_by": [1]}, errors.BadFieldValue),
        ({"only_fields": [1]}, errors.BadFieldValue),
        ({"only_fields": {"id": 1}}, errors.BadFieldValue),
        ({"search_text": 1}, errors.BadFieldValue),
    ],
)
def test_a_request_that_says_nothing_clear_is_refused(
    request_: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        read_query(TASKS, request_)


def test_unknown_keys_and_nulls_ask_for_nothing(connection: sa.Connection) -> None:
    add(connection)
    nulls = dict.fromkeys(
        ("id", "name", "tags", "page", "page_size", "filters", "_any_", "order_by", "started")
    )
    assert listed(connection, method="get", is_daemon=True, machine_stats=None, **nulls) == [ID]


def test_scrolling_goes_on_where_the_last_answer_ended(connection: sa.Connection) -> None:
    keys = [f"{number:032x}" for number in range(5)]
    for key in keys:
        add(connection, key)

    def scroll(**request: Any) -> documents.Page:
        return documents.find(connection, read_query(TASKS, {"size": 2, **request}, "c"))

    first = scroll(scroll_id=None)
    second = scroll(scroll_id=first.scroll_id)
    third = scroll(scroll_id=second.scroll_id)
    again = scroll(scroll_id=second.scroll_id, refresh_scroll=True)
    seen = [[d["id"] for d in page.documents] for page in (first, second, third, again)]
    assert seen == [keys[:2], keys[2:4], keys[4:], keys[:4]]
    assert again.scroll_id == second.scroll_id
    assert scroll(scroll_id=third.scroll_id).documents == []
    assert listed(connection, start=1, size=3) == keys[1:4]
    assert documents.find(connection, read_query(TASKS, {"page": 0}, "c")).scroll_id is None
    assert documents.count(connection, read_query(TASKS, {"page": 0, "page_size": 2}, "c")) == 5


def test_a_project_may_stand_for_all_below_it(connection: sa.Connection) -> None:
    for key, path in (("top", []), ("mid", ["top"]), ("low", ["top", "mid"]), ("other", [])):
        project = {"id": key, "name": key, "basename": key, "user": "ann", "company": "c", "path": path}
        documents.insert(connection, PROJECTS, project | {"created": 1.0, "last_update": 1.0})
        add(connection, f"in {key}", project=key)
    assert listed(connection, project=["mid"]) == ["in mid"]
    assert listed(connection, project=["mid"], include_subprojects=True) == ["in low", "in mid"]
    assert listed(connection, project=["-mid"], include_subprojects=True) == ["in other", "in top"]
    assert listed(connection, PROJECTS, path=["top"]) == ["low", "mid"]


def test_words_are_looked_for_in_all_texts_and_the_best_match_is_first(connection: sa.Connection) -> None:
    add(connection, "1", name="Forest of trees", comment="boosted")
    add(connection, "2", name="forest", type="report", report="The forest boosts")
    add(connection, "3", name="linear")
    assert listed(connection, search_text="FOREST", order_by=["-@text_score"]) == ["2", "1"]
    assert listed(connection, search_text="forest linear") == ["1", "2", "3"]
    assert listed(connection, search_text="forest -report -boosted") == ["2"]
    assert listed(connection, search_text='"of trees"') == ["1"]
    assert listed(connection, search_text="100%") == []


def test_queues_of_the_cluster_are_listed_when_named(connection: sa.Connection) -> None:
    queue = {"id": "q", "name": "pods", "user": "ann", "company": "c", "created": 1.0, "last_update": 1.0}
    documents.insert(connection, QUEUES, queue | {"system_tags": ["k8s-glue"]})
    assert listed(connection, QUEUES) == []
    for asked in ({"name": "pods"}, {"id": "q"}, {"search_hidden": True}):
        assert listed(connection, QUEUES, **asked) == ["q"]


def test_the_keys_of_metadata_are_told_of_the_models_asked_for(connection: sa.Connection) -> None:
    common = {"name": "model", "user": "u", "company": "", "ready": True, "created": 0.0, "last_update": 0.0}
    for key, project, names in (("1", "p", ("a.b", "c")), ("2", "q", ("c", '"')), ("3", "p", ())):
        metadata = {name: {"key": name, "value": "v"} for name in names} or None
        documents.insert(connection, MODELS, common | {"id": key, "project": project, "metadata": metadata})
    assert vocabulary.metadata_keys(connection, Scope()) == ['"', "a.b", "c"]
    assert vocabulary.metadata_keys(connection, Scope(("p",))) == ["a.b", "c"]
