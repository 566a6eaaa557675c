"""How a fitted model looks to people: a table for each of its axes, the rest as facts, whose rows are in it.

A model is a record of plain values. Its lists of names (terms, classes, states, …) are its axes; a list of
numbers as long as an axis is a column of that axis's table, a matrix is a table of two axes. So a model of
any algorithm can be shown; linear models, which most are, get the summary that statisticians expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from suffice.client import Json
from suffice.render import contributions, count, facts, listing, number

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

HIDDEN: Final = frozenset(
    {"algorithm", "target", "columns", "reference_levels", "rows", "missing", "means", "scales", "categories"}
)
"""What prediction needs and nobody reads, or what is shown in words of its own."""
MOST_LINES: Final = 100
MOST_COLUMNS: Final = 6


def model(record: Json) -> RenderableType:
    """A model record: its formula, the tables of its axes, its figures, and whose rows are in it."""
    fitted = record["model"]
    inputs = ", ".join(record["inputs"])
    formula = f"{record['target']} ~ {inputs.replace(', ', ' + ')}" if record.get("target") else inputs
    origin = "imported: fitted elsewhere" if record.get("imported") else None
    return Group(
        Text(f"{record['algorithm']} {record['name']}: {formula}", style="bold"),
        *_parts(fitted),
        facts(
            "",
            [
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
            ("algorithm", "what it is", "parameters"),
            [
                (item["name"], item["summary"], ", ".join(part["name"] for part in item["parameters"]))
                for item in answer
            ],
            empty="There are none.",
        ),
        Text("What the parameters do: suffice project algorithms NAME"),
    )


def algorithm(answer: Json) -> RenderableType:
    """One algorithm with its parameters, as they are given to fit with --set."""
    return Group(
        Text(f"{answer['name']}: {answer['summary']}", style="bold"),
        listing(
            ("parameter", "what it does"),
            [(item["name"], item["help"]) for item in answer["parameters"]],
            empty="It has no parameters.",
        ),
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


_CELLS: Final[Mapping[str, Callable[[Any], str]]] = {"p": probability, "t": _ratio}


def _parts(fitted: Json) -> Iterator[RenderableType]:
    fields = {name: value for name, value in fitted.items() if name not in HIDDEN and value is not None}
    found = {name: value for name, value in fields.items() if _is_names(value)}
    axes = dict(sorted(found.items(), key=lambda axis: axis[0] != "terms"))
    left = {name: value for name, value in fields.items() if name not in axes and value is not False}
    if _is_matrix(left.get("components")):
        yield from _components(fitted["terms"], left)
    for axis, names in axes.items():
        columns = {name: value for name, value in left.items() if _along(value, names)}
        left = {name: value for name, value in left.items() if name not in columns}
        if columns:
            yield _table(axis, names, {name: _cells(value, names) for name, value in columns.items()})
        for name, matrix in list(left.items()):
            if _is_matrix(matrix) and (len(matrix[0]) == len(names) or len(matrix) == len(names)):
                yield _matrix(name, matrix, axis, names, axes)
                del left[name]
        if not columns and axis != "terms":
            left[axis] = names
    for name in [name for name, value in left.items() if _is_matrix(value)]:
        yield _matrix(name, left.pop(name), "", [], axes)
    references = fitted.get("reference_levels") or {}
    rows = fitted.get("rows")
    pairs = [
        ("compared with", ", ".join(f"{name} = {level}" for name, level in references.items())),
        *_fit_of_regression(left),
        *((_heading(name), _shown(value)) for name, value in left.items()),
        ("rows", f"{count(rows)} complete" if fitted.get("missing") == "listwise" else count(rows)),
    ]
    yield facts("", pairs)


def _components(terms: Sequence[str], left: dict[str, Any]) -> Iterator[RenderableType]:
    """Components are numbered: what is told of each, and their weights; taken out of `left`."""
    matrix = left.pop("components")
    numbers = [f"pc{at}" for at in range(1, len(matrix) + 1)]
    columns = {name: left.pop(name) for name in list(left) if name.startswith("explained_")}
    yield _table("component", numbers, {name: value for name, value in columns.items() if value})
    yield _table("terms", terms, dict(zip(numbers, matrix, strict=True)))


def _fit_of_regression(left: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """R², residual error and F test in the form people know; their fields are taken out of `left`."""
    r2, adjusted = left.pop("r2", None), left.pop("adjusted_r2", None)
    if r2 is not None:
        yield "R²", f"{r2:.6f}" + ("" if adjusted is None else f" (adjusted {adjusted:.6f})")
    if "sigma" in left and "df" in left:
        sigma, df = left.pop("sigma"), left.pop("df")
        yield "residual std. error", f"{number(sigma)} on {count(df)} degrees of freedom"
    if "f" in left and "f_p" in left:
        yield "F", f"{left.pop('f'):,.2f} (p {probability(left.pop('f_p'))})"


def _table(axis: str, names: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> RenderableType:
    """A line for each name. Nothing is lost by what is left out here: --json has all."""
    shown = dict(list(columns.items())[:MOST_COLUMNS])
    headings = [_heading(name) for name in shown]
    lines = [
        (
            _term(term),
            *(_CELLS.get(name, figure)(value) for name, value in zip(shown, cells, strict=True)),
        )
        for term, *cells in zip(names, *shown.values(), strict=True)
    ]
    table = listing((_heading(axis), *headings), lines[:MOST_LINES], right=headings, empty="")
    more = _more(len(names) - MOST_LINES, "lines") + _more(len(columns) - len(shown), "columns")
    return Group(table, Text(more)) if more else table


def _matrix(
    field: str, matrix: Sequence[Sequence[Any]], axis: str, names: Sequence[str], axes: Json
) -> RenderableType:
    """A matrix with `names` along its lines, and what fits of the other axes (or numbers) as headings."""
    if names and len(matrix[0]) == len(names):
        columns = list(matrix)
    else:
        columns = [list(column) for column in zip(*matrix, strict=True)]
    lines = names or [str(line + 1) for line in range(len(matrix))]
    others = [other for other in axes.values() if len(other) == len(columns) and other is not names]
    headings = [_term(name) for name in others[0]] if others else [str(at + 1) for at in range(len(columns))]
    if not others and len(columns) == len(lines):
        headings = list(lines)
    table = _table(axis, lines, dict(zip(headings, columns, strict=True)))
    return Group(Text(_heading(field)), table)


def _is_names(value: Any) -> bool:
    """Whether a value is a list of different texts."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return False
    return len(set(value)) == len(value)


def _is_matrix(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(line, list) and len(line) == len(value[0]) > 0 for line in value)
        and not isinstance(value[0][0], list | dict)
    )


def _along(value: Any, names: Sequence[str]) -> bool:
    """Whether a value is a number, text or flag for each of the names."""
    if isinstance(value, dict):
        return len(value) > 0 and set(value) == set(names) and _plain(value.values())
    return isinstance(value, list) and len(value) == len(names) and _plain(value)


def _plain(values: Any) -> bool:
    return not any(isinstance(item, list | dict) for item in values)


def _cells(value: Any, names: Sequence[str]) -> list[Any]:
    return [value[name] for name in names] if isinstance(value, dict) else value


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
