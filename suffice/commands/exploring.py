"""The commands of ``suffice project`` that ask statistics questions: explore, drift, metrics."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from suffice.client import SufficeError
from suffice.commands.arguments import ProjectArgument, settings, settings_option
from suffice.commands.known_project import about
from suffice.terminal import (
    PATIENCE_SECONDS,
    HomeOption,
    JsonOption,
    NodeOption,
    PatienceOption,
    connected,
    emit,
    patiently,
)

AttributesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ATTRIBUTE", help="All that suit the metric, if none is named.", show_default=False
    ),
]


class _ListsMetrics(TyperCommand):
    """A command whose help ends with the metrics there are; they are looked up only when it is shown."""

    def get_help(self, ctx: Any) -> str:
        from federation.explore import METRICS

        if "Metrics:" not in (self.help or ""):
            lines = "\n".join(f"- **{metric.name}**: {metric.summary}" for metric in METRICS.values())
            self.help = f"{self.help}\n\nMetrics:\n\n{lines}"
        return super().get_help(ctx)


def add_to(app: typer.Typer) -> None:
    """Make these commands part of a group."""
    app.command("explore", cls=_ListsMetrics)(explore)
    app.command("drift")(drift)
    app.command("metrics")(metrics)


def explore(
    name: ProjectArgument,
    attributes: AttributesArgument = None,
    metric: Annotated[str, typer.Option(help="What is asked; see the list.")] = "uni",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            "--targets",
            metavar="NAME",
            help="The metric's targets: groups, or what the attributes are compared with: a category, a "
            "level as in 'carrier$UA', an attribute. Repeatable.",
            show_default=False,
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        settings_option("A parameter of the metric."),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Of this node's rows alone.")] = False,
    member: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of what this member of the federation has contributed alone.",
            show_default=False,
        ),
    ] = None,
    wait: PatienceOption = PATIENCE_SECONDS,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a project's statistics a question; no row is read. In a federation, of all members' rows together.

    Examples:

        suffice project explore flights arr_delay distance 'carrier$UA'

        suffice project explore flights dep_delay arr_delay --metric bi

        suffice project explore flights arr_delay --metric anova --by carrier

        suffice project explore flights arr_delay --metric ttestmu --set mu=5

        suffice project explore flights arr_delay --member JFK
    """
    with about(name, node, home, as_json) as client:
        from suffice.exploration_table import exploration

        given = settings(parameters)
        answer = patiently(
            lambda: client.explore(
                name,
                attributes or (),
                metric=metric,
                targets=by or (),
                parameters=given,
                local=local,
                member=member,
            ),
            wait,
        )
        emit(answer, as_json, exploration)


def drift(
    name: ProjectArgument,
    baseline: Annotated[
        str, typer.Argument(metavar="BASELINE", help="The project to compare with.", show_default=False)
    ],
    attributes: AttributesArgument = None,
    metric: Annotated[
        str, typer.Option(help="How drift is measured; see: suffice project metrics.")
    ] = "global",
    wait: PatienceOption = PATIENCE_SECONDS,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far a project's rows have moved from those of another project.

    Example:

        suffice project drift flights-february flights-january dep_delay arr_delay
    """
    with about(name, node, home, as_json) as client:
        from suffice.exploration_table import drift as table

        emit(
            patiently(lambda: client.drift(name, baseline, attributes or (), metric=metric), wait),
            as_json,
            table,
        )


def metrics(
    metric: Annotated[
        str | None, typer.Argument(metavar="[METRIC]", help="Only this one.", show_default=False)
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the metrics of explore and drift, or one of them with its parameters.

    Examples:

        suffice project metrics

        suffice project metrics density
    """
    with connected(node, home, as_json) as client:
        from suffice import exploration_table as tables
        from suffice import render

        answer = client.metrics()
        if metric is None:
            emit(answer, as_json, tables.metrics)
            return
        found = [item for item in answer["metrics"] if item["name"] == metric]
        if not found:
            raise SufficeError("not_found", f"There is no metric {metric!r}.", "See: suffice project metrics")
        emit(found[0], as_json, render.parameters)
