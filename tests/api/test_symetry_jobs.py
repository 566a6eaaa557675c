"""The three job calls of the SymetryML dialect, exactly as its page on jobs has them."""

from __future__ import annotations

import pytest

NO_SUCH_JOB = {"statusCode": "BAD_REQUEST", "statusString": "No such job", "values": {}}


async def start_learning(served, iris) -> str:
    """The number of a job that learns."""
    await served.symetry("POST", "/projects?pid=p")
    started = await served.symetry("POST", "/projects/p/learn?async=true", iris)
    return started.headers["sym-job-id"]


async def test_whatever_starts_a_job_says_where_it_is(served, iris):
    await served.symetry("POST", "/projects?pid=p")
    answer = await served.symetry("POST", "/projects/p/learn?async=true", iris)
    assert (answer.status, answer.json) == (
        202,
        {"statusCode": "ACCEPTED", "statusString": "Job Created", "values": {}},
    )
    number = answer.headers["sym-job-id"]
    cid = served.symetry.key.access_key
    assert answer.headers["Location"] == f"{served.url}/symetry/rest/{cid}/jobs/{number}"


async def test_a_job_is_202_until_it_is_200(served, iris):
    number = await start_learning(served, iris)
    seen = []
    while not seen or seen[-1].status == 202:
        seen.append(await served.symetry("GET", f"/jobs/{number}"))
    for answer in seen[:-1]:
        assert {**answer.json, "values": {}} == {
            "statusCode": "ACCEPTED",
            "statusString": "Job still running",
            "values": {},
        }
        assert answer.json["values"]["jobinfo"]["jobId"] == int(number)
    done = seen[-1].json
    assert (seen[-1].status, done["statusCode"], done["statusString"]) == (200, "OK", "Job is finished")
    assert done["values"]["smlInfo"]["attributeNames"] == iris["attributeNames"]


async def test_a_job_that_has_no_entity_answers_just_the_envelope(served, iris):
    await served.symetry("POST", "/projects?pid=p")
    await served.symetry("POST", "/projects/p/learn", iris)
    context = {"targets": ["3"], "inputAttributes": ["0", "1"]}
    started = await served.symetry("POST", "/projects/p/build?modelid=m&algo=mlr", context)
    done = await served.symetry.finished(started)
    assert (done.status, done.json) == (
        200,
        {"statusCode": "OK", "statusString": "Job is finished", "values": {}},
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("job", ["7", "0", "-1", "f" * 32, "x", "9" * 40, "%00", "%D9%A1", "a%20b", "1.5"])
async def test_no_such_job(served, method, job):
    answer = await served.symetry(method, f"/jobs/{job}")
    assert (answer.status, answer.json) == (400, NO_SUCH_JOB)


async def test_the_list_holds_every_job(served, iris):
    number = int(await start_learning(served, iris))
    answer = await served.symetry("GET", "/jobs")
    assert (answer.status, answer.json["statusString"]) == (200, "Job is finished")
    (job,) = answer.json["values"]["jobinfo"]
    assert {name: type(value) for name, value in job.items()} == {
        "jobId": int, "jobType": str, "owner": str, "startingDate": int, "current": int, "maximum": int,
        "isOnBoundedExecutor": bool, "isStarted": bool, "isDone": bool, "details": dict,
    }  # fmt: skip
    assert (job["jobId"], job["jobType"], job["owner"]) == (number, "DSUpdateJob", "admin")


async def test_killing(served, big_file):
    await served.symetry("POST", "/projects?pid=p")
    task = await served.node.jobs.submit(
        "learn", actor=served.node.first_key, project="p", parameters={"path": str(big_file)}
    )
    killed = await served.symetry("DELETE", f"/jobs/{task.number}")
    assert (killed.status, killed.json) == (
        200,
        {"statusCode": "OK", "statusString": "Job was killed", "values": {}},
    )
    again = await served.symetry("DELETE", f"/jobs/{task.number}")
    assert (again.status, again.json) == (
        202,
        {"statusCode": "ACCEPTED", "statusString": "Job cannot be killed", "values": {}},
    )
    shown = await served.symetry("GET", f"/jobs/{task.number}")
    assert (shown.status, shown.json["statusString"]) == (400, "Job was killed")


async def test_a_finished_job_cannot_be_killed(served, iris):
    number = await start_learning(served, iris)
    while not (await served.node.jobs.wait(number, 30)).finished:
        pass
    answer = await served.symetry("DELETE", f"/jobs/{number}")
    assert (answer.status, answer.json["statusString"]) == (202, "Job cannot be killed")


async def test_somebody_elses_job_cannot_be_killed(served, big_file, as_user):
    await served.symetry("POST", "/projects?pid=p")
    task = await served.node.jobs.submit(
        "learn", actor=served.node.first_key, project="p", parameters={"path": str(big_file)}
    )
    _, ann = await as_user("ann", "user")
    answer = await ann("DELETE", f"/jobs/{task.number}")
    assert (answer.status, answer.json["statusString"]) == (202, "Job cannot be killed")
    assert not (await served.node.jobs.get(task.id)).finished


async def test_a_job_that_fails_says_why(served, iris):
    await served.symetry("POST", "/projects?pid=p")
    iris["data"][3][1] = "wide"
    started = await served.symetry("POST", "/projects/p/learn?async=true", iris)
    answer = await served.symetry.finished(started)
    assert answer.status == 400
    assert answer.json["statusString"].startswith("Job failed: ")
    assert "sepal_width" in answer.json["statusString"] and "row 4" in answer.json["statusString"]
    assert answer.json["values"]["jobinfo"]["isDone"] is True


async def test_project_info_by_a_job(served, iris):
    await served.symetry("POST", "/projects?pid=p")
    await served.symetry("POST", "/projects/p/learn", iris)
    one = await served.symetry.finished(await served.symetry("GET", "/projects/p/info?async=true"))
    now = await served.symetry("GET", "/projects/p/info")
    assert one.json["values"] == now.json["values"]
    every = await served.symetry.finished(await served.symetry("GET", "/projects/info?async=true"))
    assert [info["pid"] for info in every.json["values"]["smlInfoList"]["values"]] == ["p"]
