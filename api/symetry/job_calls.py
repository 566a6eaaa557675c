"""The three calls about jobs, and the answer to whatever starts one."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from api.access import may_kill
from api.problems import Problem
from api.routes import Call
from api.symetry.binding import envelope
from api.symetry.entities import DataFrame
from api.symetry.explore_views import entities
from api.symetry.lookups import entity_of
from api.symetry.views import failed, job_entity, project_entity, text
from node.answers import ProjectInfo
from node.errors import NotFound
from node.tasks import Task

_PROJECT: TypeAdapter[ProjectInfo] = TypeAdapter(ProjectInfo)


def started(call: Call, task: Task, words: str = "Job Created") -> web.Response:
    """202 with the job's place and number."""
    request = call.request
    place = f"{request.scheme}://{request.host}/symetry/rest/{call.part('cid')}/jobs/{task.number}"
    return envelope(202, words, headers={"Location": place, "sym-job-id": str(task.number)})


async def status(call: Call) -> web.Response:
    """200 with the result, 202 with the JobInfo, 400 for no such job or one that has no result to give."""
    task = await _job(call)
    if not task.finished:
        return envelope(202, "Job still running", {"jobinfo": job_entity(task)})
    problem = failed(task)
    if problem is not None:
        return envelope(400, problem, {"jobinfo": job_entity(task)})
    return envelope(200, "Job is finished", await _result(call, task))


async def listed(call: Call) -> web.Response:
    tasks = await call.node.jobs.list()
    return envelope(200, "Job is finished", {"jobinfo": [job_entity(task) for task in tasks]})


async def kill(call: Call) -> web.Response:
    """202 if it cannot be: it has finished, is being committed, or belongs to somebody else."""
    task = await _job(call)
    if task.finished or not may_kill(call.key, task):
        return envelope(202, "Job cannot be killed")
    task = await call.node.jobs.kill(task.id, call.key.user)
    return envelope(200, "Job was killed") if failed(task) else envelope(202, "Job cannot be killed")


async def _job(call: Call) -> Task:
    try:
        return await call.node.jobs.get(call.part("jobid"))
    except NotFound:
        raise Problem(400, "not_found", "No such job") from None


async def _result(call: Call, task: Task) -> dict[str, Any]:
    """The entities that SymetryML documents for this kind of job."""
    result = task.result or {}
    match task.kind:
        case "explore":
            return await _explored(call, task, result)
        case "learn" | "forget":
            return await _current_project(call, task)
        case "predict":
            return {"dataframe": _sample(result) if "sample" in result else _frame(result["columns"])}
        case "project_info":
            return {"smlInfo": project_entity(_PROJECT.validate_python(result))}
        case "projects_info":
            projects = [_PROJECT.validate_python(item) for item in result["projects"]]
            return {"smlInfoList": {"values": [project_entity(info) for info in projects]}}
        case "select":
            return {"jobinfo": job_entity(task)}
    return {}


async def _explored(call: Call, task: Task, result: dict[str, Any]) -> dict[str, Any]:
    """An exploration's entities; those of the metrics that are asked by `explore` come with the project."""
    answers = result.get("answers", [result])
    asked = [(answer["attributes"], answer["targets"], answer["values"]) for answer in answers]
    project = await _info(call, task)
    found = entities(answers[0]["metric"], asked, project)
    if "KSVDMap" in found and project is not None:
        found["smlInfo"] = await entity_of(call, project)
    return found


async def _current_project(call: Call, task: Task) -> dict[str, Any]:
    info = await _info(call, task)
    return {} if info is None else {"smlInfo": await entity_of(call, info)}


async def _info(call: Call, task: Task) -> ProjectInfo | None:
    try:
        return await call.node.projects.info(task.project or "")
    except NotFound:
        return None  # deleted since


def _frame(columns: dict[str, list[Any]]) -> DataFrame:
    rows = [[text(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    letters = ["S" if any(isinstance(cell, str) for cell in cells) else "C" for cells in columns.values()]
    return DataFrame.told(list(columns), letters, rows)


def _sample(result: dict[str, Any]) -> DataFrame:
    """The first rows of a predicted file."""
    columns = zip(*result["sample"], strict=True)
    letters = ["C" if all(map(_is_number, cells)) else "S" for cells in columns]
    return DataFrame.told(result["names"], letters, [list(row) for row in result["sample"]])


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True
