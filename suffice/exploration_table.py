"""How an exploration looks to people: for each metric the table that a statistician would draw, and below it
whose rows are in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from suffice.client import Json
from suffice.model_table import figure, probability
from suffice.render import contributions, count, facts, listing, number

BESIDE: Final = 4
"""So many attributes stand side by side; more of them become lines, with the figures below."""
FIGURES: Final = ("count", "mean", "stddev", "skewness", "min", "median", "max")
NAMES: Final[Mapping[str, str]] = {
    "variance": "variance (÷ n)",
    "stddev": "std. deviation",
    "stderr": "std. error",
    "meanMarginErrorC95": "95 % margin of the mean",
    "covar": "covariance (÷ n)",
    "linCorr": "correlation",
    "biCi95Down": "95 % from",
    "biCi95Up": "to",
    "condCount": "sum of the weights",
    "condSum": "weighted sum",
    "condMean": "weighted mean",
    "condVariance": "weighted variance",
    "condStddev": "weighted std. deviation",
    "zp": "p",
    "tdf": "degrees of freedom",
    "tp": "p",
    "tu": "t (Welch)",
    "tdfu": "degrees of freedom (Welch)",
    "tpu": "p (Welch)",
    "fdf1": "degrees of freedom, first",
    "fdf2": "degrees of freedom, second",
    "fp": "p",
    "chiStat": "chi²",
    "df": "degrees of freedom",
    "pval": "p",
    "coef": "Tschuprow's T",
}
"""What people call a figure, where its name does not say it; the interfaces have the short names."""
PROBABILITIES: Final = frozenset({"P", "pval", "zp", "tp", "tpu", "fp"})
BAR: Final = 40
"""Characters of the longest bar of a histogram."""
MOST: Final = 50
"""Lines of a table, and columns of it a tenth of that: what is more is in --json."""
COLLINEAR: Final = 5.0
"""A variance inflation from here on is worth a word."""


def exploration(answer: Json) -> RenderableType:
    """An answer of a metric: its table, then whose rows are in it."""
    question = " ".join(
        [*answer["attributes"], *(["by", *answer["targets"]] if answer.get("targets") else [])]
    )
    draw = _DRAWN.get(answer["metric"], _pairs)
    return Group(
        Text(f"{answer['metric']} {question}".rstrip(), style="bold"),
        *draw(answer["values"], answer),
        facts("", _provenance(answer)),
    )


def drift(answer: Json) -> RenderableType:
    """How far each attribute has moved, the farthest first."""
    values = dict(answer["values"])
    score = values.pop("driftScore")
    lines = sorted(
        ((key.removesuffix("_drift"), value) for key, value in values.items()), key=lambda line: -line[1]
    )
    return Group(
        Text(f"{answer['metric']} drift of {answer['project']} from {answer['baseline']}", style="bold"),
        _lines(("attribute", "drift"), [(name, figure(value)) for name, value in lines]),
        facts(
            "",
            [
                ("drift score", figure(score)),
                *_provenance(answer),
                ("rows of the baseline", count(answer["baseline_rows"])),
                ("its contributions", contributions(answer["baseline_contributions"])),
            ],
        ),
    )


def metrics(answer: Json) -> RenderableType:
    """All metrics, and below them those of drift."""
    return Group(
        listing(
            ("metric", "what it tells", "parameters"),
            [
                (item["name"], item["summary"], ", ".join(part["name"] for part in item["parameters"]))
                for item in answer["metrics"]
            ],
            empty="There are none.",
        ),
        listing(
            ("drift", "what it compares"),
            [(item["name"], item["summary"]) for item in answer["drift"]],
            empty="There are none.",
        ),
        Text("What the parameters do: suffice project metrics NAME"),
    )


def _each(values: Json, _answer: Json) -> Iterator[RenderableType]:
    """Attributes side by side, or if they are many a line for each."""
    keys = list(dict.fromkeys(key for column in values.values() for key in column))
    if len(values) <= BESIDE:
        yield _lines(
            ("", *values),
            [(_name(key), *(_cell(key, column.get(key)) for column in values.values())) for key in keys],
        )
        return
    shown = [key for key in keys if key in FIGURES] or keys
    rows = [(name, *(_cell(key, column.get(key)) for key in shown)) for name, column in values.items()]
    yield _lines(("attribute", *map(_name, shown)), rows)


def _pairs(values: Json, _answer: Json) -> Iterator[RenderableType]:
    yield facts("", [(_name(key), _cell(key, value)) for key, value in values.items()])


def _two_samples(values: Json, answer: Json) -> Iterator[RenderableType]:
    """A line for each sample, then the test."""
    letter = answer["metric"][0]
    names = _samples(answer)
    columns = [(f"{letter}n", "values"), (f"{letter}m", "mean"), (f"{letter}s", "std. deviation")]
    described = {f"{key}{number}" for key, _ in columns for number in (1, 2)}
    if described <= set(values):
        lines = [
            (name, *(number(values[f"{key}{at}"]) for key, _ in columns)) for at, name in enumerate(names, 1)
        ]
        yield _lines(("sample", *(heading for _, heading in columns)), lines)
    yield facts(
        "", [(_name(key), _cell(key, value)) for key, value in values.items() if key not in described]
    )


def _samples(answer: Json) -> tuple[str, str]:
    names = [*answer["attributes"], *answer.get("targets", ())]
    if len(names) == 3:
        return f"{names[0]} of {names[1]}", f"{names[0]} of {names[2]}"
    return ("first", "second") if len(names) != 2 else (names[0], names[1])


def _anova(values: Json, _answer: Json) -> Iterator[RenderableType]:
    rows = [
        ("between", "SSb", "Dfb", "MSb", "F", "P"),
        ("within", "SSw", "Dfw", "MSw", "", ""),
        ("total", "Ssgamma", "Dfgamma", "", "", ""),
    ]
    lines = [(name, *(_cell(key, values.get(key)) for key in keys)) for name, *keys in rows]
    yield _lines(("source", "sum of squares", "df", "mean square", "F", "P"), lines)


def _table_of_counts(values: Json, _answer: Json) -> Iterator[RenderableType]:
    cells: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key.startswith("obs$"):
            row, _, column = key.removeprefix("obs$").rpartition(":")
            cells.setdefault(row, {})[column] = number(value)
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    if len(columns) <= MOST // 5:
        lines = [(name, *(row.get(column, "") for column in columns)) for name, row in cells.items()]
        yield _lines(("", *columns), lines)
    else:
        yield Text(f"({len(cells)} by {len(columns)} counts: see --json)")
    yield facts(
        "", [(_name(key), _cell(key, value)) for key, value in values.items() if not key.startswith("obs$")]
    )


def _gains(values: Json, _answer: Json) -> Iterator[RenderableType]:
    keys = ("gain", "gainRatio", "entropy", "condEntropy")
    ordered = sorted(values.items(), key=lambda item: -item[1]["gain"])
    lines = [(name, *(_cell(key, found.get(key)) for key in keys)) for name, found in ordered]
    yield _lines(("attribute", "bits gained", "gain ratio", "bits of the target", "bits left"), lines)


def _inflations(values: Json, _answer: Json) -> Iterator[RenderableType]:
    ordered = sorted(values.items(), key=lambda item: -item[1])
    lines = [(name, figure(value), "collinear" if value >= COLLINEAR else "") for name, value in ordered]
    yield _lines(("attribute", "variance inflation", ""), lines)


def _components(values: Json, _answer: Json) -> Iterator[RenderableType]:
    names = [f"pc{number}" for number in range(1, len(values["pcaValues"]) + 1)]
    told = zip(names, values["pcaValues"], values["pcaExplained"], strict=True)
    yield _lines(
        ("component", "variance", "share"),
        [(name, figure(value), f"{share:.2%}") for name, value, share in told],
    )
    shown = names[: MOST // 10]
    lines = [
        (term, *(figure(weight) for weight in weights[: len(shown)]))
        for term, weights in values["pcaVectors"].items()
    ]
    yield _lines(("attribute", *shown), lines)


def _singular(values: Json, _answer: Json) -> Iterator[RenderableType]:
    told = zip(values["attributes"], values["singularValues"], strict=True)
    yield _lines(("attribute", "singular value"), [(name, figure(value)) for name, value in told])
    if values.get("dependent"):
        yield facts("", [("depend on these", ", ".join(values["dependent"]))])


def _densities(values: Json, _answer: Json) -> Iterator[RenderableType]:
    for name, found in values.items():
        if "histogram" not in found:
            yield from _densities({f"{name}, {level}": part for level, part in found.items()}, _answer)
            continue
        counts, low, width = found["histogram"], found["min"], found["width"]
        longest = max(counts, default=0) or 1
        yield Text(name)
        yield _lines(
            ("from", "rows", ""),
            [
                (number(float(low + at * width)), count(int(rows)), "█" * round(BAR * rows / longest))
                for at, rows in enumerate(counts)
            ],
            right=("from", "rows"),
        )


_Draw = Callable[[Json, Json], Iterator[RenderableType]]
_DRAWN: Final[Mapping[str, _Draw]] = {
    **dict.fromkeys(("uni", "ztestmu", "ttestmu", "ftestmu"), _each),
    **dict.fromkeys(("ztest", "ttest", "ftest"), _two_samples),
    **dict.fromkeys(("svd", "svdfs"), _singular),
    **dict.fromkeys(("density", "conditional_density"), _densities),
    "anova": _anova,
    "chi2": _table_of_counts,
    "gain": _gains,
    "vif": _inflations,
    "pca": _components,
}


def _lines(
    columns: Sequence[str], lines: Sequence[Sequence[Any]], right: Sequence[str] | None = None
) -> RenderableType:
    """A table whose columns but the first are figures; nothing is lost by what is left out of it."""
    table = listing(columns, lines[:MOST], right=columns[1:] if right is None else right, empty="Nothing.")
    left = len(lines) - MOST
    return Group(table, Text(f"({left} more lines: see --json)")) if left > 0 else table


def _cell(key: str, value: Any) -> str:
    return probability(value) if key in PROBABILITIES else number(value)


def _name(key: str) -> str:
    return NAMES.get(key, key)


def _provenance(answer: Json) -> list[tuple[str, str]]:
    return [
        ("rows", count(answer.get("rows"))),
        ("contributions", contributions(answer.get("contributions"))),
    ]
