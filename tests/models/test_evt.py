"""Extreme value thresholds: the tail against scipy's fit, the stream against SPOT written out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import datasets
from statsmodels.datasets import sunspots

from federation.models import EvtSettings, ModelError, fit, fit_mahalanobis, from_dict, watch
from federation.models.pareto_tail import Tail, fit_pareto
from federation.statistics import Moments, Table

Learned = Callable[..., Moments]
Tabulated = Callable[[dict[str, Any]], Table]


def series() -> dict[str, Any]:
    """Real measurements: tumour areas, blood sugar's progression, the sun's spots year by year."""
    return {
        "area": datasets.load_breast_cancer().data[:, 3],
        "diabetes": datasets.load_diabetes(scaled=False).target,
        "sunspots": sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(),
    }


@pytest.mark.parametrize("data", ["area", "diabetes", "sunspots"])
@pytest.mark.parametrize("quantile", [0.75, 0.9])
def test_the_tail_is_of_greatest_likelihood(data: str, quantile: float) -> None:
    values = series()[data]
    start = np.quantile(values, quantile)
    peaks = values[values > start] - start
    ours = fit_pareto(peaks)
    shape, _, scale = stats.genpareto.fit(peaks, floc=0.0)
    likelihood = stats.genpareto.logpdf(peaks, ours.shape, 0.0, ours.scale).sum()
    theirs = stats.genpareto.logpdf(peaks, shape, 0.0, scale).sum()
    # scipy's simplex search stops near the maximum, not at it.
    assert likelihood >= theirs - 1e-9
    assert (ours.shape, ours.scale) == pytest.approx((shape, scale), rel=1e-4)
    print(
        f"\nevt {data} beyond {quantile}: γ {ours.shape:.5f}, σ {ours.scale:.5f}, ln L {likelihood:.6f}; "
        f"scipy γ {shape:.5f}, σ {scale:.5f}, ln L {theirs:.6f}"
    )


@pytest.mark.parametrize("shape", [-0.4, -0.1, 0.0, 0.2, 0.8])
def test_a_known_tail_is_found(shape: float) -> None:
    peaks = stats.genpareto.rvs(shape, scale=3.0, size=20_000, random_state=7)
    ours = fit_pareto(peaks)
    assert (ours.shape, ours.scale) == pytest.approx((shape, 3.0), abs=0.08)


def spot(values: Any, settings: EvtSettings) -> tuple[Any, Any]:
    """Algorithms 1 and 2 of Siffer et al. (2017), with scipy's fit of the tail."""
    depth, warmup = settings.window, settings.warmup
    window = list(values[:depth])
    offsets = []
    for value in values[depth:warmup]:
        offsets.append(value - (np.mean(window) if depth else 0.0))
        window = [*window, value][-depth:] if depth else []
    start = np.quantile(offsets, settings.quantile)
    peaks = [offset - start for offset in offsets if offset > start]
    seen = len(offsets)

    def level() -> float:
        shape, _, scale = stats.genpareto.fit(peaks, floc=0.0)
        return start + scale / shape * ((settings.alpha * seen / len(peaks)) ** -shape - 1.0)

    z = level()
    flags, thresholds = [], []
    for value in values[warmup:]:
        middle = np.mean(window) if depth else 0.0
        thresholds.append(z + middle)
        flags.append(value - middle > z)
        if flags[-1]:
            continue
        seen += 1
        if value - middle > start:
            peaks.append(value - middle - start)
            z = level()
        window = [*window, value][-depth:] if depth else []
    return np.array(flags), np.array(thresholds)


@pytest.mark.parametrize("data", ["area", "diabetes", "sunspots"])
@pytest.mark.parametrize("window", [0, 40])
def test_the_stream_is_that_of_the_paper(
    data: str, window: int, learned: Learned, tabulated: Tabulated
) -> None:
    values = series()[data]
    options = {"evt_alpha": 0.02, "evt_quantile": 90, "evt_warmup_size": 200, "evt_window_size": window}
    columns = {"x": values}
    model = fit("evt", learned(columns), None, ["x"], **options)
    result = model.predict(tabulated(columns))
    flags, thresholds = spot(values, EvtSettings(0.02, 0.9, 200, window))
    assert np.isnan(result["evt_threshold"][:200]).all() and not result["evt_is_anomaly"][:200].any()
    np.testing.assert_array_equal(result["res"], values)
    # scipy's simplex search stops near the maximum, not at it.
    np.testing.assert_allclose(result["evt_threshold"][200:], thresholds, rtol=1e-5)
    np.testing.assert_array_equal(result["evt_is_anomaly"][200:], flags)
    worst = np.abs(result["evt_threshold"][200:] / thresholds - 1.0).max()
    print(f"\nevt {data}, window {window}: {flags.sum()} flagged, thresholds within {worst:.1e} of SPOT's")


def test_any_score_is_watched_from_where_the_last_one_left_it(learned: Learned, tabulated: Tabulated) -> None:
    bunch = datasets.load_breast_cancer()
    inputs = [f"x{i}" for i in range(5)]
    columns = dict(zip(inputs, bunch.data.T, strict=False))
    model = fit_mahalanobis(learned(columns), inputs)
    settings = EvtSettings(alpha=0.01, quantile=0.95, warmup=300, window=0, both=True)
    table = tabulated(columns)
    watched = watch(model, settings)
    whole = watched.predict(table)
    assert set(whole) == {"res", "p", "evt_is_anomaly", "evt_threshold_upper", "evt_threshold_lower"}
    np.testing.assert_array_equal(whole["res"], model.predict(table)["res"])
    first, after = watched.advance(table.slice(0, 350))
    again = from_dict(json.loads(json.dumps(after.to_dict(), allow_nan=False)))
    assert again == after
    rest = again.predict(table.slice(350))
    for key in whole:
        np.testing.assert_array_equal(np.concatenate([first[key], rest[key]]), whole[key])
    flagged = whole["evt_is_anomaly"].astype(bool)
    beyond = (whole["res"] > whole["evt_threshold_upper"]) | (whole["res"] < whole["evt_threshold_lower"])
    np.testing.assert_array_equal(flagged, beyond)
    assert 0 < flagged.sum() < 30


def test_a_score_is_fitted_by_its_name(learned: Learned, tabulated: Tabulated) -> None:
    bunch = datasets.load_breast_cancer()
    inputs = [f"x{i}" for i in range(4)]
    columns = dict(zip(inputs, bunch.data.T, strict=False))
    options = {"evt_warmup_size": 300, "evt_window_size": 0, "evt_alpha": 0.01}
    model = fit("evt", learned(columns), None, inputs, score="oospca", **options)
    result = model.predict(tabulated(columns))
    assert set(result) == {"res", "evt_is_anomaly", "evt_threshold"}


def test_a_missing_score_is_neither_judged_nor_remembered(learned: Learned, tabulated: Tabulated) -> None:
    values = series()["area"]
    holes = np.where(np.arange(len(values)) % 7 == 3, np.nan, values)
    options = {"evt_warmup_size": 250, "evt_window_size": 20, "evt_alpha": 0.01}
    model = fit("evt", learned({"x": values}), None, ["x"], **options)
    with_holes = model.predict(tabulated({"x": holes}))
    without = model.predict(tabulated({"x": holes[~np.isnan(holes)]}))
    np.testing.assert_array_equal(with_holes["evt_threshold"][~np.isnan(holes)], without["evt_threshold"])
    assert not with_holes["evt_is_anomaly"][np.isnan(holes)].any()


@pytest.mark.parametrize(
    ("target", "inputs", "options", "message"),
    [
        ("y", ["x"], {}, "evt has no target: leave 'y' out, or say in score"),
        (None, ["x", "y"], {}, "evt watches one numeric attribute, not 'x', 'y'"),
        (None, ["kind"], {}, "evt watches one numeric attribute, not 'kind'"),
        (None, ["x"], {"evt_quantile": 98}, "evt_alpha is 0.025: choose it between 0 and 0.02"),
        (None, ["x"], {"evt_quantile": 0}, "evt_quantile is 0: choose a share"),
        (None, ["x"], {"evt_warmup_size": 500}, "evt_warmup_size is 500: at least 650"),
        (
            None,
            ["x"],
            {"evt_window_size": -1},
            "evt_window_size is -1 and evt_max_exceedances 100000: give at least 0",
        ),
        (None, ["x"], {"score": "magic"}, "algorithm 'magic' is unknown"),
        (None, ["nowhere"], {}, "attribute 'nowhere' is unknown"),
    ],
)
def test_what_is_refused(
    target: str | None, inputs: list[str], options: dict[str, Any], message: str, learned: Learned
) -> None:
    moments = learned({"x": [1.0, 2.0, 4.0], "y": [2.0, 1.0, 5.0], "kind": ["a", "b", "a"]})
    with pytest.raises(ModelError, match=message):
        fit("evt", moments, target, inputs, **options)


def test_scores_without_a_tail_are_refused(learned: Learned, tabulated: Tabulated) -> None:
    columns = {"x": [1.0, 2.0] + [2.0] * 300, "kind": ["a", "b"] * 151}
    moments = learned(columns)
    model = fit("evt", moments, None, ["x"], evt_warmup_size=250, evt_window_size=0)
    with pytest.raises(ModelError, match="no score of the 250 to calibrate on is above"):
        model.predict(tabulated(columns))
    classes = watch(fit("bayes", moments, "kind", ["x"]))
    with pytest.raises(ModelError, match="the model watched has no numbers 'res': it has 'Prob'"):
        classes.predict(tabulated(columns))


def test_the_limit_is_not_below_where_the_tail_starts() -> None:
    """Among many equal scores fewer than alpha pass the start: the tail says nothing of what lies below."""
    scores = np.concatenate([np.zeros(900), np.full(85, 5.0), np.linspace(6.0, 9.0, 15)])
    tail = Tail.of(scores, 0.95, 0.025, 1000)
    assert tail.start == 5.0
    assert tail.threshold == 5.0
