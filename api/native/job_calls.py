"""Jobs in the native dialect, long polls among them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.access import may_kill
from api.native.binding import answer
from api.native.entities import JobFilter, Jobs, Waiting
from api.problems import Problem
from api.routes import Call, Route
from api.stopping import unless_stopping
from node.tasks import Task


async def listed(call: Call) -> web.Response:
    query: JobFilter = call.query
    return answer({"jobs": await call.node.jobs.list(project=query.project, limit=query.limit)})


async def status(call: Call) -> web.Response:
    query: Waiting = call.query
    job = call.part("job")
    if query.wait <= 0:
        return answer(await call.node.jobs.get(job))
    return answer(await _changed(call, job, query.wait))


async def _changed(call: Call, job: str, seconds: float) -> Task:
    """The job when it changes, when the time is over or when the node stops, whichever is first."""
    changed = await unless_stopping(call.request.app, call.node.jobs.wait(job, seconds))
    return changed or await call.node.jobs.get(job)


async def release(call: Call) -> web.Response:
    """Of work that workers take: give it back."""
    task = await call.node.jobs.get(call.part("job"))
    await call.node.uplets.give_back(task.id, call.key)
    return answer(await call.node.jobs.get(task.id))


async def kill(call: Call) -> web.Response:
    job = call.part("job")
    task = await call.node.jobs.get(job)
    if not may_kill(call.key, task):
        raise Problem(
            403, "forbidden", f"Job {job} belongs to {task.owner!r}.", "Its owner or a superuser may kill it."
        )
    return answer(await call.node.jobs.kill(job, call.key.user))


async def ping(call: Call) -> web.Response:
    """Say that somebody works on a task that runs outside the node: silent, it is taken from him."""
    job = call.part("job")
    task = await call.node.jobs.get(job)
    if not may_kill(call.key, task) and await call.node.uplets.holder(task.id) != call.key.user:
        raise Problem(
            403,
            "forbidden",
            f"Job {job} is not worked on by {call.key.user!r}.",
            "Its worker, its owner or a superuser may say that it is alive.",
        )
    await call.node.tasks.ping(job)
    return answer(await call.node.jobs.get(job))


ROUTES: Final = (
    Route(
        "GET", "/api/jobs", listed, "List the jobs", access="annotator", answers={200: Jobs}, query=JobFilter
    ),
    Route(
        "GET",
        "/api/jobs/{job}",
        status,
        "A job; waits for a change if asked to",
        access="annotator",
        answers={200: Task},
        query=Waiting,
    ),
    Route(
        "POST",
        "/api/jobs/{job}/ping",
        ping,
        "Say that a job is worked on",
        access="user",
        answers={200: Task},
    ),
    Route("DELETE", "/api/jobs/{job}", kill, "Kill a job", access="user", answers={200: Task}),
    Route(
        "POST",
        "/api/jobs/{job}/release",
        release,
        "Give back an uplet that your worker has taken, for the next one",
        access="user",
        answers={200: Task},
    ),
)
