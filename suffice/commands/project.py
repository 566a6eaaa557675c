"""``suffice project``: what a node has learned, made, shown and removed.

Questions to it are in ``exploring.py``, its models in ``models.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Client, Job, Json
from suffice.commands import exploring, judging, models, transfer
from suffice.commands.arguments import FileArgument, ProjectArgument, listed
from suffice.commands.known_project import about
from suffice.commands.local_files import read_object
from suffice.commands.source import rows_at
from suffice.terminal import (
    HomeOption,
    JsonOption,
    NodeOption,
    connected,
    emit,
    new_group,
    print_json,
)

LETTERS = ("C", "B", "T", "D", "S", "L", "P", "X")
ADMISSION_SECONDS = 10.0  # an approval given a moment ago may still be on its way

app = new_group("Projects: statistics that files are learned into, and models are fitted from.")

TypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="NAME=TYPE",
        help="A column's type: C continuous, B binary, T category, D dates (learned as parts such as "
        "day.month), S text or L list (usable only through an encoder), P patient id (never counted), "
        "X ignore. Repeatable.",
        show_default=False,
    ),
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job is finished.")]


@app.command()
def create(
    name: ProjectArgument,
    federation: Annotated[
        str | None, typer.Option(metavar="FEDERATION", help="Share its statistics there.", show_default=False)
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take the attributes from this CSV or Parquet file, or data source.",
            show_default=False,
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="With --like: only these, separated by commas.", show_default=False
        ),
    ] = None,
    types: TypesOption = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the attributes from this JSON file.", show_default=False),
    ] = None,
    row_filter: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="PREDICATES",
            help="Count only rows that satisfy all: 'delay >= 15; carrier != UA'.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="ROWS",
            help="Count only the last so many rows learned here.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            help="40 (default), 60 or 80: how finely a value that is no short decimal is counted.",
            show_default=False,
        ),
    ] = None,
    lower_case: Annotated[
        bool, typer.Option("--lower-case", help="Trim and lower-case the levels of categories.")
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="ENCODER", help="Let all its rows pass through this encoder.", show_default=False
        ),
    ] = None,
    profiles: Annotated[
        bool | None,
        typer.Option(
            "--profiles/--no-profiles",
            help="Count what skewness, quantiles and densities are made of (by default).",
            show_default=False,
        ),
    ] = None,
    conditionals: Annotated[
        bool,
        typer.Option("--conditionals", help="Count what conditional variances are made of, for every pair."),
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Keep statistics apart for each level of this category.",
            show_default=False,
        ),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help="What stands between a category and its level in names. [default: $]",
            show_default=False,
        ),
    ] = None,
    powers_of: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Learn powers of this column beside it, for the algorithm powerreg.",
            show_default=False,
        ),
    ] = None,
    powers: Annotated[
        str,
        typer.Option(metavar="MIN:MAX:STEPS", help="With --powers-of: which powers."),
    ] = "-2:2:9",
    sequence: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="ORDER",
            help="Learn sequences of tokens, for the algorithm mc: which follows how many before.",
            show_default=False,
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project. In a federation, its schema is what all members count in.

    The schema names each attribute, its type, and the unit in which it is counted (its quantum). Take it
    from a file that looks like everybody's, or write it: {"attributes": [{"name": "x", "type": "C",
    "quantum": "0.1"}]}. A local project may go without: the first file learned decides.

    What is asked here holds for every row learned afterwards, from files, by REST and by streams. A filter
    may name a column that is not an attribute.

    Types are guessed from a file's first rows: truth values and 0/1 are binary, numbers continuous, texts of
    few values categories. Dates are learned as numbers (day.year, day.day, day.hour ...) and categories
    (day.month, day.weekday from 1 for Monday). Columns of many different texts are left out, and named.

    With --powers-of, fit powerreg on the column itself: it chooses the best of the powers. With --sequence,
    a file of one column holds a token a row, in order, one of several columns a sequence a row (leave others
    out with --type NAME=X when learning); fit mc with --inputs ngram.

    Examples:

        suffice project create trial

        suffice project create flights --federation airports --like ewr.csv
        --attributes arr_delay,dep_delay,month,time_hour.hour --type month=T

        suffice project create growth --powers-of weight --powers -1:1:5

        suffice project create clicks --sequence 2

        suffice project create recent --filter 'delay >= 15; carrier == UA' --window 10000
    """
    with connected(node, home, as_json) as client:
        if like is not None and schema is not None:
            raise typer.BadParameter("--like and --schema both say what the attributes are; give one")
        if like is None and (attributes or types):
            raise typer.BadParameter("--attributes and --type choose from a file: add --like FILE")
        if federation is not None:
            client.wait_until_admitted(federation, timeout=ADMISSION_SECONDS)
        source: Json | None = None
        if like is not None:
            source = rows_at(client, like)
            if attributes:
                source["attributes"] = listed(attributes)
            if types:
                source["types"] = _types(types)
        answer = client.create_project(
            name,
            federation=federation,
            schema=None if schema is None else read_object(schema, "schema"),
            schema_from=source,
            parameters=_options(row_filter, window, precision, lower_case, profiles, conditionals, split)
            | ({} if separator is None else {"categorySeparator": separator})
            | _expansion(powers_of, powers, sequence),
            encoder=encoder,
        )
        emit(answer, as_json, _project)


@app.command("list")
def list_projects(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the node's projects.

    Example:

        suffice project list
    """
    with connected(node, home, as_json) as client:
        from suffice.render import projects

        emit(client.projects(), as_json, projects)


@app.command()
def info(
    name: ProjectArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show a project: its attributes, its rows, and in a federation whose rows it holds together.

    Example:

        suffice project info flights
    """
    with about(name, node, home, as_json) as client:
        answer = client.project(name)
        if answer.get("federation") or answer.get("split"):
            statistics = client.statistics(name)
            answer |= {key: statistics.get(key) for key in ("fused", "problem", "levels")}
        emit(answer, as_json, _project)


@app.command()
def learn(
    name: ProjectArgument,
    file: FileArgument,
    types: TypesOption = None,
    wait: WaitOption = True,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the rows of a file into a project, as a job. All of them count, or none.

    Only the statistics of a federated project are sent to other members, never a row.

    Examples:

        suffice project learn flights ewr.csv

        suffice project learn flights ewr.parquet --no-wait --json

        suffice project learn flights december     (a data source; see: suffice source add)
    """
    with about(name, node, home, as_json) as client:
        job = client.learn(name, **rows_at(client, file), types=_types(types) if types else None)
        _follow(client, job, f"learning {file.name}", wait, as_json)


@app.command()
def forget(
    name: ProjectArgument,
    file: FileArgument,
    types: TypesOption = None,
    wait: WaitOption = True,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the rows of a file out again, to the bit: the statistics are those of never having seen them.

    Example:

        suffice project forget flights ewr.csv
    """
    with about(name, node, home, as_json) as client:
        job = client.forget(name, **rows_at(client, file), types=_types(types) if types else None)
        _follow(client, job, f"forgetting {file.name}", wait, as_json)


@app.command()
def delete(
    name: ProjectArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Delete a project, its statistics and its models from the node.

    Example:

        suffice project delete trial
    """
    with about(name, node, home, as_json) as client:
        answer = client.delete_project(name)
        emit(answer, as_json, lambda _: f"deleted {name}")


exploring.add_to(app)
models.add_to(app)
transfer.add_to(app)
judging.add_to(app)


def _follow(client: Client, job: Job, label: str, wait: bool, as_json: bool) -> None:
    """Show how a job gets on until it is finished, then its result."""
    if wait:
        from suffice.progress import wait_with_bar

        job = wait_with_bar(client, job, label, quiet=as_json)
    if as_json:
        print_json(asdict(job))
        return
    from suffice.render import job as table

    emit(job, False, table)


def _project(answer: Json) -> object:
    from suffice.render import project

    return project(answer)


def _options(
    row_filter: str | None,
    window: int | None,
    precision: int | None,
    lower_case: bool,
    profiles: bool | None,
    conditionals: bool,
    split: str | None,
) -> Json:
    """What the options of `create` are called in a project's parameters."""
    named = {
        "sml_project_predicate_row_filter": row_filter,
        "sml_project_rolling_window_size": window,
        "precision": precision,
        "lower_case": lower_case or None,
        "enableHistogram": profiles,
        "conditionals": conditionals or None,
        "partitionSplit": split,
    }
    return {name: value for name, value in named.items() if value is not None}


def _expansion(powers_of: str | None, powers: str, sequence: int | None) -> Json:
    """The same of those options by which more is learned than the columns at hand."""
    found: Json = {} if sequence is None else {"sml_project_order": sequence}
    if powers_of is not None:
        ends = powers.split(":")
        if len(ends) != 3:
            raise typer.BadParameter(f"--powers {powers!r}: write MIN:MAX:STEPS, such as -2:2:9")
        found["sml_project_power_column"] = powers_of
        for name, value in zip(("min", "max", "steps"), ends, strict=True):
            found[f"sml_project_power_{name}"] = value
    return found


def _types(options: Sequence[str]) -> dict[str, str]:
    """``NAME=TYPE`` options as a mapping; a name may itself hold an equals sign."""
    types = {}
    for option in options:
        name, found, letter = option.rpartition("=")
        if not found or letter not in LETTERS:
            raise typer.BadParameter(f"--type {option!r}: write NAME=LETTER, one of {' '.join(LETTERS)}")
        types[name] = letter
    return types
