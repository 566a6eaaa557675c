"""The ``suffice`` command: its groups put together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from suffice import __version__
from suffice.commands import (
    backup,
    demo,
    deployment,
    encoder,
    federation,
    jobs,
    keys,
    node,
    project,
    source,
    worker,
)

EPILOG = (
    "Exit codes: 0 done, 1 the node refused (or a job failed), 2 wrong usage, 3 no node can be reached, "
    "4 authentication failed, 130 interrupted."
)

app = typer.Typer(
    name="suffice",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"suffice {__version__}\n")
        raise typer.Exit


@app.callback()
def suffice(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Federated learning by exact statistics: models of everybody's rows, without sharing a row.

    A node runs next to your data and learns files into statistics; nodes of a federation add theirs up,
    encrypted. The other commands talk to a node over REST: the one of --node URL or --home DIR, of
    SUFFICE_NODE or SUFFICE_HOME, or of ~/.suffice. To see it all at work: suffice demo.
    """


app.command("demo")(demo.demo)
app.add_typer(node.app, name="node")
app.add_typer(federation.app, name="federation")
app.add_typer(project.app, name="project")
app.add_typer(source.app, name="source")
app.add_typer(encoder.app, name="encoder")
app.add_typer(deployment.app, name="deployment")
app.add_typer(jobs.app, name="jobs")
app.add_typer(worker.app, name="worker")
app.add_typer(keys.app, name="keys")
app.add_typer(backup.app, name="backup")
