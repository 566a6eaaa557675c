"""A linear model as a function in another language: SQL for a database, Java for a program.

The function is named `<model>_score`, takes an argument for each input attribute and returns the weighted sum
that the model's prediction starts from: a regression's res, a discriminant's resZ. What is missing counts as
in `prediction.weighted_sum`; a level of a category that the model does not know has no score: NULL in SQL, an
exception in Java.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.models.algorithm import Model
from federation.models.design import InputColumn
from federation.models.errors import ModelError, listed

LINEAR: Final = ("mlr", "ridge", "lasso", "elasticnet", "lda")
LANGUAGES: Final = ("java", "sql")

# "score" is the method's own variable.
_KEYWORDS: Final = re.compile(
    "abstract|assert|boolean|break|byte|case|catch|char|class|const|continue|default|do|double|else|enum|"
    "extends|false|final|finally|float|for|goto|if|implements|import|instanceof|int|interface|long|native|"
    "new|null|package|private|protected|public|return|score|short|static|strictfp|super|switch|"
    "synchronized|this|throw|throws|transient|true|try|void|volatile|while|_"
)


@dataclass(frozen=True, slots=True)
class _Numeric:
    """weight · attribute, the attribute standing at `mean` where it is missing."""

    attribute: str
    weight: float
    mean: float


@dataclass(frozen=True, slots=True)
class _Levels:
    """A weight for each level; `absent` where none is given, `other` (None: refused) for any other level."""

    attribute: str
    weights: Mapping[str, float]
    absent: float
    other: float | None


@dataclass(frozen=True, slots=True)
class _Sum:
    intercept: float
    parts: tuple[_Numeric | _Levels, ...]


def scoring_code(model: Model, name: str, language: str) -> str:
    """The function's text; `language` is "java" or "sql". Raises `ModelError`."""
    if language not in LANGUAGES:
        raise ModelError(f"language {language!r} is unknown", f"there are {listed(LANGUAGES)}")
    if model.algorithm not in LINEAR:
        raise ModelError(
            f"{model.algorithm} is not a weighted sum of its inputs", f"ask for that of {listed(LINEAR)}"
        )
    return (_java if language == "java" else _sql)(_sum(model), f"{name}_score")


def _sum(model: Any) -> _Sum:
    weights: Sequence[float] = model.weights if model.algorithm == "lda" else model.coef
    free = len(weights) - len(model.columns)
    parts: list[_Numeric | _Levels] = []
    by_category: dict[str, list[tuple[InputColumn, float]]] = {}
    for column, weight in zip(model.columns, weights[free:], strict=True):
        if column.level is None:
            parts.append(_Numeric(column.attribute, weight, column.mean))
        else:
            by_category.setdefault(column.attribute, []).append((column, weight))
    for category, columns in by_category.items():
        of_level = {str(column.level): weight for column, weight in columns}
        reference = model.reference_levels.get(category)
        if reference is not None:
            of_level[reference] = 0.0
        absent = sum(weight * column.mean for column, weight in columns)
        parts.append(_Levels(category, of_level, absent, 0.0 if reference is None else None))
    return _Sum(weights[0] if free else 0.0, tuple(parts))


def _sql(total: _Sum, name: str) -> str:
    """A function of standard SQL, whose body is one expression."""
    types = {_Numeric: "DOUBLE PRECISION", _Levels: "VARCHAR"}
    arguments = ", ".join(f"{_quoted(part.attribute)} {types[type(part)]}" for part in total.parts)
    terms = "\n  + ".join([repr(total.intercept), *map(_sql_term, total.parts)])
    return f"CREATE FUNCTION {_quoted(name)}({arguments})\nRETURNS DOUBLE PRECISION\nRETURN {terms};\n"


def _sql_term(part: _Numeric | _Levels) -> str:
    column = _quoted(part.attribute)
    if isinstance(part, _Numeric):
        return f"{part.weight!r} * COALESCE({column}, {part.mean!r})"
    cases = [f"WHEN {column} IS NULL OR {column} = '' THEN {part.absent!r}"]
    for level, weight in part.weights.items():
        escaped = level.replace("'", "''")
        cases.append(f"WHEN {column} = '{escaped}' THEN {weight!r}")
    cases.append(f"ELSE {'NULL' if part.other is None else repr(part.other)}")
    return "CASE " + "\n      ".join(cases) + " END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _java(total: _Sum, name: str) -> str:
    """A static method; a missing number is null or NaN, a missing category null or empty."""
    names: dict[str, str] = {}
    for part in total.parts:
        names[part.attribute] = _identifier(part.attribute, names.values())
    types = {_Numeric: "Double", _Levels: "String"}
    arguments = ", ".join(f"{types[type(part)]} {names[part.attribute]}" for part in total.parts)
    lines = [f"double score = {total.intercept!r};"]
    for part in total.parts:
        lines += _java_lines(part, names[part.attribute])
    lines.append("return score;")
    body = "\n".join(f"    {line}" for line in lines)
    return f"static double {_identifier(name, ())}({arguments}) {{\n{body}\n}}\n"


def _java_lines(part: _Numeric | _Levels, argument: str) -> list[str]:
    if isinstance(part, _Numeric):
        present = f"{argument} == null || {argument}.isNaN() ? {part.mean!r} : {argument}"
        return [f"score += {part.weight!r} * ({present});"]
    lines = [f"if ({argument} == null || {argument}.isEmpty()) score += {part.absent!r};"]
    for level, weight in part.weights.items():
        lines.append(f"else if ({argument}.equals({json.dumps(level)})) score += {weight!r};")
    if part.other is None:
        attribute = json.dumps(f"{part.attribute}: unknown level ")
        lines.append(f"else throw new IllegalArgumentException({attribute} + {argument});")
    return lines


def _identifier(name: str, taken: Any) -> str:
    """The name as Java can have it, different from those that are taken."""
    plain = re.sub(r"[^0-9A-Za-z_]", "_", name)
    if not plain or plain[0].isdigit() or _KEYWORDS.fullmatch(plain):
        plain = f"_{plain}"
    unique, number = plain, 2
    while unique in taken:
        unique, number = f"{plain}_{number}", number + 1
    return unique
