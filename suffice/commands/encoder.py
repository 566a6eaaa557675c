"""``suffice encoder``: what turns texts into columns that a project can learn."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Client, Json
from suffice.commands.arguments import FileArgument, listed, settings, settings_option
from suffice.commands.source import rows_at
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group

app = new_group("Encoders: texts and numbers become the columns that a project learns.")

NameArgument = Annotated[
    str, typer.Argument(metavar="ENCODER", help="The encoder's name.", show_default=False)
]


class Kind(StrEnum):
    """How texts are encoded."""

    target = "target"
    onehot = "onehot"
    hashing = "hashing"
    binning = "binning"


@app.command()
def create(
    name: NameArgument,
    kind: Annotated[
        Kind,
        typer.Option(
            help="target: by the mean of a target; onehot: a 0/1 column for each text; "
            "hashing: a fixed number of columns; binning: numbers by the interval they are in."
        ),
    ] = Kind.target,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The attribute whose means are learned.", show_default=False),
    ] = None,
    binary: Annotated[bool, typer.Option("--binary", help="The target is 0 or 1.")] = False,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="The columns to encode, separated by commas; without it all that hold texts (binning: "
            "numbers).",
            show_default=False,
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        settings_option(
            "A parameter: minTrimSize, smoothing; for hashing bins, lists; for binning bins, "
            "by=quantile or width."
        ),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT",
            help="Learn nothing: have the statistics of this project, in a federation those of all members.",
            show_default=False,
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an encoder. Let it learn a file, then make projects with it: project create --encoder.

    Of a project's own, the columns to encode must have the type S (text) or T (category) in its schema.

    Examples:

        suffice encoder create tails --target arr_delay --keys tailnum --set smoothing=20

        suffice encoder create words --kind hashing --keys note,diagnosis --set bins=64
    """
    with connected(node, home, as_json) as client:
        given = settings(parameters)
        answer = client.create_encoder(
            name,
            kind=kind.value,
            keys=listed(keys or ""),
            target=target,
            binary=binary,
            parameters=given,
            project=project,
        )
        emit(answer, as_json, _encoder)


@app.command("list")
def list_encoders(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the node's encoders.

    Example:

        suffice encoder list
    """
    with connected(node, home, as_json) as client:
        emit(client.encoders(), as_json, _encoders)


@app.command()
def show(
    name: NameArgument,
    key: Annotated[
        str | None,
        typer.Argument(metavar="COLUMN", help="Show the values of this column.", show_default=False),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an encoder, or what it knows of one column.

    Examples:

        suffice encoder show tails

        suffice encoder show tails tailnum
    """
    with connected(node, home, as_json) as client:
        if key is None:
            emit(client.encoder(name), as_json, _encoder)
        else:
            emit(client.encoder_values(name, key), as_json, _values)


@app.command()
def learn(
    name: NameArgument,
    file: FileArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the texts of a file, and the target in their rows. Projects made before are not changed.

    Example:

        suffice encoder learn tails ewr.csv
    """
    with connected(node, home, as_json) as client:
        _change(client, name, file, as_json)


@app.command()
def forget(
    name: NameArgument,
    file: FileArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the rows of a file out again, to the bit.

    Example:

        suffice encoder forget tails ewr.csv
    """
    with connected(node, home, as_json) as client:
        _change(client, name, file, as_json, forget=True)


@app.command()
def delete(
    name: NameArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an encoder that no project uses.

    Example:

        suffice encoder delete tails
    """
    with connected(node, home, as_json) as client:
        emit(client.delete_encoder(name), as_json, lambda _: f"deleted {name}")


def _change(client: Client, name: str, file: Path, as_json: bool, *, forget: bool = False) -> None:
    from suffice.progress import wait_with_bar

    job = client.learn_encoder(name, **rows_at(client, file), forget=forget)
    wait_with_bar(client, job, f"{'forgetting' if forget else 'learning'} {file.name}", quiet=as_json)
    emit(client.encoder(name), as_json, _encoder)


def _encoder(answer: Json) -> object:
    from suffice.render import count, facts, short

    made = [
        f"{key} → {', '.join(item['name'] for item in outputs[:6])}{', …' if len(outputs) > 6 else ''}"
        for key, outputs in answer["columns"].items()
    ]
    parameters = ", ".join(f"{name}={value}" for name, value in answer["parameters"].items())
    return facts(
        f"encoder {answer['name']}",
        [
            ("kind", answer["kind"]),
            ("target", answer["target"]),
            ("parameters", parameters),
            ("statistics of", answer["project"]),
            ("rows", None if answer["project"] else count(answer["rows"])),
            ("encodes", "\n".join(made) or "nothing yet: let it learn a file"),
            ("digest", short(answer["digest"])),
            ("used by", ", ".join(answer["used_by"])),
        ],
    )


def _encoders(answer: Sequence[Json]) -> object:
    from suffice.render import count, listing

    return listing(
        ("encoder", "kind", "target", "columns", "rows", "used by"),
        [
            (
                item["name"],
                item["kind"],
                item["target"],
                ", ".join(item["columns"]),
                count(item["rows"]),
                ", ".join(item["used_by"]),
            )
            for item in answer
        ],
        right=("rows",),
        empty="The node has no encoders. Make one: suffice encoder create.",
    )


def _values(answer: Sequence[Json]) -> object:
    from suffice.render import listing, number

    return listing(
        ("value", "rows", "sum", "mean"),
        [
            (
                item["value"],
                number(item["count"]),
                number(item["sum"]),
                number(item["sum"] / item["count"] if item["count"] else None),
            )
            for item in answer
        ],
        right=("rows", "sum", "mean"),
        empty="It knows no values of this column.",
    )
