"""``suffice jobs``: the work of a node."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from suffice.client import Job
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group, print_json

app = new_group("Look at a node's jobs, and end them.")

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's number or id.", show_default=False)
]


@app.command("list")
def list_jobs(
    project: Annotated[str | None, typer.Option(help="Only this project's.", show_default=False)] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the jobs, the newest first.

    Example:

        suffice jobs list
    """
    with connected(node, home, as_json) as client:
        from suffice.render import jobs

        found = client.jobs(project=project)
        if as_json:
            print_json([asdict(job) for job in found])
        else:
            emit(found, False, jobs)


@app.command()
def show(
    job: JobArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one job: its status, its progress, its result or its error.

    Example:

        suffice jobs show 12
    """
    with connected(node, home, as_json) as client:
        _emit_job(client.job(job), as_json)


@app.command()
def kill(
    job: JobArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """End a job; what it has done so far is taken back. A job that has finished stays as it is.

    Example:

        suffice jobs kill 12
    """
    with connected(node, home, as_json) as client:
        _emit_job(client.kill(job), as_json)


def _emit_job(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(asdict(job))
        return
    from suffice.render import job as table

    emit(job, False, table)
