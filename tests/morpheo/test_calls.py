"""The nine calls of the orchestrator: documents, counts, filters, refusals."""

from __future__ import annotations

import time
import uuid

import pytest

WHOLE = {"status": "done", "perf": 0.5, "train_perf": {"d": 0.25}, "test_perf": [0.75, 1]}
LEARNUPLET = {
    "uuid", "problem", "workflow", "algo", "model_start", "model_end", "train_data", "test_data", "worker",
    "perf", "train_perf", "test_perf", "status", "rank", "timestamp_creation", "timestamp_done",
}  # fmt: skip
PREDUPLET = {
    "uuid", "problem", "workflow", "data", "model", "worker", "status", "prediction_storage_uuid",
    "timestamp_request", "timestamp_done",
}  # fmt: skip


def recent(stamp):
    return isinstance(stamp, int) and abs(stamp - time.time()) < 60


async def test_a_problem_is_shown_as_it_was_given(admin):
    given = {"uuid": "P", "workflow": "W", "test_dataset": ["T2", "T1"], "size_train_dataset": 4}
    answer = await admin("POST", "/problem", given | {"more": "is dropped"})
    assert answer.status == 201
    made = answer.json["new_problem"]
    assert recent(made.pop("timestamp_upload")) and made == given
    assert (await admin.ok("GET", "/problem"))["problems"] == [answer.json["new_problem"]]
    assert await admin.ok("GET", "/problem/P") == answer.json["new_problem"]


async def test_an_algorithm_and_data_make_a_chain_of_learnuplets(admin):
    await admin.problem(size=4, tests=["T1", "T2"])
    data = [f"D{i}" for i in range(10)]
    answer = await admin("POST", "/data", {"uuid": data, "problems": ["P"]})
    assert answer.status == 201 and answer.json["new_learnuplets"] == 0
    assert [item["uuid"] for item in answer.json["new_datas"]] == data
    assert answer.json["new_datas"][0]["problems"] == ["P"]
    answer = await admin("POST", "/algo", {"uuid": "A", "problem": "P", "name": "tree"})
    assert answer.status == 201 and answer.json["new_learnuplets"] == 3
    made = answer.json["new_algo"]
    assert recent(made.pop("timestamp_upload")) and made == {"uuid": "A", "problem": "P", "name": "tree"}
    uplets = await admin.learnuplets(algo="A")
    assert [uplet["train_data"] for uplet in uplets] == [data[:4], data[4:8], data[8:]]
    assert [uplet["rank"] for uplet in uplets] == [0, 1, 2]
    assert [uplet["model_start"] for uplet in uplets] == ["A", None, None]
    assert len({uuid.UUID(uplet["model_end"]) for uplet in uplets}) == 3
    for uplet in uplets:
        assert set(uplet) == LEARNUPLET
        assert str(uuid.UUID(uplet["uuid"])) == uplet["uuid"]
        assert (uplet["problem"], uplet["workflow"], uplet["status"]) == ("P", "W", "todo")
        assert uplet["test_data"] == ["T1", "T2"] and recent(uplet["timestamp_creation"])
        for name in ("worker", "perf", "train_perf", "test_perf", "timestamp_done"):
            assert uplet[name] is None


async def test_a_learnuplet_is_taken_done_and_handed_on(admin):
    await admin.problem()
    await admin.data("D1", "D2", "D3")
    await admin.algo()
    first, second = await admin.learnuplets()
    answer = await admin("POST", f"/worker/learnuplet/{first['uuid']}", {"worker": "w1"})
    assert (answer.status, answer.json) == (200, {"learnuplet_worker_set": first["uuid"]})
    taken = await admin.ok("GET", f"/learnuplet/{first['uuid']}")
    assert (taken["status"], taken["worker"]) == ("pending", "w1")
    answer = await admin("POST", f"/learndone/{first['uuid']}", WHOLE)
    assert (answer.status, answer.json) == (200, {"updated_learnuplet": first["uuid"]})
    done, ready = await admin.learnuplets()
    assert done["status"] == "done" and recent(done["timestamp_done"])
    assert {name: done[name] for name in ("perf", "train_perf", "test_perf")} == {
        "perf": 0.5,
        "train_perf": {"d": 0.25},
        "test_perf": [0.75, 1],
    }
    assert ready == second | {"model_start": first["model_end"]}


@pytest.mark.parametrize(("lower", "best"), [(False, 1), (True, 2)])
async def test_the_best_model_is_handed_on(admin, lower, best):
    await admin.problem(size=1, lower_is_better=lower)
    await admin.data("D1", "D2", "D3", "D4")
    await admin.algo()
    for rank, perf in enumerate([0.5, 0.9, 0.1]):
        await admin.learn((await admin.learnuplets())[rank], perf)
    uplets = await admin.learnuplets()
    assert uplets[1]["model_start"] == uplets[0]["model_end"]
    assert uplets[3]["model_start"] == uplets[best]["model_end"]


async def test_a_failure_ends_the_chain(admin):
    await admin.problem(size=1)
    await admin.data("D1", "D2", "D3")
    await admin.algo()
    await admin.learn((await admin.learnuplets())[0])
    await admin.fail((await admin.learnuplets())[1])
    uplets = await admin.learnuplets()
    assert [uplet["status"] for uplet in uplets] == ["done", "failed", "todo"]
    assert uplets[1]["perf"] is None and recent(uplets[1]["timestamp_done"])
    assert uplets[2]["model_start"] is None


async def test_what_waited_behind_a_failure_stays_when_later_data_are_learned(admin):
    await admin.problem(size=1)
    await admin.data("D1", "D2", "D3")
    await admin.algo()
    await admin.fail((await admin.learnuplets())[0])
    await admin.data("D4", "D5")
    fourth = await admin.learn((await admin.learnuplets())[3])
    starts = [uplet["model_start"] for uplet in await admin.learnuplets()]
    assert starts == ["A", None, None, "A", fourth["model_end"]]


async def test_data_that_come_late_start_from_the_best_model_once_the_chain_has_ended(admin):
    await admin.problem(size=1)
    assert await admin.algo() == 0
    assert await admin.data("D1", "D2") == 2
    await admin.data("D3")
    uplets = await admin.learnuplets()
    assert [uplet["model_start"] for uplet in uplets] == ["A", None, None]
    for rank, perf in enumerate([0.1, 0.9, 0.5]):
        await admin.learn((await admin.learnuplets())[rank], perf)
    assert await admin.data("D4") == 1
    uplets = await admin.learnuplets()
    assert uplets[3]["model_start"] == uplets[1]["model_end"]
    await admin.fail(uplets[3])
    await admin.data("D5")
    assert (await admin.learnuplets(rank=4))[0]["model_start"] == uplets[1]["model_end"]


async def test_data_after_a_first_failure_start_from_the_algorithm(admin):
    await admin.problem(size=1)
    await admin.data("D1")
    await admin.algo()
    await admin.fail((await admin.learnuplets())[0])
    await admin.data("D2")
    assert [uplet["model_start"] for uplet in await admin.learnuplets()] == ["A", "A"]


async def test_nothing_is_trained_on_what_it_is_tested_on(admin):
    await admin.problem(tests=["T1", "T2"])
    assert await admin.data("T1", "D1") == 0
    assert await admin.algo() == 1
    assert await admin.data("T2") == 0
    assert (await admin.learnuplets())[0]["train_data"] == ["D1"]
    assert (await admin.ok("GET", "/data/T2"))["problems"] == ["P"]


async def test_data_for_several_problems_and_problems_for_known_data(admin):
    await admin.problem("P")
    await admin.problem("Q")
    await admin.algo("A", "P")
    await admin.algo("B", "Q")
    assert await admin.data("D1", problems=["P", "Q"]) == 2
    assert await admin.data("D2", problems="P") == 1
    assert await admin.data("D2", "D3", problems=["P", "Q"]) == 2
    assert (await admin.ok("GET", "/data/D2"))["problems"] == ["P", "Q"]
    assert [uplet["train_data"] for uplet in await admin.learnuplets(algo="B")] == [["D1"], ["D2", "D3"]]
    answer = await admin("POST", "/data", {"uuid": "D2", "problems": ["Q", "P"]})
    assert answer.status == 409 and "D2" in answer.error


async def test_one_item_of_data_need_not_be_a_list(admin):
    await admin.problem()
    answer = await admin.ok("POST", "/data", {"uuid": "D", "problems": "P"})
    assert [item["uuid"] for item in answer["new_datas"]] == ["D"]


async def test_a_prediction_uses_the_best_model_of_the_problem(admin):
    await admin.problem()
    await admin.data("D1")
    for algo, perf in (("A", 0.3), ("B", 0.8), ("C", 0.8), ("D", 0.2)):
        await admin.algo(algo)
        await admin.learn((await admin.learnuplets(algo=algo))[0], perf)
    (best,) = await admin.learnuplets(algo="B")
    for data, count in ((["X", "Y"], 2), ("Z", 1)):
        answer = await admin("POST", "/prediction", {"data": data, "problem": "P"})
        assert (answer.status, answer.json) == (201, {"new_preduplets": count})
    uplets = await admin.preduplets(model=best["model_end"])
    assert [uplet["data"] for uplet in uplets] == ["X", "Y", "Z"]
    for uplet in uplets:
        assert set(uplet) == PREDUPLET and recent(uplet["timestamp_request"])
        assert (uplet["problem"], uplet["workflow"], uplet["status"]) == ("P", "W", "todo")
        assert uplet["worker"] is uplet["prediction_storage_uuid"] is uplet["timestamp_done"] is None


async def test_a_preduplet_is_taken_and_done_or_failed(admin):
    await admin.problem()
    await admin.data("D1")
    await admin.algo()
    await admin.learn((await admin.learnuplets())[0])
    await admin.ok("POST", "/prediction", {"data": ["X", "Y"], "problem": "P"})
    done, failed = await admin.preduplets()
    for uplet in (done, failed):
        answer = await admin.claim(uplet, "w1")
        assert (answer.status, answer.json) == (200, {"preduplet_worker_set": uplet["uuid"]})
    body = {"status": "done", "prediction_storage_uuid": "S"}
    answer = await admin("POST", f"/preddone/{done['uuid']}", body)
    assert (answer.status, answer.json) == (200, {"updated_preduplet": done["uuid"]})
    await admin.ok("POST", f"/preddone/{failed['uuid']}", {"status": "failed"})
    uplets = await admin.preduplets()
    assert [uplet["status"] for uplet in uplets] == ["done", "failed"]
    assert [uplet["prediction_storage_uuid"] for uplet in uplets] == ["S", None]
    assert all(recent(uplet["timestamp_done"]) for uplet in uplets)


async def test_filters_are_exact_and_taken_together(admin):
    await admin.problem("P", size=1, tests=["T1", "T2"])
    await admin.problem("Q", tests=["T2"], lower_is_better=True)
    await admin.data("D1", "D2")
    await admin.data("D3", problems=["P", "Q"])
    await admin.algo("A")
    await admin.algo("B")
    first = await admin.learn((await admin.learnuplets(algo="A"))[0])

    async def found(path, key="uuid"):
        (items,) = (await admin.ok("GET", path)).values()
        return [item[key] for item in items]

    assert await found("/problem") == ["P", "Q"]
    assert await found("/problem?test_dataset=T1") == ["P"]
    assert await found("/problem?size_train_dataset=2") == ["Q"]
    assert await found("/problem?lower_is_better=true") == ["Q"]
    assert await found("/problem?workflow=W&uuid=Q") == ["Q"]
    assert await found("/problem?workflow=w") == []
    assert await found("/data?problems=Q") == ["D3"]
    assert await found("/data?problems=P&problems=Q") == ["D3"]
    assert await found("/algo?name=algo%20A") == ["A"]
    assert await found("/learnuplet?algo=A&rank=1", "train_data") == [["D2"]]
    assert await found("/learnuplet?train_data=D3", "algo") == ["A", "B"]
    assert len(await found("/learnuplet?test_data=T2&problem=P")) == 6
    assert await found(f"/learnuplet?uuid={first['uuid']}") == [first["uuid"]]
    assert await found(f"/learnuplet?timestamp_done={first['timestamp_done']}") == [first["uuid"]]
    for name in ("model_start", "model_end", "perf", "worker", "status"):
        assert first["uuid"] in await found(f"/learnuplet?{name}={first[name]}")
    for path in ("?unknown=1", "?rank=one", "?rank=0.0", "?perf=nan", "?status=queued", "?uuid=x", "?a%00=1"):
        assert await found(f"/learnuplet{path}") == []
    assert await found("/learnuplet?worker=%00") == []


async def test_what_is_not_there_is_not_found(admin):
    for collection in ("problem", "algo", "data", "learnuplet", "preduplet"):
        answer = await admin("GET", f"/{collection}/{uuid.uuid4()}")
        assert answer.status == 404 and answer.error
        (found,) = (await admin.ok("GET", f"/{collection}")).items()
        assert found == (f"{collection}s", [])
    assert (await admin("GET", "/uplets")).status == 404
    answer = await admin("POST", "/worker/uplet/x", {"worker": "w"})
    assert answer.status == 404 and "Page does not exist" in answer.error


async def test_repeated_uuids_are_refused(admin):
    await admin.problem()
    await admin.algo()
    for path, body in (
        ("/problem", {"uuid": "P", "workflow": "V", "test_dataset": [], "size_train_dataset": 1}),
        ("/algo", {"uuid": "A", "problem": "P", "name": "again"}),
    ):
        answer = await admin("POST", path, body)
        assert answer.status == 409 and answer.error
    assert (await admin.ok("GET", "/problem/P"))["workflow"] == "W"


async def test_what_refers_to_nothing_is_refused_and_nothing_is_kept(admin):
    await admin.problem()
    answer = await admin("POST", "/algo", {"uuid": "A", "problem": "Q", "name": "a"})
    assert answer.status == 400 and "non-existing related problem" in answer.error
    answer = await admin("POST", "/data", {"uuid": "D", "problems": ["P", "Q"]})
    assert answer.status == 400 and "non-existing related problem" in answer.error
    assert (await admin.ok("GET", "/data"))["datas"] == []
    assert (await admin.ok("GET", "/algo"))["algos"] == []
    for problem in ("P", "Q"):
        answer = await admin("POST", "/prediction", {"data": ["D"], "problem": problem})
        assert answer.status == 400 and "no problem or trained model" in answer.error


async def test_only_one_worker_takes_an_uplet_and_only_once_it_is_ready(admin):
    await admin.problem(size=1)
    await admin.data("D1", "D2")
    await admin.algo()
    first, second = await admin.learnuplets()
    assert (await admin.claim(first, "w1")).status == 200
    for uplet in (
        first,
        second,
        {"uuid": str(uuid.uuid4()), "rank": 0},
        {"uuid": "x"},
        {"uuid": first["uuid"]},
    ):
        answer = await admin.claim(uplet, "w1")
        assert answer.status == 400 and "worker not set for" in answer.error
    assert (await admin.learnuplets())[1] == second


async def test_a_result_is_posted_once_and_whole(admin):
    await admin.problem(size=1)
    await admin.data("D1", "D2")
    await admin.algo()
    first, second = await admin.learnuplets()
    await admin.claim(first)
    for body in (
        {"status": "done"},
        {"status": "done", "perf": 0.5},
        WHOLE | {"perf": "0.5"},
        WHOLE | {"perf": True},
        WHOLE | {"train_perf": 1},
        WHOLE | {"test_perf": {"T": None}},
        WHOLE | {"status": "pending"},
        {"sttys": "oups"},
    ):
        answer = await admin("POST", f"/learndone/{first['uuid']}", body)
        assert answer.status == 400 and "wrong key in posted data" in answer.error, body
    for text in (b"NaN", b"Infinity", b"1e999"):
        body = b'{"status": "done", "train_perf": [], "test_perf": [], "perf": ' + text + b"}"
        assert (await admin("POST", f"/learndone/{first['uuid']}", body)).status == 400
    assert (await admin.learnuplets())[0] | {"status": "todo", "worker": None} == first
    await admin.ok("POST", f"/learndone/{first['uuid']}", WHOLE)
    for status in ("done", "failed"):
        answer = await admin("POST", f"/learndone/{first['uuid']}", WHOLE | {"status": status})
        assert answer.status == 400 and "no update of learnuplet" in answer.error
    assert (await admin("POST", f"/preddone/{first['uuid']}", {"status": "failed"})).status == 400
    assert (await admin("POST", f"/learndone/{uuid.uuid4()}", WHOLE)).status == 400
    assert (await admin.learnuplets())[1] == second | {"model_start": first["model_end"]}


async def test_a_prediction_that_is_done_says_where_it_is(admin):
    await admin.problem()
    await admin.data("D1")
    await admin.algo()
    await admin.learn((await admin.learnuplets())[0])
    await admin.ok("POST", "/prediction", {"data": "X", "problem": "P"})
    (uplet,) = await admin.preduplets()
    answer = await admin("POST", f"/preddone/{uplet['uuid']}", {"status": "done"})
    assert answer.status == 400 and "wrong key in posted data" in answer.error
    assert await admin.preduplets() == [uplet]


async def test_who_holds_an_uplet_posts_its_result(admin, as_user):
    alice, bob, boss = await as_user("alice"), await as_user("bob"), await as_user("boss", "superuser")
    await admin.problem(size=1)
    await alice.data("D1", "D2", "D3")
    await bob.algo()
    first = (await alice.learnuplets())[0]
    assert (await alice("POST", f"/learndone/{first['uuid']}", WHOLE)).status == 403
    assert (await alice.claim(first)).status == 200
    answer = await bob("POST", f"/learndone/{first['uuid']}", WHOLE)
    assert answer.status == 403 and answer.error
    await alice.ok("POST", f"/learndone/{first['uuid']}", WHOLE)
    second = (await alice.learnuplets())[1]
    await boss.ok("POST", f"/learndone/{second['uuid']}", WHOLE)
    third = (await alice.learnuplets())[2]
    assert (await alice.claim(third)).status == 200
    await admin.ok("POST", f"/learndone/{third['uuid']}", WHOLE)
    assert (await bob("POST", "/data", {"uuid": "D1", "problems": "P"})).status == 403


async def test_every_call_needs_a_key_and_those_that_change_something_a_user(anonymous, as_user):
    reader = await as_user("reader", "annotator")
    for path in ("/problem", "/learnuplet/x", "/data"):
        answer = await anonymous("GET", path)
        assert answer.status == 401 and answer.error
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert (await reader("GET", path)).status in (200, 404)
    for path in ("/problem", "/algo", "/data", "/prediction", "/worker/learnuplet/x", "/learndone/x"):
        assert (await anonymous("POST", path, {})).status == 401
        answer = await reader("POST", path, {})
        assert answer.status == 403 and answer.error
