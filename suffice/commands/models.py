"""The commands of ``suffice project`` that fit models, list them and predict with them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from suffice.client import Client, Job, Json, SufficeError
from suffice.commands.arguments import ModelArgument, ProjectArgument, listed, settings, settings_option
from suffice.commands.known_project import about
from suffice.commands.local_files import read_object, write, write_json
from suffice.commands.source import rows_at
from suffice.terminal import (
    PATIENCE_SECONDS,
    HomeOption,
    JsonOption,
    NodeOption,
    PatienceOption,
    connected,
    emit,
    patiently,
    print_json,
)

ROWS_A_REQUEST = 10_000

Batch = tuple[list[str], list[list[str | None]]]  # the names of the columns, and rows


def add_to(app: typer.Typer) -> None:
    """Make these commands part of a group."""
    for name, command in (
        ("algorithms", algorithms),
        ("fit", fit),
        ("models", list_models),
        ("model", show),
        ("import-model", import_model),
        ("predict", predict),
    ):
        app.command(name)(command)


def algorithms(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One of them, with its parameters.", show_default=False),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what fit can fit, or tell of one algorithm what its parameters do.

    Examples:

        suffice project algorithms

        suffice project algorithms ridge
    """
    with connected(node, home, as_json) as client:
        from suffice import model_table, render

        if name is None:
            emit(client.algorithms(), as_json, model_table.algorithms)
        else:
            emit(client.algorithm(name), as_json, render.parameters)


def fit(
    name: ProjectArgument,
    model: ModelArgument,
    inputs: Annotated[
        str,
        typer.Option(metavar="NAMES", help="The inputs, separated by commas; categories become indicators."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What is to be explained, if the algorithm has a target.", show_default=False
        ),
    ] = None,
    algorithm: Annotated[
        str, typer.Option(metavar="NAME", help="See: suffice project algorithms. mlr is linear regression.")
    ] = "mlr",
    parameters: Annotated[
        list[str] | None,
        settings_option("A parameter, as in alpha=1. See: suffice project algorithms NAME."),
    ] = None,
    wait: PatienceOption = PATIENCE_SECONDS,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a model from the statistics; no row is read. The same name again replaces the model.

    In a federation the model is that of all members' rows together, and says whose they are.

    Examples:

        suffice project fit flights delay --target arr_delay --inputs dep_delay,distance,carrier

        suffice project fit flights late --target late --inputs dep_delay,hour --algorithm lda

        suffice project fit flights delay --target arr_delay --inputs dep_delay,hour --set missing=mean
    """
    with about(name, node, home, as_json) as client:
        given = settings(parameters)
        answer = patiently(
            lambda: client.fit(
                name, model, target=target, inputs=listed(inputs), algorithm=algorithm, parameters=given
            ),
            wait,
        )
        emit(answer, as_json, _model)


def list_models(
    name: ProjectArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List a project's models.

    Example:

        suffice project models flights
    """
    with about(name, node, home, as_json) as client:
        from suffice.model_table import models

        emit(client.models(name), as_json, models)


def show(
    name: ProjectArgument,
    model: ModelArgument,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it to a JSON file, for import-model.", show_default=False),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it to a file in the ONNX format.", show_default=False),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a fitted model again, or write it to a file.

    Examples:

        suffice project model flights delay

        suffice project model flights delay --export delay.json

        suffice project model flights delay --onnx delay.onnx
    """
    with about(name, node, home, as_json) as client:
        record = client.model(name, model)
        if export is not None:
            write_json(export, record)
        if onnx is not None:
            write(onnx, client.onnx(name, model))
        emit(record, as_json, _model)


def import_model(
    name: ProjectArgument,
    model: ModelArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What model --export wrote.", show_default=False)
    ],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model from a file, to predict with it here. It is marked as imported.

    Example:

        suffice project import-model flights delay delay.json
    """
    with about(name, node, home, as_json) as client:
        record = read_object(file, "model", "Write one: suffice project model --export")
        emit(client.import_model(name, model, record), as_json, _model)


def predict(
    name: ProjectArgument,
    model: ModelArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A CSV file with a heading; - is standard input.", show_default=False
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        settings_option("Instead of a file: one row."),
    ] = None,
    impute: Annotated[
        bool,
        typer.Option("--impute", help="Estimate missing inputs from the others, not by their column's mean."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Let the node read FILE and write its rows with the outputs beside them to this CSV.",
            show_default=False,
        ),
    ] = None,
    flags: Annotated[
        bool,
        typer.Option(
            "--flags", help="Let the node read FILE and say which rows have extreme scores, as anomalies do."
        ),
    ] = False,
    score: Annotated[
        str | None,
        typer.Option(
            metavar="OUTPUT",
            help="The output that --flags are by, if not the model's own score.",
            show_default=False,
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict rows: a CSV with the model's outputs, one line a row. Absent inputs count as missing.

    The file is read here and its rows are sent to the node; with --output or --flags the node itself
    reads it, as a job. Flags are a CSV of a row's id (from 1), res (1 if its score is beyond the 95 %
    quantile of all), q95, q98, q99 (quantiles) and evt (1 if it is beyond the limit of the fitted tail).

    Examples:

        suffice project predict flights delay --set dep_delay=20 --set carrier=UA

        suffice project predict flights delay tomorrow.csv > predicted.csv

        suffice project predict flights delay tomorrow.csv --impute

        suffice project predict flights delay year.parquet --output predicted.csv

        suffice project predict flights odd year.parquet --flags > flags.csv
    """
    with about(name, node, home, as_json) as client:
        if (file is None) == (not values) or (output is not None and file is None):
            raise typer.BadParameter("give a FILE or --set NAME=VALUE, one of the two; --output needs a FILE")
        if (flags and (file is None or str(file) == "-")) or (score and not flags):
            raise typer.BadParameter("--flags needs a FILE that the node can read; --score needs --flags")
        if file is not None and (flags or output is not None):
            asked: Json = {"flags": True, "score": score} if flags else {}
            done = _predict_there(client, name, model, file, output, as_json, asked | {"impute": impute})
            _show_job(done, as_json, done.result if flags and output is None else None)
            return
        outputs: dict[str, list[Any]] = {}
        if file is None:
            inputs = client.model(name, model)["inputs"]
            batches = iter([_row(values or [], inputs)])
        else:
            batches = _batches(file)
        for names, rows in batches:
            answer = client.predict(name, model, names, rows, impute=impute)
            columns: dict[str, list[Any]] = answer.get("columns", answer)
            if not as_json:
                _write_csv(columns, heading=not outputs)
            for key, column in columns.items():
                outputs.setdefault(key, []).extend(column if as_json else ())
        if as_json:
            print_json(outputs)


def _predict_there(
    client: Client, name: str, model: str, file: Path, output: Path | None, quiet: bool, asked: Json
) -> Job:
    """Let the node predict the file, and wait."""
    from suffice.progress import wait_with_bar

    place = None if output is None else str(output.absolute())
    job = client.predict_file(name, model, **rows_at(client, file), output=place, **asked)
    return wait_with_bar(client, job, f"predicting {file.name}", quiet=quiet)


def _show_job(done: Job, as_json: bool, flagged: Json | None) -> None:
    """A finished job; the flags themselves where there are any to print."""
    from suffice import render

    if flagged is None:
        emit(asdict(done) if as_json else done, as_json, render.job)
    elif as_json:
        print_json(flagged)
    else:
        _write_csv(flagged["columns"], heading=True)


def _row(options: Iterable[str], inputs: Sequence[str]) -> Batch:
    """The options as one row of all the model's inputs; what is not given is missing."""
    values: dict[str, str | None] = dict.fromkeys(inputs)
    for name, value in settings(options).items():
        if name not in values:
            raise typer.BadParameter(f"--set {name}: the inputs are {', '.join(inputs)}")
        values[name] = value or None
    return list(values), [list(values.values())]


def _batches(path: Path) -> Iterator[Batch]:
    """The file's heading with some thousands of its rows at a time; an empty cell is a missing value."""
    try:
        with sys.stdin if str(path) == "-" else path.open(newline="", encoding="utf-8-sig") as stream:
            yield from _read_csv(stream, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SufficeError("bad_file", f"{path} cannot be read as CSV: {error}.", _remedy(path)) from error


def _remedy(path: Path) -> str:
    """What to do about a file that is none of text, such as Parquet: the node reads it."""
    return "Let the node read it, into another file: --output OUT.csv" if path.is_file() else ""


def _read_csv(stream: IO[str], path: Path) -> Iterator[Batch]:
    lines = csv.reader(stream)
    names = next(lines, None)
    if not names:
        raise SufficeError("bad_file", f"{path} is empty.", "Its first line names the columns.")
    while batch := list(islice(lines, ROWS_A_REQUEST)):
        for row in batch:
            if len(row) != len(names):
                where = f"A line of {path} before line {lines.line_num + 1}"
                raise SufficeError("bad_file", f"{where} has {len(row)} cells; the heading has {len(names)}.")
        yield names, [[cell or None for cell in row] for row in batch]


def _write_csv(columns: dict[str, list[Any]], *, heading: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if heading:
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def _model(answer: Json) -> object:
    from suffice.model_table import model

    return model(answer)
