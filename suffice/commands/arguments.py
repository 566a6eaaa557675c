"""Arguments and options that several commands take, and how what is typed there is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

ProjectArgument = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The project's name.", show_default=False)
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.", show_default=False)]
FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A CSV or Parquet file on the node's machine, or the name of a data source.",
        show_default=False,
    ),
]


def settings_option(help_text: str) -> Any:
    """The option ``--set NAME=VALUE`` of a command; `settings` reads it."""
    return typer.Option("--set", metavar="NAME=VALUE", help=f"{help_text} Repeatable.", show_default=False)


def settings(options: Iterable[str] | None) -> dict[str, str]:
    """What ``--set`` says, by name. Raises BadParameter."""
    return dict(_setting(option) for option in options or ())


def listed(text: str) -> list[str]:
    """Names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _setting(option: str) -> tuple[str, str]:
    name, found, value = option.partition("=")
    if not found or not name:
        raise typer.BadParameter(f"--set {option!r}: write NAME=VALUE")
    return name, value
