"""How selections and assessments look to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from suffice.client import Json
from suffice.render import contributions, count, criterion, facts, listing, number

SHOWN: Final = 10
MOST_CLASSES: Final = 12
SHARES: Final = (0.05, 0.1, 0.2, 0.3, 0.5)
QUANTILES: Final = ("1 %", "5 %", "25 %", "50 %", "75 %", "95 %", "99 %")


def selection(result: Json) -> RenderableType:
    """The model chosen, the next best candidates, and how they were found."""
    found = result["selection"]
    metric = found["metric"]
    score = criterion if metric == "aicc" else number
    rows = [
        (
            item["algorithm"],
            ", ".join(f"{name}={number(value)}" for name, value in item["parameters"].items()),
            len(item["inputs"]),
            ", ".join(item["inputs"]),
            score(item["score"]),
        )
        for item in found["candidates"][:SHOWN]
    ]
    seconds = result["seconds"]
    return Group(
        Text(
            f"{result['algorithm']} {result['name']}: {result['target']} ~ {' + '.join(result['inputs'])}",
            style="bold",
        ),
        listing(("algorithm", "parameters", "inputs", "", metric), rows, right=("inputs", metric), empty=""),
        facts(
            "",
            [
                (metric, f"{score(found['score'])} on {count(found['rows'])} rows"),
                ("models tried", f"{count(found['tried'])} in {seconds:.2f} s"),
                ("left out", ", ".join(name for name in found["offered"] if name not in result["inputs"])),
                ("ended early", found["stopped"]),
                *(("remark", remark) for remark in found["remarks"]),
                ("contributions", contributions(result.get("contributions"))),
            ],
        ),
        Text(f"The model itself: suffice project model {result['project']} {result['name']}"),
    )


def assessment(found: Json) -> RenderableType:
    """Scores, then what the task has: a confusion matrix, gain and lift, the distribution of errors."""
    parts: list[RenderableType] = [
        facts(
            f"{found['target']}: {found['task']}",
            [(name, number(value)) for name, value in found["scores"].items() if value is not None],
        )
    ]
    if found["confusion"]:
        parts.append(_confusion(found["confusion"]))
    if found["gains"]:
        parts.append(_gains(found["gains"]))
    if found["residuals"]:
        parts.append(_residuals(found["residuals"]))
    parts.append(
        facts(
            "",
            [
                ("rows", count(found["rows"])),
                ("without a target", count(found["left_out"]) if found["left_out"] else None),
                *(("remark", remark) for remark in found["remarks"]),
            ],
        )
    )
    return Group(*parts)


def _confusion(confusion: Mapping[str, Any]) -> RenderableType:
    classes: Sequence[str] = confusion["classes"]
    if len(classes) > MOST_CLASSES:
        return Text(f"{len(classes)} classes: the confusion matrix is in --json and --figures.")
    headings = [f"taken for {name}" for name in classes]
    lines = [
        (name, *(count(cell) for cell in row)) for name, row in zip(classes, confusion["counts"], strict=True)
    ]
    return listing(("actual", *headings), lines, right=headings, empty="")


def _gains(gains: Mapping[str, Any]) -> RenderableType:
    """The curve at some shares of the rows, each at the first point that has as many."""
    lines = []
    for share in SHARES:
        at = next((i for i, value in enumerate(gains["share"]) if value >= share), None)
        if at is not None:
            figures = (gains["gain"][at], gains["lift"][at])
            lines.append(
                (f"{100 * gains['share'][at]:.0f} %", f"{100 * figures[0]:.1f} %", f"{figures[1]:.2f}")
            )
    headings = ("highest scores", "of class 1 found", "lift")
    return listing(headings, lines, right=headings, empty="")


def _residuals(residuals: Mapping[str, Any]) -> RenderableType:
    quantiles = zip(QUANTILES, residuals["quantiles"], strict=True)
    return facts(
        "errors, predicted less actual",
        [
            ("mean", number(residuals["mean"])),
            ("standard deviation", number(residuals["stddev"])),
            ("from, to", f"{number(residuals['minimum'])}, {number(residuals['maximum'])}"),
            *((f"{name} are below", number(value)) for name, value in quantiles),
        ],
    )
