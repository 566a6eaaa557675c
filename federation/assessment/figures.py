"""Assessments as Plotly figures: plain dictionaries {"data", "layout"}, made without plotly.

They take an assessment's JSON form, so that whoever got one over the wire can draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

Figure = dict[str, Any]

_CHANCE: Final[Figure] = {"color": "#888888", "dash": "dash", "width": 1}
_DASHES: Final = {"q95": "dot", "q98": "dash", "q99": "dashdot", "evt": "solid"}
_MOST_NUMBERED: Final = 20  # classes; the cells of more are too small for their counts


def figures(assessment: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures of `Assessment.to_dict()` by name: confusion, roc, gain, lift, errors, as it has them."""
    found: dict[str, Figure] = {}
    if assessment.get("confusion"):
        found["confusion"] = confusion_figure(assessment["confusion"])
    if assessment.get("roc"):
        found["roc"] = roc_figure(assessment["roc"], assessment["scores"].get("auc"))
    if assessment.get("gains"):
        found["gain"] = gain_figure(assessment["gains"])
        found["lift"] = lift_figure(assessment["gains"])
    if assessment.get("residuals"):
        found["errors"] = errors_figure(assessment["residuals"], assessment["target"])
    return found


def confusion_figure(confusion: Mapping[str, Any]) -> Figure:
    """A heat map, actual classes down, predicted classes across."""
    classes, counts = list(confusion["classes"]), confusion["counts"]
    cells: Figure = {
        "type": "heatmap",
        "x": classes,
        "y": classes,
        "z": counts,
        "colorscale": "Blues",
        "hovertemplate": "actual %{y}, predicted %{x}: %{z}<extra></extra>",
    }
    if len(classes) <= _MOST_NUMBERED:
        cells |= {"text": [[f"{count:,}" for count in row] for row in counts], "texttemplate": "%{text}"}
    figure = _figure([cells], "Confusion matrix", "predicted", "actual")
    figure["layout"]["xaxis"]["type"] = "category"  # classes that are numbers are still names
    figure["layout"]["yaxis"] |= {"type": "category", "autorange": "reversed"}
    return figure


def roc_figure(roc: Mapping[str, Any], auc: float | None) -> Figure:
    """True against false positive rate; thresholds are in what the pointer shows."""
    curve = _line(roc["false_positive_rate"], roc["true_positive_rate"], "model")
    curve["customdata"] = roc["threshold"]
    curve["hovertemplate"] = "false %{x:.3f}, true %{y:.3f}, threshold %{customdata}<extra></extra>"
    title = "ROC curve" if auc is None else f"ROC curve, AUC {auc:.4f}"
    chance = _chance([0.0, 1.0], [0.0, 1.0])
    return _figure([curve, chance], title, "false positive rate", "true positive rate")


def gain_figure(gains: Mapping[str, Any]) -> Figure:
    """Part of class 1 found against part of the rows taken, highest scores first."""
    curve = _line([0.0, *gains["share"]], [0.0, *gains["gain"]], "model")
    return _figure(
        [curve, _chance([0.0, 1.0], [0.0, 1.0])], "Cumulative gain", "part of the rows", "part of class 1"
    )


def lift_figure(gains: Mapping[str, Any]) -> Figure:
    """How many times more of class 1 than in rows taken at random."""
    curve = _line(gains["share"], gains["lift"], "model")
    return _figure([curve, _chance([0.0, 1.0], [1.0, 1.0])], "Lift", "part of the rows", "lift")


def errors_figure(residuals: Mapping[str, Any], target: str) -> Figure:
    """A histogram of predicted less actual."""
    edges, counts = residuals["edges"], residuals["counts"]
    pairs = list(pairwise(edges))
    bars = {
        "type": "bar",
        "name": "rows",
        "x": [(low + high) / 2.0 for low, high in pairs],
        "width": [high - low for low, high in pairs],
        "y": list(counts),
    }
    figure = _figure([bars], "Errors", f"predicted less actual {target}", "rows")
    figure["layout"]["bargap"] = 0
    return figure


def flags_figure(flags: Mapping[str, Any]) -> Figure:
    """The scores of `Flags.to_dict()` by row, those beyond the 95 % quantile in a colour of their own, with
    the quantiles and the tail's limit as lines."""
    pairs = list(zip(flags["id"], flags["score"], strict=True))
    beyond = flags["quantiles"].get("q95")
    data = [
        _points([pair for pair in pairs if pair[1] <= beyond], "row", "#4c78a8"),
        _points([pair for pair in pairs if pair[1] > beyond], "beyond q95", "#e45756"),
    ]
    levels = dict(flags["quantiles"])
    if flags["limit"] is not None:
        levels["evt"] = flags["limit"]
    ends = [flags["id"][0], flags["id"][-1]] if pairs else []
    data += [
        _line(ends, [level] * len(ends), name) | {"line": {"dash": _DASHES[name], "width": 1}}
        for name, level in levels.items()
    ]
    return _figure(data, "Anomalies", "row", "score")


def _points(pairs: Sequence[tuple[int, float]], name: str, colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row for row, _ in pairs],
        "y": [score for _, score in pairs],
        "marker": {"color": colour, "size": 4},
    }


def _line(x: Sequence[float], y: Sequence[float], name: str) -> Figure:
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y)}


def _chance(x: Sequence[float], y: Sequence[float]) -> Figure:
    return _line(x, y, "chance") | {"line": _CHANCE, "hoverinfo": "skip"}


def _figure(data: list[Figure], title: str, across: str, up: str) -> Figure:
    return {
        "data": data,
        "layout": {
            "title": {"text": title},
            "xaxis": {"title": {"text": across}},
            "yaxis": {"title": {"text": up}},
        },
    }
