"""Progress bars for people who wait for jobs; they are drawn on standard error and vanish from pipes."""

from __future__ import annotations

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from suffice.client import Client, Job
from suffice.terminal import ExitCode, console, note


def new_progress(*, quiet: bool = False) -> Progress:
    """A block of bars; ``quiet`` draws none (the same code then runs without)."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        disable=quiet or not console(stderr=True).is_terminal,
    )


def wait_with_bar(client: Client, job: Job, label: str, *, quiet: bool) -> Job:
    """Wait for a job while a bar follows it; see :meth:`Client.wait_for` for what it raises.

    Who does not want to wait any longer ends the command, not the job.
    """
    try:
        return _wait(client, job, label, quiet)
    except KeyboardInterrupt:
        note(f"The job goes on: suffice jobs show {job.number}, or suffice jobs kill {job.number}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _wait(client: Client, job: Job, label: str, quiet: bool) -> Job:
    with new_progress(quiet=quiet) as progress:
        bar = progress.add_task(label, total=None)

        def show(state: Job) -> None:
            progress.update(bar, completed=state.current, total=state.maximum or None)

        done = client.wait_for(job, show)
        progress.update(bar, completed=1, total=1)
        return done
