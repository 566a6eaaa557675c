"""Projects that learn more than the columns at hand: powers of one, or the runs of tokens in sequences."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.models import fit
from federation.models.power import powers_between
from federation.statistics import NGRAM, NGRAM_SCHEMA, Coded, Moments, Table, ngrams
from node.errors import BadRequest
from node.jobs.learned import Learned
from node.node import Node
from node.places import Place
from node.project_options import ProjectOptions

POWERS = {
    "sml_project_power_column": "x",
    "sml_project_power_min": "-1",
    "sml_project_power_max": "2",
    "sml_project_power_steps": "4",
}
ORDER = {"sml_project_order": "2"}
NAMES = ["x", "y", "pt_x^-1", "pt_x^0", "pt_x^1", "pt_x^2", "pt_x^ln"]


async def job(node: Node, kind: str, project: str, **parameters: Any) -> Any:
    task = await node.jobs.submit(kind, actor=node.first_key, project=project, parameters=parameters)
    while not task.finished:
        task = await node.jobs.wait(task.id, 30)
    assert task.error is None, task.error
    return task.result


def numbers(rows: int = 400, seed: int = 3) -> Table:
    """y is a line of the logarithm of 1 + x."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.gamma(2.0, 20.0, rows), 1)
    y = np.round(3.0 + 2.0 * np.log1p(x) + rng.normal(0.0, 0.05, rows), 3)
    x[::50] = np.nan
    return Table({"x": x, "y": y})


@pytest.mark.parametrize("how", ["table", "rows", "file"])
async def test_powers_of_a_column_are_learned_beside_it(
    how: str, node: Node, cells: Callable[[Table], list[list[object]]], csv_file: Callable[..., Path]
) -> None:
    await node.projects.create("p", owner="ann", parameters=POWERS)
    rows, more = numbers(), numbers(60, seed=4)
    for kind, part in (("learn", rows), ("learn", more), ("forget", more)):
        if how == "table":
            await getattr(node.projects, kind)("p", part)
        elif how == "rows":
            await job(node, kind, "p", table={"names": list(part.names), "rows": cells(part)})
        else:
            await job(node, kind, "p", path=str(csv_file(part)))
    info = await node.projects.info("p")
    assert (info.rows, sorted(a.name for a in info.attributes)) == (400, sorted(NAMES))
    assert {a.type for a in info.attributes} == {"C"}
    record = await node.models.fit("p", "m", "powerreg", "y", ["x"])
    assert record.model["power"] == 0.0
    asked = Table({"x": np.array([0.0, 10.0, 100.0])})
    predicted = await node.models.predict("p", "m", asked)
    np.testing.assert_allclose(predicted["res"], 3.0 + 2.0 * np.log1p(asked.columns["x"]), atol=0.05)


async def test_any_model_may_have_powers_as_inputs(node: Node, csv_file: Callable[..., Path]) -> None:
    """It is told the column itself, in rows and in files, to predict or to be assessed by."""
    await node.projects.create("p", owner="ann", parameters=POWERS)
    rows = numbers()
    await node.projects.learn("p", rows)
    await node.models.fit("p", "m", "mlr", "y", ["pt_x^0"])
    predicted = await node.models.predict("p", "m", Table({"x": np.array([10.0])}))
    assert predicted["res"][0] == pytest.approx(3.0 + 2.0 * np.log(11.0), abs=0.05)
    path = str(csv_file(rows))
    assert (await job(node, "predict", "p", model="m", path=path))["rows"] == 400
    assert await job(node, "assess", "p", model="m", path=path)


async def test_a_first_row_does_not_decide_how_finely_powers_are_counted(node: Node) -> None:
    await node.projects.create("p", owner="ann", parameters=POWERS)
    for value in (0.0, 1.0, 5.5):
        await node.projects.learn("p", Table({"x": np.array([value, 7.0])}))
    moments = (await node.projects.statistics("p")).moments
    mean = np.log1p([0.0, 7.0, 1.0, 7.0, 5.5, 7.0]).mean()
    assert moments.univariate("pt_x^ln").mean == pytest.approx(mean, rel=1e-10)


async def test_a_schema_from_a_file_has_the_powers(node: Node, csv_file: Callable[..., Path]) -> None:
    path = str(csv_file(numbers()))
    place = Place.of_file(path, None)
    schema, remarks = await node.projects.schema_from(place, actor=node.first_key, parameters=POWERS)
    assert (sorted(schema.names), remarks) == (sorted(NAMES), [])
    await node.projects.create("p", owner="ann", schema=schema, parameters=POWERS)
    assert (await job(node, "learn", "p", path=path))["remarks"] == []
    await node.projects.learn("p", numbers(10))
    assert (await node.projects.info("p")).rows == 410


async def test_a_column_without_powers_is_named(node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters=POWERS)
    with pytest.raises(BadRequest, match="'x' holds text, which has no powers"):
        await node.projects.learn("p", Table({"x": Coded.of(["a", "b"])}))
    await node.projects.learn("p", numbers(10))
    with pytest.raises(BadRequest, match=r"'x', row 2: inf"):
        await node.projects.learn("p", Table({"x": np.array([1.0, np.inf]), "y": np.ones(2)}))
    with pytest.raises(BadRequest, match=r"exceeds the range of float64"):
        await node.projects.learn("p", Table({"x": np.array([1e200]), "y": np.ones(1)}))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sml_project_power_min": "1"}, "powers of no column"),
        (POWERS | {"sml_project_power_min": "3"}, "must ascend"),
        (POWERS | {"sml_project_power_steps": "1.5"}, "not a whole number"),
        (POWERS | {"sml_project_power_max": "a"}, "not a number"),
        ({"sml_project_order": "0"}, "out of range"),
        (ORDER | {"sml_project_rolling_window_size": "5"}, "do not go together"),
        (ORDER | POWERS, "do not go together"),
    ],
)
async def test_what_cannot_be_is_refused(node: Node, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        await node.projects.create("p", owner="ann", parameters=parameters)


def test_powers_are_as_many_as_asked_for() -> None:
    assert powers_between(-1.0, 2.0, 4) == (-1.0, 0.0, 1.0, 2.0)


def weather(rows: int, seed: int = 0) -> list[str | None]:
    rng = np.random.default_rng(seed)
    return [None if rng.random() < 0.02 else str(word) for word in rng.choice(["sun", "rain", "12"], rows)]


def runs(tokens: list[str | None], length: int = 3) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for at in range(len(tokens) - length + 1):
        run = tuple(token for token in tokens[at : at + length] if token)
        if len(run) == length:
            found[run] = found.get(run, 0) + 1
    return dict(sorted(found.items()))


async def learned_runs(node: Node) -> dict[tuple[str, ...], int]:
    return ngrams((await node.projects.statistics("p")).moments)


@pytest.mark.parametrize("how", ["table", "rows", "file"])
async def test_a_column_of_tokens_is_learned_as_its_runs(how: str, node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters=ORDER)
    tokens, more = weather(500), weather(40, seed=1)
    for kind, part in (("learn", tokens), ("learn", more), ("forget", more)):
        if how == "table":
            await getattr(node.projects, kind)("p", Table({"word": Coded.of(part)}))
        elif how == "rows":
            await job(node, kind, "p", table={"names": ["word"], "rows": [[token] for token in part]})
        else:
            path = tmp_path / "words.csv"
            path.write_text("id,word\n" + "".join(f"{at},{token or ''}\n" for at, token in enumerate(part)))
            await job(node, kind, "p", path=str(path), types={"id": "X"})
    assert await learned_runs(node) == runs(tokens)
    assert [a.name for a in (await node.projects.info("p")).attributes] == [NGRAM]


@given(
    tokens=st.lists(st.sampled_from(["a", "b", "c|d", None]), max_size=30),
    cuts=st.lists(st.integers(0, 30)),
    order=st.integers(1, 4),
)
def test_runs_reach_over_the_batches_of_a_file(tokens: list[str | None], cuts: list[int], order: int) -> None:
    """Wherever a file is cut, and though a batch may be shorter than a run."""
    learned = Learned(NGRAM_SCHEMA, ProjectOptions.read({"sml_project_order": order}))
    for start, end in pairwise(sorted({0, len(tokens), *(cut for cut in cuts if cut < len(tokens))})):
        learned.learn(Table({"word": Coded.of(tokens[start:end])}), start + 1)
    expected = runs(tokens, order + 1)
    assert ngrams(Moments.from_bytes(learned.to_bytes())) == expected
    assert learned.rows == sum(expected.values())


async def test_several_columns_are_a_sequence_a_row(node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters={"sml_project_order": 1})
    path = tmp_path / "rows.csv"
    path.write_text("first,second,third\na,b,c\nb,b,\n")
    await job(node, "learn", "p", path=str(path))
    expected = {("a", "b"): 1, ("b", "b"): 1, ("b", "c"): 1}
    assert await learned_runs(node) == expected
    await job(node, "forget", "p", path=str(path), attributes=["first", "second"])
    assert await learned_runs(node) == {("b", "c"): 1}


async def test_a_file_is_predicted_as_one_sequence(node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters={"sml_project_order": 1})
    path = tmp_path / "words.csv"
    path.write_text("word\n" + "a\nb\n" * 50)
    await job(node, "learn", "p", path=str(path))
    record = await node.models.fit("p", "m", "mc", None, [NGRAM])
    moments = (await node.projects.statistics("p")).moments
    assert record.model == fit("mc", moments, None, [NGRAM]).to_dict()
    done = await job(node, "predict", "p", model="m", path=str(path))
    assert done["names"] == ["word", "next_Result", "next.p_Result", "seq.like_Result", "seq.loglike_Result"]
    assert done["sample"][:2] == [["a", "b", "1.0", "1.0", "0.0"], ["b", "a", "1.0", "1.0", "0.0"]]


async def test_sequences_have_no_encoder_and_one_order(node: Node) -> None:
    await node.projects.create("p", owner="ann", parameters=ORDER)
    await node.projects.create("q", owner="ann", parameters={"sml_project_order": 1})
    with pytest.raises(BadRequest, match="chains of the orders"):
        await node.transfer.merge("p", "q")
