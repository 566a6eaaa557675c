"""How a fitted model looks to people: its sheets as tables, the rest as facts, whose rows are in it.

What the sheets of a model are is `node.model_shape`'s to say, for any algorithm; linear models, which most
are, get the summary that statisticians expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from node.model_shape import Shape, Sheet, shape
from suffice.client import Json
from suffice.render import contributions, count, criterion, facts, listing, number

HEADINGS: Final[Mapping[str, str]] = {
    "terms": "term",
    "coef": "estimate",
    "std_error": "std. error",
    "ci_low": "95 % from",
    "ci_high": "to",
    "n1": "rows of class 1",
    "n0": "rows of class 0",
}
"""What people call a field, where its name does not say it."""

HIDDEN: Final = frozenset({"rows", "missing", "means", "scales", "omegas", "factors", "normal"})
"""What prediction needs and nobody reads, or what is shown in words of its own."""
CRITERIA: Final = frozenset({"aicc_vec", "ebic_vec"})
"""Lists of information criteria."""
MOST_LINES: Final = 100
MOST_COLUMNS: Final = 6


def model(record: Json) -> RenderableType:
    """A model record: its formula, the tables of its axes, its figures, and whose rows are in it."""
    fitted = record["model"]
    shown = shape(fitted)
    inputs = ", ".join(record["inputs"])
    formula = f"{record['target']} ~ {inputs.replace(', ', ' + ')}" if record.get("target") else inputs
    origin = "imported: fitted elsewhere" if record.get("imported") else None
    return Group(
        Text(f"{record['algorithm']} {record['name']}: {formula}", style="bold"),
        *_tables(shown, fitted),
        facts(
            "",
            [
                *_figures(shown, fitted),
                ("predicts", ", ".join(_some(record.get("outputs") or []))),
                ("contributions", contributions(record.get("contributions"))),
                ("origin", origin),
            ],
        ),
    )


def models(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("model", "algorithm", "target", "inputs", "rows"),
        [
            (
                item["name"],
                item["algorithm"] + (" (imported)" if item.get("imported") else ""),
                item.get("target"),
                ", ".join(item["inputs"]),
                count(item["rows"]),
            )
            for item in answer
        ],
        right=("rows",),
        empty="The project has no models. Fit one: suffice project fit.",
    )


def algorithms(answer: Sequence[Json]) -> RenderableType:
    return Group(
        listing(
            ("algorithm", "what it is", "target", "parameters"),
            [
                (
                    item["name"],
                    item["summary"],
                    item["target"],
                    ", ".join(part["name"] for part in item["parameters"]),
                )
                for item in answer
            ],
            empty="There are none.",
        ),
        Text("What the parameters do: suffice project algorithms NAME"),
    )


def figure(value: Any) -> str:
    """At most five digits after the point, and no more than ten characters wide."""
    if not isinstance(value, float):
        return number(value)
    return f"{value:,.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"


def probability(p: float | None) -> str:
    if p is None:
        return ""
    return "< 1e-16" if p < 1e-16 else f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _ratio(t: float | None) -> str:
    return "" if t is None else f"{t:,.2f}"


_CELLS: Final[Mapping[str, Callable[[Any], str]]] = {"p": probability, "t": _ratio, "counts": number}


def _tables(parts: Shape, fitted: Json) -> Iterator[RenderableType]:
    for sheet in parts.sheets:
        if HIDDEN.issuperset(sheet.columns):
            continue
        if sheet.name not in (sheet.axis, "components", "weights"):
            yield Text(_heading(sheet.name))
        yield _table(sheet)
    if isinstance(fitted.get("normal"), dict):
        yield from _normal_laws(fitted["normal"], fitted.get("classes") or [])


def _normal_laws(laws: Mapping[str, Any], classes: Sequence[str]) -> Iterator[RenderableType]:
    """The means and variances of each input in each class, as naive Bayes has them."""
    for at, what in enumerate(("means", "variances")):
        columns = {
            str(level): [law[at][place] for law in laws.values()] for place, level in enumerate(classes)
        }
        yield Text(f"{what} of normal inputs")
        yield _table(Sheet(what, "terms", tuple(laws), columns))


def _figures(parts: Shape, fitted: Json) -> Iterator[tuple[str, Any]]:
    """What is not in a table, a name and a value each."""
    left = {
        name: value
        for name, value in parts.values.items()
        if name not in HIDDEN and value is not False and value != []
    }
    references = fitted.get("reference_levels") or {}
    rows = fitted.get("rows")
    yield "compared with", ", ".join(f"{name} = {level}" for name, level in references.items())
    yield from _fit_of_regression(left)
    for name, value in left.items():
        criteria = value if name in CRITERIA else []
        shown = ", ".join(_some([criterion(item) for item in criteria])) if criteria else _shown(value)
        yield _heading(name), criterion(value) if name == "aicc" else shown
    yield "rows", f"{count(rows)} complete" if fitted.get("missing") == "listwise" else count(rows)


def _fit_of_regression(left: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """R², residual error and F test in the form people know; their fields are taken out of `left`."""
    r2, adjusted = left.pop("r2", None), left.pop("adjusted_r2", None)
    if r2 is not None:
        yield "R²", f"{r2:.6f}" + ("" if adjusted is None else f" (adjusted {adjusted:.6f})")
    if "sigma" in left and "df" in left:
        sigma, df = left.pop("sigma"), left.pop("df")
        if left.get("penalty") == 0:  # of least squares: goes without saying
            del left["penalty"]
        yield "residual std. error", f"{number(sigma)} on {count(df)} degrees of freedom"
    if "f" in left and "f_p" in left:
        yield "F", f"{left.pop('f'):,.2f} (p {probability(left.pop('f_p'))})"


def _table(sheet: Sheet) -> RenderableType:
    """A line for each label. Nothing is lost by what is left out here: --json has all."""
    columns = {name: cells for name, cells in sheet.columns.items() if name not in HIDDEN}
    shown = dict(list(columns.items())[:MOST_COLUMNS])
    fields = sheet.name == sheet.axis or sheet.axis in ("attribute", "component")
    headings = [_heading(name) if fields else _term(name) for name in shown]
    lines = [
        (_term(label), *(_CELLS.get(name, figure)(value) for name, value in zip(shown, cells, strict=True)))
        for label, *cells in zip(sheet.lines, *shown.values(), strict=True)
    ]
    table = listing((_heading(sheet.axis), *headings), lines[:MOST_LINES], right=headings, empty="")
    more = _more(len(lines) - MOST_LINES, "lines") + _more(len(columns) - len(shown), "columns")
    return Group(table, Text(more)) if more else table


def _heading(name: str) -> str:
    return HEADINGS.get(name, name.replace("_", " "))


def _term(name: str) -> str:
    return name.replace("$", " = ")


def _some(names: Sequence[str], most: int = 8) -> list[str]:
    return [*names[:most], *(["…"] if len(names) > most else [])]


def _more(left: int, what: str) -> str:
    return f"({left} more {what}: see --json) " if left > 0 else ""


def _shown(value: Any, most: int = 8) -> str:
    if isinstance(value, dict):
        items = [f"{_term(str(key))} {_shown(item, 4)}" for key, item in value.items()]
        return ", ".join(_some(items, most))
    if isinstance(value, list):
        return "[" + ", ".join(_some([_shown(item, 6) for item in value], most)) + "]"
    return number(value)
