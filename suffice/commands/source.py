"""``suffice source``: tables that are elsewhere, kept by name with what it takes to reach them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Client, Json
from suffice.commands.arguments import settings, settings_option
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group

app = new_group("Data sources: files, addresses, buckets and databases, to be learned from by name.")

NameArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The data source's name.", show_default=False)
]
PlaceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PLACE",
        help="The path of a file on the node's machine, an http(s) address, s3://BUCKET/KEY, or the URL of a "
        "database.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    settings_option(
        "What else is to be told: table or query (database), s3accessKey, s3secretKey, s3region, "
        "s3endpoint, format, csv_entry_separator. NAME=@FILE takes the value from a file."
    ),
]
TypeOption = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="If PLACE does not tell it: jdbc.", show_default=False),
]


@app.command()
def add(
    name: NameArgument,
    place: PlaceArgument = None,
    options: SetOption = None,
    type_: TypeOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let a name that there is already mean this.")
    ] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name a table, which is not read before it is used. Secrets are kept by the node and not shown again.

    Examples:

        suffice source add december december.csv

        suffice source add tickets postgresql://reader@db/shop --set table=sales.tickets

        suffice source add wards s3://hospital/wards.parquet --set s3accessKey=AK --set s3secretKey=@key.txt
    """
    with connected(node, home, as_json) as client:
        kind, info = _place(place)
        info |= {name: _told(name, value) for name, value in settings(options).items()}
        call = client.replace_source if replace else client.create_source
        emit(call(name, type_ or kind, info), as_json, _source)


@app.command("list")
def list_sources(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the node's data sources.

    Example:

        suffice source list
    """
    with connected(node, home, as_json) as client:
        emit(client.sources(), as_json, _sources)


@app.command()
def show(
    name: NameArgument,
    sample: Annotated[bool, typer.Option("--sample", help="Show its first rows.")] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a data source, or its first rows.

    Examples:

        suffice source show december

        suffice source show december --sample
    """
    with connected(node, home, as_json) as client:
        if sample:
            emit(client.source_sample(name), as_json, _sample)
        else:
            emit(client.source(name), as_json, _source)


@app.command()
def remove(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Forget a data source; what was learned from it stays.

    Example:

        suffice source remove december
    """
    with connected(node, home, as_json) as client:
        emit(client.delete_source(name), as_json, lambda _: f"removed {name}")


def rows_at(client: Client, file: Path) -> Json:
    """What a FILE argument means to the node: a path, or the name of a data source where no such file is."""
    if len(file.parts) == 1 and not file.exists():
        name = str(file)
        if name in {item["name"] for item in client.sources()}:
            return {"source": name}
    return {"path": str(file.absolute())}


def _place(place: str | None) -> tuple[str, dict[str, str]]:
    """Type and info of what a PLACE says."""
    if place is None:
        return "jdbc", {}
    scheme, found, rest = place.partition("://")
    if not found:
        return "localfile", {"path": str(Path(place).absolute())}
    if scheme in ("http", "https"):
        return "http", {"path": place}
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        return "s3", {"s3bucket": bucket, "path": key}
    return "sql", {"url": place}


def _told(name: str, value: str) -> str:
    """What an option says, or the file that it names: a secret need not be among the arguments."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--set {name}: {value[1:]} cannot be read: {error}") from None


def _source(answer: Json) -> object:
    from suffice.render import facts

    told = sorted(answer["info"].items())
    more = [("attached to", ", ".join(answer["used_by"])), ("owner", answer["owner"])]
    return facts(f"data source {answer['name']}", [("type", answer["type"]), *told, *more])


def _sources(answer: Sequence[Json]) -> object:
    from suffice.render import listing

    return listing(
        ("source", "type", "place", "attached to"),
        [
            (
                item["name"],
                item["type"],
                item["info"].get("path") or item["info"].get("url") or item["info"].get("database"),
                ", ".join(item["used_by"]),
            )
            for item in answer
        ],
        empty="The node has no data sources. Name one: suffice source add.",
    )


def _sample(answer: Json) -> object:
    from suffice.render import listing

    headings = [f"{name} ({letter})" for name, letter in zip(answer["names"], answer["types"], strict=True)]
    return listing(tuple(headings), [tuple(row) for row in answer["rows"]], empty="It has no rows.")
