"""Options of a project: which rows count, how finely, how levels are written; and freezing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.statistics import Coded, Moments, Schema, Table
from node.config import NodeConfig
from node.errors import BadRequest
from node.node import Node
from node.places import Place

FILTER = "sml_project_predicate_row_filter"
WINDOW = "sml_project_rolling_window_size"


async def learn_file(node: Node, project: str, path: Path, kind: str = "learn") -> Any:
    task = await node.jobs.submit(kind, actor=node.first_key, project=project, parameters={"path": str(path)})
    while not task.finished:
        task = await node.jobs.wait(task.id, 30)
    return task


def chosen(table: Table, keep: Callable[[dict[str, Any]], Any]) -> Table:
    columns = {
        name: np.array(column.decode(), dtype=object) if isinstance(column, Coded) else column
        for name, column in table.columns.items()
    }
    return table.take(np.flatnonzero(keep(columns)))


@pytest.mark.parametrize("how", ["table", "rows", "file"])
async def test_only_rows_that_pass_the_filter_are_learned(
    how: str, node: Node, schema: Schema, table, cells, csv_file, direct
) -> None:
    parameters = {FILTER: "delay >= 10; carrier != UA"}
    await node.projects.create("p", owner="ann", schema=schema, parameters=parameters)
    rows = table(500)
    named = ("AA", "B6", "WN")
    expected = direct(chosen(rows, lambda c: (c["delay"] >= 10) & np.isin(c["carrier"], named)))
    for kind in ("learn", "learn", "forget"):
        if how == "table":
            await getattr(node.projects, kind)("p", rows)
        elif how == "rows":
            sent = {"names": list(rows.names), "rows": cells(rows)}
            task = await node.jobs.submit(kind, actor=node.first_key, project="p", parameters={"table": sent})
            while not task.finished:
                task = await node.jobs.wait(task.id, 30)
            assert task.error is None
        else:
            task = await learn_file(node, "p", csv_file(rows), kind)
            assert task.result is not None, task.error
            assert task.result["remarks"] == [f"{expected.rows} of 500 rows pass the row filter"]
            assert task.result["learned"] == expected.rows
    info = await node.projects.info("p")
    assert (info.rows, info.digest) == (expected.rows, expected.digest())


async def test_rows_may_be_judged_by_a_column_that_is_not_learned(node: Node, tmp_path: Path) -> None:
    fixed = Schema.from_dict({"attributes": [{"name": "x", "type": "C", "quantum": "1"}]})
    parameters = {FILTER: "site == north"}
    await node.projects.create("p", owner="ann", schema=fixed, parameters=parameters)
    path = tmp_path / "t.csv"
    path.write_text("site,x,day\nnorth,1,2013-01-01\nsouth,2,2013-01-01\nnorth,4,2013-01-02\n")
    assert (await learn_file(node, "p", path)).error is None
    await node.projects.learn("p", Table.from_rows(["x", "site"], [[8, "north"], [16, "south"]]))
    info = await node.projects.info("p")
    assert (info.rows, [a.name for a in info.attributes]) == (3, ["x"])
    assert (await node.projects.statistics("p")).moments.univariate("x").mean == pytest.approx(13 / 3)
    with pytest.raises(BadRequest, match="'site == north': the table has no column 'site'"):
        await node.projects.learn("p", Table.from_rows(["x"], [[1]]))
    path.write_text("x\n1\n")
    assert "no column 'site'" in (await learn_file(node, "p", path)).error


async def test_an_error_behind_a_filter_names_the_row_of_the_table(node: Node, tmp_path: Path) -> None:
    schema = Schema.from_dict({"attributes": [{"name": "x", "type": "C", "quantum": "1"}]})
    await node.projects.create("p", owner="ann", schema=schema, parameters={FILTER: "x > 1"})
    with pytest.raises(BadRequest, match=r"'x', row 4: inf"):
        await node.projects.learn("p", Table({"x": np.array([0.0, 2.0, 0.0, np.inf])}))
    path = tmp_path / "t.csv"
    path.write_text("x\n0\n2\n0\ninf\n")
    assert "t.csv, column 'x', row 4: inf" in (await learn_file(node, "p", path)).error


async def test_a_finer_precision_counts_in_a_finer_unit(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i / 7!r},{i / 100}\n" for i in range(1, 50)))
    units = {}
    for precision in (40, 60, 80):
        parameters = {"precision": precision}
        schema, _ = await node.projects.schema_from(
            Place.of_file(str(path), None), actor=node.first_key, parameters=parameters
        )
        name = f"p{precision}"
        await node.projects.create(name, owner="ann", parameters=parameters)
        await learn_file(node, name, path)
        found = {a.name: a.quantum for a in (await node.projects.info(name)).attributes}
        assert found == {a.name: str(a.quantum) for a in schema.attributes}
        units[precision] = found["x"]
        assert found["y"] == "0.01"
    assert units == {40: "2^-37", 60: "2^-57", 80: "2^-77"}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"precison": 60}, "no project option 'precison'"),
        ({"precision": 50}, "precision 50"),
        ({"precision": "fine"}, "'fine' is not a whole number"),
        ({WINDOW: 0}, "0 is out of range"),
        ({WINDOW: 10**9}, "out of range"),
        ({FILTER: "delay is late"}, "'delay is late' is not of the form"),
        ({"lower_case": "maybe"}, "'maybe' is neither true nor false"),
    ],
)
async def test_options_that_cannot_be_are_refused_at_once(node: Node, parameters, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        await node.projects.create("p", owner="ann", parameters=parameters)
    assert await node.projects.list() == []


async def test_levels_in_lower_case_are_one_level_however_they_come(node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters={"lower_case": True})
    rows = [[1, " UA"], [2, "ua"], [3, "AA "], [4, "Ua"], [5, "aa"], [6, "dl"], [8, "DL"]]
    await node.projects.learn("p", Table.from_rows(["x", "carrier"], rows))
    path = tmp_path / "t.csv"
    path.write_text("x,carrier\n" + "".join(f"{x},{carrier}\n" for x, carrier in rows))
    await learn_file(node, "p", path)
    moments = (await node.projects.statistics("p")).moments
    assert moments.level_counts("carrier") == {"aa": 4, "dl": 4, "ua": 6}
    await node.models.fit("p", "m", "mlr", "x", ["carrier"])
    both = Table.from_rows(["carrier"], [["UA"], ["ua"]])
    first, second = (await node.models.predict("p", "m", both))["res"]
    assert first == second == pytest.approx(7 / 3)


@pytest.mark.parametrize("sizes", [[7, 5, 1, 1, 30, 2], [40, 1, 1], [3] * 15, [20], [19, 1, 20, 21]])
async def test_a_window_counts_the_last_rows_and_no_others(
    sizes: list[int], tmp_path: Path, schema: Schema, table, direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.window.PIECE_ROWS", 8)
    config = NodeConfig(home=tmp_path / "home", workers=1)
    every = [table(size, seed) for seed, size in enumerate(sizes)]
    for number, rows in enumerate(every):
        async with Node(config) as node:  # the window survives each restart
            if not number:
                await node.projects.create("p", owner="ann", schema=schema, parameters={WINDOW: "20"})
            info = await node.projects.learn("p", rows)
        last, left = [], 20
        for part in reversed(every[: number + 1]):
            last.append(part.slice(max(0, part.rows - left)))
            left = max(0, left - part.rows)
        expected = direct(*last)
        assert (info.rows, info.digest) == (min(20, sum(sizes[: number + 1])), expected.digest())


async def test_files_roll_through_a_window_too(
    tmp_path: Path, node: Node, schema: Schema, table, csv_file, direct
) -> None:
    parameters = {WINDOW: 100, FILTER: "distance > 1000"}
    await node.projects.create("p", owner="ann", schema=schema, parameters=parameters)
    seen = []
    for seed, size in enumerate([70, 300, 20]):
        rows = table(size, seed)
        seen.append(chosen(rows, lambda c: c["distance"] > 1000))
        task = await learn_file(node, "p", csv_file(rows))
        assert task.error is None
        assert task.result["learned"] == seen[-1].rows
    last, left = [], 100
    for part in reversed(seen):
        last.append(part.slice(max(0, part.rows - left)))
        left = max(0, left - part.rows)
    assert (await node.projects.info("p")).digest == direct(*last).digest()


async def test_a_window_grows_with_new_columns_and_forgets_what_it_had(node: Node) -> None:
    await node.projects.create("p", owner="ann", parameters={WINDOW: 4})
    await node.projects.learn("p", Table.from_rows(["x", "kind"], [[1.5, "a"], [2.5, "b"], [3.5, "a"]]))
    await node.projects.learn("p", Table.from_rows(["x", "y"], [[0.25, 1], [0.125, 7]]))
    moments = (await node.projects.statistics("p")).moments
    assert (moments.rows, moments.level_counts("kind")) == (4, {"a": 1, "b": 1})
    assert moments.univariate("y").missing == 2
    await node.projects.learn("p", Table.from_rows(["x", "kind", "y"], [[1, "c", 2]] * 9))
    schema = (await node.projects.row("p")).schema
    assert schema is not None
    alone = Moments(schema).learn(Table.from_rows(["x", "kind", "y"], [[1, "c", 2]] * 4))
    assert (await node.projects.statistics("p")).moments.digest() == alone.digest()


async def test_a_window_forgets_by_itself_and_is_bounded(node: Node, table, csv_file, monkeypatch) -> None:
    await node.projects.create("p", owner="ann", parameters={WINDOW: 50})
    await node.projects.learn("p", table(10))
    with pytest.raises(BadRequest, match="has a rolling window of 50 rows"):
        await node.projects.forget("p", table(10))
    assert "rolling window" in (await learn_file(node, "p", csv_file(table(10)), "forget")).error
    monkeypatch.setattr("node.window.MAX_CELLS", 100)
    with pytest.raises(BadRequest, match="a window of 50 rows of 4 attributes has more than 100 cells"):
        await node.projects.learn("p", table(10))
    await node.projects.delete("p")


async def test_a_frozen_project_does_not_change(tmp_path: Path, schema: Schema, table, csv_file) -> None:
    config = NodeConfig(home=tmp_path / "home", workers=1)
    async with Node(config) as node:
        await node.projects.create("p", owner="ann", schema=schema)
        before = await node.projects.learn("p", table(10))
        assert (await node.projects.freeze("p")).frozen
    async with Node(config) as node:
        for change in (node.projects.learn("p", table(3)), node.projects.forget("p", table(10))):
            with pytest.raises(BadRequest, match="project 'p' is frozen"):
                await change
        assert "is frozen" in (await learn_file(node, "p", csv_file(table(10)))).error
        assert (await node.projects.info("p")).digest == before.digest
        assert not (await node.projects.freeze("p", frozen=False)).frozen
        assert (await node.projects.learn("p", table(3))).rows == 13


async def test_profiles_are_counted_unless_they_are_not_wanted(node: Node, csv_file, table) -> None:
    await node.projects.create("with", owner="ann")
    await node.projects.create("without", owner="ann", parameters={"enableHistogram": "false"})
    for name in ("with", "without"):
        await learn_file(node, name, csv_file(table(300)))
        await node.projects.learn(name, table(50, 1))
    assert (await node.projects.info("with")).extras == ("profiles",)
    assert (await node.projects.info("without")).extras == ()
    many = (await node.exploration.explore("with", "uni", ["distance"])).values["distance"]
    few = (await node.exploration.explore("without", "uni", ["distance"])).values["distance"]
    assert {"skewness", "kurtosis", "median"} <= many.keys()
    assert not {"skewness", "median"} & few.keys()
    assert few["mean"] == many["mean"]


async def test_conditional_sums_are_counted_on_request(node: Node, table) -> None:
    await node.projects.create("plain", owner="ann")
    await node.projects.create("more", owner="ann", parameters={"conditionals": "true"})
    for name in ("plain", "more"):
        await node.projects.learn(name, table(100))
    assert (await node.projects.info("more")).extras == ("conditionals", "profiles")
    found = (await node.projects.statistics("more")).moments
    assert found.squared_products("night", "distance") > 0
    assert "condVariance" in (await node.exploration.explore("more", "bi", ["distance", "night"])).values
    assert (await node.transfer.merge("plain", "more")).extras == ("profiles",)
    with pytest.raises(BadRequest, match="'plain' counts no conditionals, which 'more' does"):
        await node.transfer.merge("more", "plain")


async def test_histograms_are_dropped_at_any_time_and_added_before_the_first_row(
    node: Node, schema: Schema, table
) -> None:
    await node.projects.create("p", owner="ann", schema=schema, parameters={"enableHistogram": False})
    assert (await node.projects.count_profiles("p", True)).extras == ("profiles",)
    learned = await node.projects.learn("p", table(40))
    assert learned.digest == Moments(schema).learn(table(40)).digest()
    slim = await node.projects.count_profiles("p", False)
    assert (slim.extras, slim.rows, slim.parameters) == ((), 40, {"enableHistogram": False})
    assert slim.digest == Moments(replace(schema, extras=frozenset())).learn(table(40)).digest()
    with pytest.raises(BadRequest, match="has learned 40 rows without histograms"):
        await node.projects.count_profiles("p", True)
    assert (await node.projects.forget("p", table(40))).rows == 0


async def test_a_window_that_lost_its_histograms_still_forgets_exactly(
    node: Node, schema: Schema, table
) -> None:
    await node.projects.create("p", owner="ann", schema=schema, parameters={WINDOW: 30})
    await node.projects.learn("p", table(30, 1))
    await node.projects.count_profiles("p", False)
    info = await node.projects.learn("p", table(20, 2))
    plain = replace(schema, extras=frozenset())
    expected = Moments(plain).learn(table(30, 1).slice(20)).learn(table(20, 2))
    assert info.digest == expected.digest()


@pytest.mark.parametrize("how", ["rows", "file"])
async def test_a_split_project_keeps_the_levels_apart(how: str, node: Node, tmp_path: Path) -> None:
    await node.projects.create("p", owner="ann", parameters={"partitionSplit": "class"})
    rows = [[x, x % 3] for x in range(60)]
    if how == "rows":
        await node.projects.learn("p", Table.from_rows(["x", "class"], rows))
    else:
        path = tmp_path / "t.csv"
        path.write_text("x,class\n" + "".join(f"{x},{level}\n" for x, level in rows))
        assert (await learn_file(node, "p", path)).error is None
    info = await node.projects.info("p")
    assert info.split == "class"
    assert {a.name: a.type for a in info.attributes} == {"x": "C", "class": "T"}
    moments = (await node.projects.statistics("p")).moments
    assert moments.univariate("x").mean == 29.5
    assert {level: part.rows for level, part in moments.parts().items()} == {"0": 20, "1": 20, "2": 20}
    assert moments.part("1").univariate("x").mean == 29.5
    assert (await node.exploration.explore("p", "uni", ["x"])).values["x"]["median"] == 29.5


async def test_a_split_needs_a_category(node: Node, schema: Schema) -> None:
    for split, words in (("delay", "'delay' is of type C"), ("nothing", "'nothing', which is not in")):
        with pytest.raises(BadRequest, match=words):
            await node.projects.create("p", owner="ann", schema=schema, parameters={"partitionSplit": split})
    made = await node.projects.create(
        "p", owner="ann", schema=schema, parameters={"partitionSplit": "carrier"}
    )
    assert made.split == "carrier"
