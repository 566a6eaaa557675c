"""Which value goes where: the mappings of a job, and what they do not name.

A rule takes the value at its source to its destination, and its default where there is none. On the way in,
destinations are fields of the model; a field that no rule names is read at its own path. On the way out,
sources are fields of the model; a field that no rule names is written at its own path. Nothing else passes:
what the input has beside the fields stays behind. Two values for one place are refused, and so is a place
that would be a value and hold others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from node.errors import BadRequest
from node.scoring.fields import Column, Field, Shape, Told, check_apart, is_text_array, value_of
from node.scoring.paths import Path, PathError, Record, kind_of, parse, relation

Item = TypeVar("Item")

MOST_RULES: Final = 10_000
LARGEST_BITS: Final = 63
"""Of a whole number as a default; larger ones are to be written as doubles."""
_KEYS: Final = frozenset({"source", "destination", "defaultValue"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a mapping. named: for errors, such as mapping[2]."""

    source: Path
    destination: Path
    default: str | float | bool | None
    named: str


@dataclass(frozen=True, slots=True)
class Taking:
    """How a field of the model gets its value: by these rules, each into a part of it, or one into all."""

    field: Field
    rules: tuple[Rule, ...]

    @property
    def whole(self) -> bool:
        return len(self.rules) == 1 and self.rules[0].destination == self.field.path


@dataclass(frozen=True, slots=True)
class Giving:
    """A value of the output: from where in what the model gives, and where to."""

    source: Path
    destination: Path
    default: str | float | bool | None


def read_rules(given: object, named: str) -> tuple[Rule, ...]:
    """A mapping from plain data; None is none. Raises BadRequest naming the rule."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise BadRequest(f"{named} is {kind_of(given)}", 'write [{"source": "x1", "destination": "x"}]')
    if len(given) > MOST_RULES:
        raise BadRequest(f"{named} has {len(given):,} rules", f"{MOST_RULES:,} are the most")
    rules = tuple(_rule(item, f"{named}[{at}]") for at, item in enumerate(given))
    check_apart([rule.destination for rule in rules], [rule.named for rule in rules])
    return rules


def _rule(item: object, named: str) -> Rule:
    if not isinstance(item, Mapping):
        raise BadRequest(f"{named} is {kind_of(item)}", 'write {"source": "x1", "destination": "x"}')
    unknown = sorted(str(key)[:80] for key in item.keys() - _KEYS)
    if unknown:
        raise BadRequest(f"{named} has {unknown[0]!r}", "a rule has source, destination and defaultValue")
    paths = {}
    for key in ("source", "destination"):
        try:
            paths[key] = parse(item.get(key))
        except PathError as error:
            raise BadRequest(f"{named}.{key}: {error}", "correct it") from None
    default = item.get("defaultValue")
    if isinstance(default, (dict, list)):
        raise BadRequest(f"{named}.defaultValue is {kind_of(default)}", "use a text, a number, true or false")
    if isinstance(default, int) and default.bit_length() > LARGEST_BITS:
        raise BadRequest(
            f"{named}.defaultValue has more than {LARGEST_BITS} bits", "write it with an exponent, as 1e30"
        )
    if paths["source"].lists != paths["destination"].lists:
        raise BadRequest(
            f"{named} takes {_nested(paths['source'])} to {_nested(paths['destination'])}",
            "give both as many selectors of several positions",
        )
    return Rule(paths["source"], paths["destination"], default, named)


def _nested(path: Path) -> str:
    return f"{path} ({('one value', 'a list', f'lists in {path.lists} dimensions')[min(path.lists, 2)]})"


def takings(rules: Sequence[Rule], shape: Shape) -> tuple[Taking, ...]:
    """How each field of a model's input gets its value. Raises BadRequest."""
    _check_fields(rules, shape, "input", [rule.destination for rule in rules])
    below = _by_name(rules, lambda rule: rule.destination)
    found = []
    for field in shape.fields:
        own = tuple(
            _typed(rule, field)
            for rule in below.get(field.path.steps[0], ())
            if relation(rule.destination, field.path) != "apart"
        )
        for rule in own:
            if relation(rule.destination, field.path) == "contradiction":
                raise BadRequest(
                    f"{rule.named}: {rule.destination} is not {field.path}, which the model takes",
                    "name the field as the model does",
                )
        found.append(Taking(field, own or (Rule(field.path, field.path, None, "the model's input"),)))
    return tuple(found)


def givings(rules: Sequence[Rule], shape: Shape) -> tuple[Giving, ...]:
    """What the output has, in the order of the model's fields. Raises BadRequest."""
    _check_fields(rules, shape, "output", [rule.source for rule in rules])
    found: list[Giving] = []
    named: list[str] = []
    taken: set[Rule] = set()
    below = _by_name(rules, lambda rule: rule.source)
    for field in shape.fields:
        beside = below.get(field.path.steps[0], ())
        own = [rule for rule in beside if relation(rule.source, field.path) == "same"]
        if not own:
            found.append(Giving(field.path, field.path, None))
            named.append(f"output {field.path}, which no rule names")
        for rule in own:
            if rule not in taken:
                taken.add(rule)
                found.append(Giving(rule.source, rule.destination, _typed(rule, field).default))
                named.append(rule.named)
    for rule in rules:
        if rule not in taken:
            raise BadRequest(
                f"{rule.named}: {rule.source} is a part of what the model gives", "name all of it"
            )
    check_apart([item.destination for item in found], named)
    return tuple(found)


def _check_fields(rules: Sequence[Rule], shape: Shape, side: str, paths: Sequence[Path]) -> None:
    if rules and not shape.fields:
        raise BadRequest(
            f"{rules[0].named}: the model does not say what its {side} is, so that nothing can be mapped",
            "leave the mapping out",
        )
    below = _by_name(shape.fields, lambda field: field.path)
    for rule, path in zip(rules, paths, strict=True):
        if all(relation(path, field.path) == "apart" for field in below.get(path.steps[0], ())):
            names = ", ".join(str(field.path) for field in shape.fields[:20])
            raise BadRequest(f"{rule.named}: the model has no {side} {path}", f"use one of {names}")


def _by_name(items: Sequence[Item], path: Callable[[Item], Path]) -> dict[Any, list[Item]]:
    """Items by the name that their paths begin with: others are apart."""
    found: dict[Any, list[Item]] = {}
    for item in items:
        found.setdefault(path(item).steps[0], []).append(item)
    return found


def _typed(rule: Rule, field: Field) -> Rule:
    """The rule with its default as the field's type has it: a text may be read as a number."""
    if rule.default is None:
        return rule
    try:
        value = value_of(field.type, rule.default, told=True)
    except ValueError as error:
        raise BadRequest(f"{rule.named}.defaultValue: {error}, as {field.path} is", "correct it") from None
    return Rule(rule.source, rule.destination, value, rule.named)


def filled(column: Column, default: str | float | bool | None, lists: int) -> Column:
    """The column with the default where there is no value; in lists, in place of the items that lack."""
    if default is None:
        return column
    if is_text_array(column):
        text = default if isinstance(default, str) else str(default).lower()
        return column.fill_null(text)
    values = column if isinstance(column, list) else column.tolist()
    return (Told if isinstance(column, Told) else list)(_filled(value, default, lists) for value in values)


def _filled(value: Any, default: Any, lists: int) -> Any:
    if lists and isinstance(value, list):
        return [_filled(item, default, lists - 1) for item in value]
    return default if value is None and not lists else value


def put_together(taking: Taking, columns: Sequence[Column], rows: int) -> list[Any]:
    """The values of a field of which each rule gives a part. Raises PathError."""
    parts = [column if isinstance(column, list) else column.tolist() for column in columns]
    told = any(is_text_array(column) or isinstance(column, Told) for column in columns)
    found: list[Any] = Told() if told else []
    for row in range(rows):
        record: Record = {}
        for rule, values in zip(taking.rules, parts, strict=True):
            rule.destination.write(record, values[row])
        found.append(taking.field.path.read(record))
    return found
