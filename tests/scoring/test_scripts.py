"""Scripts score files in the sandbox: wrapped with the vendor's package, or a command line."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.errors import BadRequest
from node.scoring import described, score_file, try_examples
from node.sources import SourceError

TEMPLATES = Path(__file__).parent / "templates"
Score = Callable[..., str]


def script(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "script", "folder": str(TEMPLATES / name), **more}


def test_the_schema_is_that_of_the_author() -> None:
    assert described(script("hypotenuse")) == {
        "input_type": "json",
        "input": [
            {"path": "x", "type": "number", "optional": False},
            {"path": "y", "type": "number", "optional": True},
        ],
        "output_type": "json",
        "output": [{"path": "z", "type": "number", "optional": False}],
    }
    assert described(script("plain")) == {"input_type": None, "input": [], "output_type": None, "output": []}


def test_a_json_template_from_csv_with_mapping(score: Score) -> None:
    mapping = [{"source": "a", "destination": "x"}, {"source": "b", "destination": "y"}]
    output_mapping = [{"source": "z", "destination": "sides/hypotenuse"}]
    text = score(script("hypotenuse"), "b,a\n4,3\n,5\n", mapping=mapping, output_mapping=output_mapping)
    assert json.loads(text) == [{"sides": {"hypotenuse": 5.0}}, {"sides": {"hypotenuse": 5.0}}]


def test_a_json_template_gets_a_list_even_for_one_object(score: Score) -> None:
    assert json.loads(score(script("hypotenuse"), '{"x": 3, "y": 4}', "application/json")) == [{"z": 5.0}]


def test_an_asynchronous_template_from_json_to_csv(score: Score) -> None:
    text = score(script("primes"), '[{"number": 91}, {"number": 97}]', "application/json")
    assert text == "number,prime\n91,false\n97,true\n"


@pytest.mark.parametrize("pack", ["zip", "tar.gz"])
def test_a_template_comes_as_an_archive(score: Score, tmp_path_factory: Any, pack: str) -> None:
    folder = tmp_path_factory.mktemp("packed")
    archive = folder / f"primes.{pack}"
    if pack == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in (TEMPLATES / "primes").rglob("*"):
                packed.write(path, path.relative_to(TEMPLATES))
    else:
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(TEMPLATES / "primes", "primes")
    model = {"kind": "script", "path": str(archive)}
    assert described(model) == described(script("primes"))
    assert score(model, "number\n7\n") == "number,prime\n7,true\n"


def test_a_command_line_takes_any_file(tmp_path: Path) -> None:
    source, output = tmp_path / "photo", tmp_path / "made"
    source.write_bytes(b"\x00\x01\x02")
    request = {"mime": "image/png", "schema": described(script("plain")), "model": script("plain")}
    told = score_file(request, source, output, lambda done, total: None)
    assert told == {"records": 1, "results": None, "mime": "application/octet-stream"}
    assert output.read_bytes() == b"\x02\x01\x00"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("says", "exit code 2: Error returned during processing: there are no triangles in it"),
        ("raises", "Exception generated during processing: a side is negative"),
        ("writes nothing", "Output file not generated during processing"),
        ("reads", "No such file or directory"),
        ("links", "without an output file"),
    ],
)
def test_what_a_failing_script_says_is_told(tmp_path: Path, how: str, error: str) -> None:
    with pytest.raises(SourceError, match=error):
        _fail(tmp_path, how)
    assert not (tmp_path / "output").exists()


def test_a_script_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the script failed: it ran longer than 1 s"):
        _fail(tmp_path, "sleeps", seconds=1)


def _fail(folder: Path, how: str, **limits: Any) -> None:
    (folder / "input").write_text(how)
    model = script("failing", **limits)
    request = {"mime": "text/plain", "schema": described(model), "model": model}
    score_file(request, folder / "input", folder / "output", lambda done, total: None)


def test_progress_is_told_to_the_end(line: dict[str, Any], tmp_path: Path) -> None:
    """That of a script is first its input, then its output."""
    source, output = tmp_path / "input", tmp_path / "output"
    source.write_text("x,y,kind\n" + "3,4,a\n" * 500_000)
    for model in (line, script("primes")):
        told: list[tuple[int, int]] = []
        request = {"mime": "text/csv", "schema": described(model), "model": model}
        if model is not line:
            request["mapping"] = [{"source": "x", "destination": "number"}]
        score_file(request, source, output, lambda done, total, told=told: told.append((done, total)))  # type: ignore[misc]
        shares = [done / total for done, total in told]
        assert shares == sorted(shares) and shares[-1] == 1 and len(set(shares)) > 2


def test_output_that_is_not_as_the_schema_says_is_refused(score: Score) -> None:
    schema = described(script("hypotenuse"))
    schema["output"] = [{"path": "z", "type": "boolean"}]
    with pytest.raises(
        SourceError, match=r"the script.s output: record 1, field z: the number 5\.0 is not true or"
    ):
        score(script("hypotenuse"), '{"x": 3, "y": 4}', "application/json", schema=schema)
    schema["output"] = [{"path": "w", "type": "number"}]
    with pytest.raises(SourceError, match="the script's output: record 1, field w: there is no value"):
        score(script("hypotenuse"), '{"x": 3, "y": 4}', "application/json", schema=schema)


def test_whole_numbers_stay_whole_on_their_way_into_a_script(score: Score, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("echo")
    (folder / "main.py").write_text("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])")
    model = {"kind": "script", "folder": str(folder), "command": "python main.py {input} {output}"}
    fields = [{"path": f"a/{name}", "type": "number", "optional": True} for name in "xyz"]
    schema = {"input_type": "json", "input": fields, "output_type": None, "output": []}
    mapping = [{"source": name, "destination": f"a/{name}"} for name in "xyz"]
    text = score(model, "x,y,z\n1152921504606846977,2.5,\n7,-1e3,\n", mapping=mapping, schema=schema)
    assert text == (
        '[{"a": {"x": 1152921504606846977, "y": 2.5, "z": null}}, {"a": {"x": 7, "y": -1000.0, "z": null}}]'
    )


def test_the_authors_examples_are_tried() -> None:
    assert [result.error for result in try_examples(script("hypotenuse"))] == [None, None]


def test_an_example_that_comes_out_otherwise_says_so(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES / "hypotenuse", tmp_path / "model")
    (tmp_path / "model" / "hypotenuses.json").write_text('[{"z": 6}]')
    first, second = try_examples({"kind": "script", "folder": str(tmp_path / "model")})
    assert first.error == "its output is not hypotenuses.json" and second.error is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "is not JSON"),
        ("[]", "is not an object"),
        ('{"UseGaiLib": "yes"}', "UseGaiLib is neither"),
        ('{"Tests": [{}]}', r"Tests\[0\] needs RelativeInputPath"),
        ('{"Schema": {"InputType": "xml"}}', "input_type 'xml'"),
        (
            '{"Schema": {"Input": [{"Path": "a[", "DataType": "number"}]}}',
            "character 2: the bracket is not closed",
        ),
        ('{"Schema": {"Input": [{"Path": "a", "DataType": "blob"}]}}', "'blob' is no type"),
        (
            '{"Schema": {"InputType": "csv", "Input": [{"Path": "/2"}]}}',
            "CSV without a header, whose columns are /1",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "main.py").write_text("")
    (tmp_path / "gravityai-build.json").write_text(text)
    with pytest.raises(BadRequest, match=error):
        described({"kind": "script", "folder": str(tmp_path)})


def test_archives_that_reach_out_are_refused(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.add(tmp_path / "main.py", "../outside.py")
    with pytest.raises(BadRequest, match="outside"):
        described({"kind": "script", "path": str(tmp_path / "a.tar")})
    (tmp_path / "b").write_bytes(b"what")
    with pytest.raises(BadRequest, match="neither a zip nor a tar"):
        described({"kind": "script", "path": str(tmp_path / "b")})
    (tmp_path / "main.py").unlink()
    with pytest.raises(BadRequest, match=r"has no main\.py"):
        described({"kind": "script", "folder": str(tmp_path)})


def test_what_a_failing_script_says_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "main.py").write_text(
        "import os\nos.write(2, b'bad\\0luck')\nraise SystemExit(3)\n"
    )
    (tmp_path / "input").write_text("x")
    model = {
        "kind": "script",
        "folder": str(tmp_path / "model"),
        "command": "python main.py {input} {output}",
    }
    request = {"mime": "text/plain", "schema": described(model), "model": model}
    with pytest.raises(SourceError, match="code 3: bad\ufffdluck"):
        score_file(request, tmp_path / "input", tmp_path / "output", lambda done, total: None)
