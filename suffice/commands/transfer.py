"""``suffice project export|import|merge|freeze``: statistics that move between projects, and rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Json
from suffice.commands.arguments import ProjectArgument
from suffice.commands.known_project import about
from suffice.commands.local_files import read_object, write_json
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit


def add_to(app: typer.Typer) -> None:
    """Make these commands part of a group."""
    for name, command in (
        ("export", export),
        ("import", import_project),
        ("merge", merge),
        ("freeze", freeze),
    ):
        app.command(name)(command)


def export(
    name: ProjectArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.", show_default=False)],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a local project's statistics to a file, to be imported on any node. No row is in it.

    Example:

        suffice project export trial trial.json
    """
    with about(name, node, home, as_json) as client:
        exported = client.export_project(name)
        write_json(file, exported)
        told = {"name": name, "rows": exported["rows"], "file": str(file)}
        emit(told, as_json, lambda _: f"{exported['rows']:,} rows of {name} written to {file}")


def import_project(
    name: ProjectArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What export has written.", show_default=False)
    ],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project of exported statistics.

    Example:

        suffice project import trial trial.json
    """
    with connected(node, home, as_json) as client:
        exported = read_object(file, "exported project", "Write one: suffice project export")
        emit(client.import_project(name, exported), as_json, _project)


def merge(
    name: ProjectArgument,
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="The project that is added; it stays.", show_default=False)
    ],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add what another project of the node has learned, as if its rows had been learned here.

    Example:

        suffice project merge year january
    """
    with about(name, node, home, as_json) as client:
        emit(client.merge_project(name, other), as_json, _project)


def freeze(
    name: ProjectArgument,
    thaw: Annotated[bool, typer.Option("--thaw", help="Let it learn and forget again.")] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a project refuse to learn and to forget.

    Examples:

        suffice project freeze flights

        suffice project freeze flights --thaw
    """
    with about(name, node, home, as_json) as client:
        emit(client.freeze_project(name, not thaw), as_json, _project)


def _project(answer: Json) -> object:
    from suffice.render import project

    return project(answer)
