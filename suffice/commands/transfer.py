"""``suffice project export|import|merge|freeze``: statistics that move between projects, and rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Json, SufficeError
from suffice.commands.known_project import about
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit

NameArgument = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The project's name.", show_default=False)
]


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
    name: NameArgument,
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
        try:
            file.write_text(json.dumps(exported, allow_nan=False) + "\n")
        except OSError as error:
            raise SufficeError("bad_file", f"{file} cannot be written: {error}.") from error
        told = {"name": name, "rows": exported["rows"], "file": str(file)}
        emit(told, as_json, lambda _: f"{exported['rows']:,} rows of {name} written to {file}")


def import_project(
    name: NameArgument,
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
        try:
            exported: Json = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise SufficeError("bad_file", f"{file} cannot be read: {error}.") from error
        if not isinstance(exported, dict):
            raise SufficeError("bad_file", f"{file} is not an exported project.")
        emit(client.import_project(name, exported), as_json, _project)


def merge(
    name: NameArgument,
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
    name: NameArgument,
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
