"""The worker as a process beside a real node: what it learns, predicts and reports."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile

import pytest


async def test_batches_are_trained_one_after_the_other_and_predicted(lab):
    tests = [await lab.data([2.0, 4.0]), await lab.data([3.0])]
    problem = await lab.problem(tests, 2)
    trained = [await lab.data([float(i)]) for i in (9, 7, 5, 3, 1)]
    await lab.register(trained, problem)
    algo = await lab.algo(problem)
    assert await lab.work() == {"done": 3, "failed": 0, "given_back": 0}

    first, second, third = await lab.client.learnuplets(algo=algo)
    assert [u["status"] for u in (first, second, third)] == ["done"] * 3
    assert [u["perf"] for u in (first, second, third)] == [-5.0, -3.0, -2.0]  # means 8, 6 and 5
    assert first["test_perf"] == {tests[0]: -5.0, tests[1]: -5.0}
    assert first["train_perf"] == {trained[0]: -1.0, trained[1]: -1.0}
    assert third["model_start"] == second["model_end"]
    seen = (await lab.model(third["model_end"]))["seen"]
    assert [set(seen[:2]), set(seen[2:4]), set(seen[4:])] == [
        set(trained[:2]),
        set(trained[2:4]),
        {trained[4]},
    ]
    assert (await lab.client.ok("GET", f"/storage/model/{third['model_end']}"))["algo"] == algo

    asked = await lab.store("data", json.dumps({"x": [1, 2, 3]}).encode())
    await lab.client.ok("POST", "/prediction", {"data": asked, "problem": problem})
    assert await lab.work() == {"done": 1, "failed": 0, "given_back": 0}
    (done,) = await lab.client.preduplets()
    assert done["status"] == "done"
    assert json.loads(await lab.blob("prediction", done["prediction_storage_uuid"])) == [5.0, 5.0, 5.0]


async def fails(lab, *options, **programs):
    """The failed learnuplet of a task whose programs do not do what they should, and its log."""
    algo = await lab.task(**programs)
    assert await lab.work(*options) == {"done": 0, "failed": 1, "given_back": 0}
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert (uplet["status"], uplet["perf"]) == ("failed", None)
    return await lab.log(uplet)


async def test_a_program_that_fails_is_told_without_its_output(lab):
    program = "print('the target is 3.0'); raise SystemExit(5)"
    log = await fails(lab, program=program)
    assert log == "the algorithm (-V /data -T train): it ended with exit code 5"
    assert "the target is 3.0" in "".join(lab.running[0].said)  # for the worker's own operator


async def test_the_output_is_posted_where_its_operator_allows_it(lab):
    assert "last words" in await fails(lab, "--post-output", program="raise SystemExit('last words')")
    algo = await lab.task()
    assert await lab.work("--post-output") == {"done": 1, "failed": 0, "given_back": 0}
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert await lab.log(uplet) == "the algorithm was here"


@pytest.mark.parametrize(
    ("options", "program", "reason"),
    [
        (["--seconds", "1"], "import time; time.sleep(1000)", "it ran longer than 1 s"),
        (
            ["--memory", "64"],
            "import time; x = b'x' * (90 << 20); time.sleep(1000)",
            "more than 64 MB of memory",
        ),
        (["--processes", "4"], "import os\nwhile True: os.fork()", "more than 4 processes"),
        (
            ["--disk", "4"],
            "i = 0\nwhile True: open(f'/data/model/{(i := i + 1)}', 'wb').write(bytes(1 << 20))",
            "it wrote more than 4 MB",
        ),
        ([], "pass", "`main.py` at its top"),
        ([], "open('/data/test/pred/x', 'w')", "the workflow (-T perf"),
    ],
    ids=["time", "memory", "processes", "disk", "no program", "no predictions"],
)
async def test_a_limit_that_was_passed_is_named(lab, pack, options, program, reason):
    blob = pack({"other.py": ""}) if program == "pass" else pack({"main.py": program})
    assert reason in await fails(lab, *options, program=blob)


PERFORMANCES = {
    "not there": "pass",
    "no JSON": "open('/hidden_data/perf/performance.json', 'w').write('{')",
    "not finite": "open('/hidden_data/perf/performance.json', 'w').write('{\"perf\": NaN}')",
    "incomplete": "open('/hidden_data/perf/performance.json', 'w').write('{\"perf\": 1}')",
    "a figure that no float is": "open('/hidden_data/perf/performance.json', 'w').write("
    "'{\"train_perf\": [], \"test_perf\": [], \"perf\": 1' + '0' * 400 + '}')",
    "a link": "import os; os.symlink('/etc/passwd', '/hidden_data/perf/performance.json')",
}


@pytest.mark.parametrize("workflow", PERFORMANCES.values(), ids=PERFORMANCES)
async def test_performances_that_are_none_fail(lab, workflow):
    assert "performance" in await fails(lab, workflow=f"import sys\nif sys.argv[2] == 'perf': {workflow}")


async def test_late_data_are_trained_on_from_the_algorithm_where_nothing_came_of_the_first(lab):
    problem = await lab.problem([await lab.data([2.0])], 1)
    await lab.register(["never-uploaded"], problem)
    algo = await lab.algo(problem)
    assert await lab.work() == {"done": 0, "failed": 1, "given_back": 0}
    await lab.register([await lab.data([1.0])], problem)
    _, late = await lab.client.learnuplets(algo=algo)
    assert (late["rank"], late["model_start"]) == (1, algo)
    assert await lab.work() == {"done": 1, "failed": 0, "given_back": 0}


async def test_a_workflow_that_is_in_the_way_of_predictions_fails(lab):
    workflow = "open('/submission_data/test/pred', 'w').close()"
    assert "`pred`" in await fails(lab, workflow=workflow)


@pytest.mark.parametrize("role", ["user", "admin"])
async def test_a_worker_keeps_no_data_for_whom_the_node_refuses_it(lab, as_user, role):
    """Else a problem made up on somebody's data is fed from what an honest one had fetched, or with what the
    worker's own key may read."""
    owner, eve = await as_user("owner"), await as_user("eve")
    secret = await lab.data([1.0, 3.0], owner)
    problem = await lab.problem([await lab.data([2.0])], 1)
    await lab.register([secret], problem, owner)
    honest = await lab.algo(problem)
    key = await lab.served.node.keys.create("computer", role)
    work = await lab.start(key=key)
    await work.until("done in")

    mine = await lab.data([0.0], eve)
    lab.client = eve
    made_up = await lab.problem([secret], 1)
    await lab.register([mine], made_up)
    stealing = await lab.algo(made_up)
    line = await work.until("failed")
    assert "belongs to 'owner'" in line
    work.interrupt()
    assert await work.end(code=130) == {"done": 1, "failed": 1, "given_back": 0}
    assert [u["status"] for u in await eve.learnuplets(algo=honest)] == ["done"]
    assert [u["status"] for u in await eve.learnuplets(algo=stealing)] == ["failed"]


async def test_an_item_that_is_named_twice_is_one(lab):
    test = await lab.data([2.0])
    problem = await lab.problem([test, test], 1)
    await lab.register([await lab.data([1.0])], problem)
    await lab.algo(problem)
    assert await lab.work() == {"done": 1, "failed": 0, "given_back": 0}


async def test_blobs_that_are_missing_fail(lab, pack):
    problem = await lab.problem([await lab.data([1.0])], 1)
    await lab.register(["never-uploaded"], problem)
    algo = await lab.algo(problem)
    assert await lab.work() == {"done": 0, "failed": 1, "given_back": 0}
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert "the uuid is no UUID" in await lab.log(uplet)


@pytest.mark.parametrize("kind", ["no archive", "above", "link", "bomb"])
async def test_archives_that_mean_harm_are_not_unpacked(lab, pack, kind):
    archives = {
        "no archive": b"not a tar.gz",
        "above": pack({"../../above": "x", "main.py": ""}),
        "link": hostile_link(),
        "bomb": pack({"main.py": "", "zeros": bytes(40 << 20)}),
    }
    assert "the algorithm cannot be unpacked" in await fails(lab, program=archives[kind])


def hostile_link() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        entry = tarfile.TarInfo("main.py")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    return written.getvalue()


async def test_an_executable_run_goes_before_main(lab, pack):
    program = pack({"run": "#!/bin/sh\nexit 42\n", "main.py": "raise SystemExit(1)"})
    assert "exit code 42" in await fails(lab, program=program)


async def test_an_algorithm_does_not_see_what_it_is_judged_by(lab):
    program = """
import os, pathlib, sys
sys.stdout = sys.stderr = open(os.devnull, 'w')
data = pathlib.Path('/data')
(data / 'model' / 'm').write_text('x')
for file in (data / 'test').iterdir():
    if file.is_file():
        assert 'y' not in file.read_text()
        os.symlink(f'/hidden_data/test/{file.name}', data / 'test' / 'pred' / file.name)
for place in ('/hidden_data', '/submission_data', '/workflow', '/root/.suffice', '/home'):
    assert not os.path.exists(place)
"""
    assert "the workflow (-T perf" in await fails(lab, program=program)


async def test_once_does_one_uplet(lab):
    problem = await lab.problem([await lab.data([2.0])], 1)
    await lab.register([await lab.data([1.0]), await lab.data([2.0])], problem)
    await lab.algo(problem)
    assert await (await lab.start("--once")).end() == {"done": 1, "failed": 0, "given_back": 0}
    assert [u["status"] for u in await lab.client.learnuplets()] == ["done", "todo"]
    assert await (await lab.start("--once")).end() == {"done": 1, "failed": 0, "given_back": 0}
    assert await (await lab.start("--once")).end() == {"done": 0, "failed": 0, "given_back": 0}


async def test_several_are_done_at_once(lab):
    for _ in range(3):
        await lab.task()
    assert await lab.work("--at-once", "3") == {"done": 3, "failed": 0, "given_back": 0}


async def test_nothing_is_left_on_disk(lab):
    await lab.task()
    await lab.work()
    assert list(lab.folder.iterdir()) == []


async def test_an_interruption_gives_back_what_was_begun(lab):
    algo = await lab.task(program="import time; time.sleep(1000)")
    work = await lab.start()
    await work.until("begun")
    work.interrupt()
    assert await work.end(code=130) == {"done": 0, "failed": 0, "given_back": 1}
    (uplet,) = await lab.client.learnuplets(algo=algo)
    assert (uplet["status"], uplet["worker"]) == ("todo", None)


async def test_a_key_that_the_node_does_not_know_is_refused(lab):
    key = dataclasses.replace(lab.client.key, secret_key="wrong")
    work = await lab.start(key=key)
    await work.end(code=4)
