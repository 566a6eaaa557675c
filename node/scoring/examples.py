"""The examples that come with a script, tried: whether it runs, and gives what its author expects."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from node.scoring.build_config import Example
from node.scoring.script import Script, opened
from node.sources import SourceError


@dataclass(frozen=True, slots=True)
class Tried:
    """How an example went. error: None if well."""

    input: str
    reference: str | None
    error: str | None


def try_examples(model: Mapping[str, Any]) -> tuple[Tried, ...]:
    """Run a script for each example of its configuration, as it lies there. Raises BadRequest for a script
    that cannot be read, Unavailable without a sandbox."""
    found = []
    with opened(model) as script:
        for example in script.config.examples:
            try:
                _try(script, example)
                error = None
            except SourceError as refused:
                error = str(refused)
            found.append(Tried(example.input, example.reference, error))
    return tuple(found)


def _try(script: Script, example: Example) -> None:
    source = _inside(script.folder, example.input)
    expected = None if example.reference is None else _inside(script.folder, example.reference).read_bytes()
    with TemporaryDirectory(ignore_cleanup_errors=True) as results:
        made = script.run(source, Path(results)).read_bytes()
    if expected is not None and not _same(made, expected, script.config.schema["output_type"]):
        assert example.reference is not None  # noqa: S101
        raise SourceError(f"its output is not {Path(example.reference).name}")


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if "\0" in name or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise SourceError(f"there is no file {name[:80]!a} beside the script")
    return path


def _same(made: bytes, expected: bytes, form: str | None) -> bool:
    """Records are compared as such, other files byte by byte."""
    if made == expected or form is None:
        return made == expected
    try:
        return bool(_records(made, form) == _records(expected, form))
    except (ValueError, csv.Error, RecursionError):
        return False


def _records(data: bytes, form: str) -> Any:
    text = data.decode("utf-8-sig")
    return json.loads(text) if form == "json" else [row for row in csv.reader(io.StringIO(text)) if row]
