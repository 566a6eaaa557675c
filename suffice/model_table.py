"""How a fitted model looks to people: coefficients with standard errors, the fit, whose rows are in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from suffice.client import Json
from suffice.render import contributions, count, facts, listing, number

COEFFICIENTS = ("coef", "std_error", "t", "p", "ci_low", "ci_high")
PARTS_OF_A_LINEAR_MODEL = frozenset({*COEFFICIENTS, "terms"})


def model(record: Json) -> RenderableType:
    """A model record; a linear model gets its coefficient table, any other its figures."""
    fitted = record["model"]
    body = coefficients(fitted) if "std_error" in fitted else _figures(fitted)
    inputs = " + ".join(record["inputs"])
    formula = f"{record['target']} ~ {inputs}" if record.get("target") else inputs
    return Group(
        Text(f"{record['algorithm']} {record['name']}: {formula}", style="bold"),
        body,
        facts("", [("contributions", contributions(record.get("contributions")))]),
    )


def models(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("model", "algorithm", "target", "inputs", "rows"),
        [
            (
                item["name"],
                item["algorithm"],
                item.get("target"),
                ", ".join(item["inputs"]),
                count(item["rows"]),
            )
            for item in answer
        ],
        right=("rows",),
        empty="The project has no models. Fit one: suffice project fit.",
    )


def coefficients(fitted: Json) -> RenderableType:
    """One line a term: estimate, standard error, t, p, 95 % interval; below, R² and the rest of the fit."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("term", overflow="fold")
    for heading in ("estimate", "std. error", "t", "p", "95 % from", "to"):
        table.add_column(heading, justify="right", no_wrap=True)
    columns = [fitted.get(name) or [None] * len(fitted["terms"]) for name in COEFFICIENTS]
    for term, *cells in zip(fitted["terms"], *columns, strict=True):
        estimate, error, t, p, low, high = cells
        table.add_row(
            Text(str(term).replace("$", " = ")),
            figure(estimate),
            figure(error),
            "" if t is None else f"{t:,.2f}",
            probability(p),
            figure(low),
            figure(high),
        )
    references = fitted.get("reference_levels") or {}
    summary = facts(
        "",
        [
            ("compared with", ", ".join(f"{name} = {level}" for name, level in references.items())),
            ("R²", _r_squared(fitted)),
            ("residual std. error", _residual(fitted)),
            ("F", _f_test(fitted)),
            ("rows", f"{count(fitted['rows'])} complete"),
        ],
    )
    return Group(table, summary)


def figure(value: float | None) -> str:
    """Five significant digits, and no more than ten characters wide."""
    if value is None:
        return ""
    return f"{value:,.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"


def probability(p: float | None) -> str:
    if p is None:
        return ""
    return "< 1e-16" if p < 1e-16 else f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _r_squared(fitted: Json) -> str:
    adjusted = fitted.get("adjusted_r2")
    return f"{fitted['r2']:.6f}" + ("" if adjusted is None else f" (adjusted {adjusted:.6f})")


def _residual(fitted: Json) -> str:
    sigma, df = fitted.get("sigma"), fitted.get("df")
    return "" if sigma is None or df is None else f"{number(sigma)} on {count(df)} degrees of freedom"


def _f_test(fitted: Json) -> str:
    f, p = fitted.get("f"), fitted.get("f_p")
    return "" if f is None else f"{f:,.2f} (p {probability(p)})"


def _figures(fitted: Json) -> RenderableType:
    """A model that is not a table of coefficients: each of its parts, long vectors and matrices shortened."""
    return facts(
        "", [(key, _shown(value)) for key, value in fitted.items() if key not in {"algorithm", "target"}]
    )


def _shown(value: Any, most: int = 8) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in list(value.items())[:most])
    if isinstance(value, list):
        cells = [_shown(item, 6) for item in value[:most]]
        return "[" + ", ".join(cells) + (", …" if len(value) > most else "") + "]"
    return number(value)
