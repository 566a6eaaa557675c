"""gravityai-build.json: what a script's author says of it, beside the script."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.errors import BadRequest

NAME: Final = "gravityai-build.json"
LARGEST: Final = 1 << 20

_TRAILING: Final = re.compile(r",(?=\s*[}\]])")


@dataclass(frozen=True, slots=True)
class Example:
    """A test: an input, and the output that is expected, both relative to the script's folder; None: any."""

    input: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """wrapped: whether the script uses the package gravityai; None: not said. schema: in a request's form."""

    wrapped: bool | None
    packages: tuple[str, ...]
    examples: tuple[Example, ...]
    schema: dict[str, Any]


_NO_SCHEMA: Final[dict[str, Any]] = {"input_type": None, "input": [], "output_type": None, "output": []}


def read_config(folder: Path) -> BuildConfig:
    """The configuration in a folder; without a file, nothing is said. Keys may be in any case, and a comma
    may be left at an end, as published ones have it. Raises BadRequest."""
    path = folder / NAME
    if not path.is_file():
        return BuildConfig(None, (), (), dict(_NO_SCHEMA))
    if path.stat().st_size > LARGEST:
        raise BadRequest(f"{NAME} is larger than {LARGEST >> 20} MB", "shorten it")
    given = _lower(_loaded(path), NAME)
    packages = given.get("systempackages") or []
    if not isinstance(packages, list) or not all(isinstance(name, str) for name in packages):
        raise BadRequest(f"{NAME}: SystemPackages is no list of names", "correct it")
    wrapped = given.get("usegailib")
    if wrapped is not None and not isinstance(wrapped, bool):
        raise BadRequest(f"{NAME}: UseGaiLib is neither true nor false", "correct it")
    return BuildConfig(wrapped, tuple(packages), _examples(given.get("tests")), _schema(given.get("schema")))


def _loaded(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
        try:
            return json.loads(text)
        except ValueError:
            return json.loads(_TRAILING.sub("", text))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{NAME} is not JSON: {str(error)[:200]}", "correct it") from None


def _lower(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise BadRequest(f"{where} is not an object", "correct it")
    return {str(key).lower(): value for key, value in given.items()}


def _examples(given: Any) -> tuple[Example, ...]:
    if not isinstance(given or [], list):
        raise BadRequest(f"{NAME}: Tests is no list", "correct it")
    found = []
    for at, item in enumerate(given or []):
        where = f"{NAME}: Tests[{at}]"
        test = _lower(item, where)
        source, reference = test.get("relativeinputpath"), test.get("relativereferencepath")
        if not isinstance(source, str) or not isinstance(reference, str | None):
            raise BadRequest(
                f"{where} needs RelativeInputPath, and RelativeReferencePath or null", "correct it"
            )
        found.append(Example(source, reference))
    return tuple(found)


def _schema(given: Any) -> dict[str, Any]:
    if given is None:
        return dict(_NO_SCHEMA)
    schema = _lower(given, f"{NAME}: Schema")
    found: dict[str, Any] = {}
    for side in ("input", "output"):
        form = schema.get(f"{side}type")
        fields = schema.get(f"{side}schema") or schema.get(side) or []
        if not isinstance(fields, list):
            raise BadRequest(f"{NAME}: Schema.{side.title()} is no list", "correct it")
        found[f"{side}_type"] = form.lower() if isinstance(form, str) else form
        found[side] = [_field(item, f"{NAME}: Schema.{side.title()}[{at}]") for at, item in enumerate(fields)]
    return found


def _field(item: Any, where: str) -> dict[str, Any]:
    field = _lower(item, where)
    kind = field.get("datatype", "string")
    return {
        "path": field.get("path"),
        "type": kind.lower() if isinstance(kind, str) else kind,
        "optional": bool(field.get("optional") or False),
    }
