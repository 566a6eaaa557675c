"""Where a value is in a record: `address/street`, `/1`, `points[*]/x`, `grid[0][1+2]`, `mixed[3+2,4]`.

Names are parted by slashes; a slash at the beginning means nothing. After a name come selectors, one for each
dimension of a list, positions counted from 0:

    [*]                all positions
    [i]                position i
    [start+step]       start, start+step, start+2·step, … without an end
    [start+step,count] so many of them: [3+2,4] is 3, 5, 7, 9
    [start+step-last]  those up to position `last`, itself included

A slash, bracket or backslash that belongs to a name has a backslash before it. What a path with n selectors
of several positions leads to is a value in n nested lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import gcd
from typing import Any, Final, Literal

Record = dict[str, Any]

LONGEST: Final = 1_000
"""Characters of a path."""

POSITIONS: Final = 10_000
"""Positions of a list that paths can name: writing to one makes all before it."""

_SELECTOR: Final = re.compile(
    r"\*|(?P<start>[0-9]+)(\+(?P<step>[0-9]+)(,(?P<count>[0-9]+)|-(?P<last>[0-9]+))?)?"
)
_ESCAPED: Final = re.compile(r"([\\/\[\]])")


class PathError(ValueError):
    """A path that cannot be read, or a record that contradicts one."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Positions start, start+step, … up to `last` (None: no end). many: a list, though it may be of one.

    Two that select the same are equal, however they were written.
    """

    start: int
    step: int
    last: int | None
    many: bool
    text: str = field(compare=False)

    @property
    def positions(self) -> range:
        return range(self.start, POSITIONS if self.last is None else self.last + 1, self.step)


@dataclass(frozen=True, slots=True)
class Path:
    """A name, then names and selectors."""

    steps: tuple[str | Selector, ...]

    @classmethod
    def of(cls, name: str) -> Path:
        """The path of a field at the top, whatever characters its name has."""
        return cls((name,))

    @property
    def lists(self) -> int:
        """In how many nested lists the values are."""
        return sum(isinstance(step, Selector) and step.many for step in self.steps)

    @property
    def width(self) -> int:
        """How many values writing there makes at least: all positions before those that are named."""
        found = 1
        for step in self.steps:
            if isinstance(step, Selector):
                found *= 1 + (step.start if step.last is None else step.last)
        return found

    @property
    def header(self) -> str:
        """What a CSV column of these values is called: the path without backslashes."""
        return _rendered(self.steps, lambda name: name)

    def __str__(self) -> str:
        return _rendered(self.steps, lambda name: _ESCAPED.sub(r"\\\1", name))

    def read(self, record: Any) -> Any:
        """The value there, None if there is none. Raises PathError where the record is of another form."""
        return _read(record, self.steps, self)

    def write(self, record: Record, value: Any) -> None:
        """Put the value there; what lies between is made, and positions that are left out are None.

        Raises PathError where the record is of another form, or the value has more items than there are
        positions.
        """
        _written(record, self.steps, value, self)


def parse(text: object) -> Path:
    """Raises PathError that names the character (from 1) at which the path is wrong."""
    if not isinstance(text, str) or not text:
        raise PathError("a path is a text such as x, /1, a/b or a[0]/b")
    if len(text) > LONGEST:
        raise PathError(f"a path of {len(text):,} characters, where {LONGEST:,} are the most")
    if not text.isascii() and text.encode(errors="replace").decode() != text:
        raise PathError(f"path {text[:80]!a} has half a character (a lone surrogate)")
    at = 1 if text.startswith("/") else 0
    steps: list[str | Selector] = []
    while True:
        name, at = _name(text, at)
        steps.append(name)
        while text[at : at + 1] == "[":
            selector, at = _selector(text, at)
            steps.append(selector)
        if at == len(text):
            return Path(tuple(steps))
        if text[at] != "/":
            raise _wrong(text, at, "write / before the next name")
        at += 1


def relation(one: Path, other: Path) -> Literal["apart", "same", "contradiction"]:
    """Whether two paths can be written into one record.

    They are apart if no place is written twice, the same if some is, and contradict each other if a place
    would have to be a value and hold others, or be an object and a list.
    """
    for step, beside in zip(one.steps, other.steps, strict=False):
        if isinstance(step, str) and isinstance(beside, str):
            if step != beside:
                return "apart"
        elif isinstance(step, str) or isinstance(beside, str):
            return "contradiction"
        elif not (step.many or beside.many):
            if step.start != beside.start:
                return "apart"
        elif not _meet(step.positions, beside.positions):
            return "apart"
    return "same" if len(one.steps) == len(other.steps) else "contradiction"


def _meet(one: range, other: range) -> bool:
    """Whether two progressions have a number in common, by the Chinese remainder theorem."""
    shared = gcd(one.step, other.step)
    apart = other.start - one.start
    if apart % shared:
        return False
    period = other.step // shared
    first = one.start + apart // shared * pow(one.step // shared, -1, period) % period * one.step
    every = one.step * period
    first += max(0, -(-(other.start - first) // every)) * every
    return first <= min(one[-1], other[-1])


def _name(text: str, at: int) -> tuple[str, int]:
    """The name that begins there, and where it ends."""
    start, name = at, ""
    while at < len(text) and text[at] not in "/[":
        if text[at] == "]":
            raise _wrong(text, at, "a bracket is closed that was not opened; one in a name is written \\]")
        if text[at] == "\\":
            at += 1
            if text[at : at + 1] not in ("\\", "/", "[", "]"):
                raise _wrong(text, at - 1, "a backslash stands before / [ ] or another backslash")
        name += text[at : at + 1]
        at += 1
    if not name:
        raise _wrong(text, start, "there should be a name")
    return name, at


def _selector(text: str, at: int) -> tuple[Selector, int]:
    """The selector whose bracket opens there, and where it ends."""
    end = text.find("]", at)
    if end < 0:
        raise _wrong(text, at, "the bracket is not closed; one in a name is written \\[")
    inside = text[at + 1 : end]
    found = _SELECTOR.fullmatch(inside)
    if found is None:
        raise _wrong(
            text,
            at + 1,
            "between brackets stands *, a position i, start+step, start+step,count or start+step-last; a "
            "bracket in a name is written \\[",
        )
    if inside == "*":
        return Selector(0, 1, None, True, "*"), end + 1
    digits = {key: value for key, value in found.groupdict().items() if value is not None}
    if any(len(value) > 9 for value in digits.values()):
        raise _wrong(text, at + 1, f"positions go up to {POSITIONS - 1:,}")
    start, step, count, last = (int(digits[key]) if key in digits else None for key in _PARTS)
    assert start is not None  # noqa: S101
    if step is None:
        last = start
    elif step == 0:
        raise _wrong(text, at + 1, "the step is 1 or more")
    elif count is not None:
        if count == 0:
            raise _wrong(text, at + 1, "the count is 1 or more")
        last = start + step * (count - 1)
    elif last is not None:
        if last < start:
            raise _wrong(text, at + 1, f"the last position, {last}, is before the first, {start}")
        last -= (last - start) % step
    if max(start, last or 0) >= POSITIONS:
        raise _wrong(text, at + 1, f"positions go up to {POSITIONS - 1:,}")
    return Selector(start, step or 1, last, step is not None, inside), end + 1


_PARTS: Final = ("start", "step", "count", "last")


def _wrong(text: str, at: int, what: str) -> PathError:
    return PathError(f"path {text[:80]!r}, character {at + 1}: {what}")


def _rendered(steps: tuple[str | Selector, ...], shown: Any) -> str:
    text = ""
    for step in steps:
        text += f"[{step.text}]" if isinstance(step, Selector) else f"{'/' if text else ''}{shown(step)}"
    return text


def _read(value: Any, steps: tuple[str | Selector, ...], path: Path) -> Any:
    for at, step in enumerate(steps):
        if value is None:
            return None
        if isinstance(step, str):
            if not isinstance(value, dict):
                raise _contradiction(path, steps[at:], value)
            value = value.get(step)
            continue
        if not isinstance(value, list):
            raise _contradiction(path, steps[at:], value)
        if step.many:
            end = None if step.last is None else step.last + 1
            return [_read(item, steps[at + 1 :], path) for item in value[step.start : end : step.step]]
        value = value[step.start] if step.start < len(value) else None
    return value


def _written(held: Any, steps: tuple[str | Selector, ...], value: Any, path: Path) -> Any:
    """What stands where `held` stood, with the value in it."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        fields = {} if held is None else held
        if not isinstance(fields, dict):
            raise _contradiction(path, steps, held)
        fields[step] = _written(fields.get(step), rest, value, path)
        return fields
    items = [] if held is None else held
    if not isinstance(items, list):
        raise _contradiction(path, steps, held)
    if not step.many:
        _put(items, step.start, rest, value, path)
        return items
    if value is None:
        return held
    if not isinstance(value, list):
        raise PathError(f"{path} takes a list, not {kind_of(value)}")
    if len(value) > len(step.positions):
        raise PathError(f"{path} has {len(step.positions):,} positions, and {len(value):,} values are given")
    for position, item in zip(step.positions, value, strict=False):
        _put(items, position, rest, item, path)
    return items


def _put(items: list[Any], position: int, rest: tuple[str | Selector, ...], value: Any, path: Path) -> None:
    items += [None] * (position + 1 - len(items))
    items[position] = _written(items[position], rest, value, path)


def _contradiction(path: Path, rest: tuple[str | Selector, ...], value: Any) -> PathError:
    done = path.steps[: len(path.steps) - len(rest)]
    place = str(Path(done)) if done else "the record"
    needed = "an object" if isinstance(rest[0], str) else "a list"
    return PathError(f"{place} is {kind_of(value)}, where {path} needs {needed}")


def kind_of(value: object) -> str:
    """A value as an error tells it: what it is and, cut to a safe length, how it is written."""
    if value is None:
        return "no value"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"a list of {len(value):,}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:60]!a}{'…' if len(value) > 60 else ''}"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    return f"the number {value!r}"
