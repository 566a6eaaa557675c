"""The commands of ``suffice project`` that judge models by rows with known truth: select and assess."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from suffice.client import Json
from suffice.commands.arguments import ModelArgument, ProjectArgument, listed, settings, settings_option
from suffice.commands.known_project import about
from suffice.commands.local_files import write_json
from suffice.commands.source import rows_at
from suffice.terminal import HomeOption, JsonOption, NodeOption, emit, print_json

TASKS = {"B": "binary_classification", "C": "regression", "T": "multiclass_classifier"}
USABLE = frozenset(TASKS)


def add_to(app: typer.Typer) -> None:
    """Make these commands part of a group."""
    app.command("select")(select)
    app.command("assess")(assess)


def select(
    name: ProjectArgument,
    model: ModelArgument,
    target: Annotated[str, typer.Option(metavar="NAME", help="What is to be predicted.")],
    validate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rows that were not learned: a CSV or Parquet file on the node's machine, or a data source.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Choose among these, separated by commas. [default: all others]"),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this one. [default: all that suit the target]"),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="binary_classification, regression or multiclass_classifier. [default: by the target]",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="auc, recall, precision, mcc, f1; rmse, r2, rmslogp1e, mae; mf1_w, mf1, mkappa; or, without "
            "a file, aicc. [default: auc, rmse or mf1_w]",
        ),
    ] = None,
    selector: Annotated[
        str, typer.Option(metavar="NAME", help="fw_bw (forward and backward), simple, brute or iteration.")
    ] = "fw_bw",
    seconds: Annotated[
        float | None, typer.Option(min=0.0, help="Stop then, with the best so far.", show_default=False)
    ] = None,
    parameters: Annotated[
        list[str] | None,
        settings_option(
            "A parameter of the algorithm or of the search: autoselect_grid_type=large, rnd_seed=1, "
            "selector_max_iterations=200."
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the inputs, and the algorithm, that predict rows best which were not learned; keep that model.

    Thousands of models a second are tried, from the statistics: no learned row is read again.

    Examples:

        suffice project select flights late --target late --validate december.csv

        suffice project select flights delay --target arr_delay --inputs dep_delay,distance,carrier
        --algorithm mlr --validate december.csv --selector brute

        suffice project select flights delay --target arr_delay --algorithm mlr --metric aicc
    """
    with about(name, node, home, as_json) as client:
        from suffice.progress import wait_with_bar

        project = client.project(name)
        attributes = {item["name"]: item["type"] for item in project["attributes"]}
        given: dict[str, Any] = {**settings(parameters)}
        given |= {"selector_type": selector}
        given |= {} if metric is None else {"sml_model_assessment_type": metric}
        given |= {} if seconds is None else {"selector_max_seconds": seconds}
        if algorithm is None and task is None:
            task = TASKS.get(attributes.get(target, "B"))  # a level of a category is a 0/1 target
        job = client.select(
            name,
            model,
            target=target,
            inputs=_others(attributes, target, project["separator"]) if inputs is None else listed(inputs),
            algorithm=algorithm,
            task=task,
            parameters=given,
            **({} if validate is None else rows_at(client, validate)),
        )
        done = wait_with_bar(client, job, f"selecting {model}", quiet=as_json)
        if as_json:
            print_json(asdict(done))
            return
        from suffice.judging_table import selection

        emit(done.result, False, selection)


def assess(
    name: ProjectArgument,
    model: ModelArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Rows with the target: a CSV or Parquet file on the node's machine, or a data source.",
            show_default=False,
        ),
    ],
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the curves as Plotly figures to a JSON file.", show_default=False
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a model by rows whose truth is known: scores, confusion matrix, lift, or errors.

    Examples:

        suffice project assess flights late december.csv

        suffice project assess flights late december.csv --figures late.json
    """
    with about(name, node, home, as_json) as client:
        from suffice.progress import wait_with_bar

        job = client.assess(name, model, **rows_at(client, file), figures=figures is not None)
        done = wait_with_bar(client, job, f"assessing {model}", quiet=as_json)
        result: Json = done.result or {}
        if figures is not None:
            write_json(figures, result["figures"])
        if as_json:
            print_json(result)
            return
        from suffice.judging_table import assessment

        emit(result["assessment"], False, assessment)


def _others(attributes: dict[str, str], target: str, separator: str) -> list[str]:
    """All attributes that can be inputs, without the target or the category that it is a level of."""
    own = target if target in attributes else target.split(separator, 1)[0]
    return [name for name, kind in attributes.items() if kind in USABLE and name != own]
