"""Exploration through SymetryML's calls: every metric's keys, each call's entities, at once and as a job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.outliers_influence import variance_inflation_factor

from api.symetry.explore_views import entities
from federation.statistics import Extra

NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture
async def learned(served, iris):
    """A project p that has learned iris: four numbers, a 0/1 column and a category; and half of it as odd."""
    rows = [[*row, ("virginica" if row[4] == "1" else "other")] for row in iris["data"]]
    frame = {
        "attributeNames": [*iris["attributeNames"], "kind"],
        "attributeTypes": [*iris["attributeTypes"], "T"],
    }
    for pid, part in (("p", rows), ("odd", rows[::2])):
        await served.symetry("POST", f"/projects?pid={pid}")
        await served.symetry("POST", f"/projects/{pid}/learn", frame | {"data": part})
    return served.symetry


@pytest.fixture
def columns(iris):
    return {name: np.array([float(row[at]) for row in iris["data"]]) for at, name in enumerate(NAMES)}


@pytest.fixture
def virginica(iris):
    return np.array([row[4] == "1" for row in iris["data"]])


def named(inputs, targets=(), **parameters):
    return {
        "inputAttributeNames": list(inputs),
        "targetAttributeNames": list(targets),
        "extraParameters": parameters,
    }


@pytest.mark.parametrize(
    ("metric", "context", "keys"),
    [
        ("ztest", named(NAMES[:2]), "zn1 zn2 zm1 zm2 zs1 zs2 z zp"),
        ("ztestp", named(["virginica"], ["kind"]), "z zp"),
        ("ztestmu", named(NAMES[:1], sml_explore_ztest_known_mu="5.8"), "z zp"),
        (
            "ttest",
            named(NAMES[:1], ["kind$other", "kind$virginica"]),
            "tn1 tn2 tm1 tm2 ts1 ts2 t tdf tp tu tdfu tpu",
        ),
        ("ttestmu", named(NAMES[:1], sml_explore_ttest_known_mu="5.8"), "t tp"),
        ("ftest", named(NAMES[:2]), "fn1 fn2 fm1 fm2 fs1 fs2 fdf1 fdf2 f fp"),
        ("ftestmu", named(NAMES[:1], sml_explore_ftest_known_sigma="0.8"), "f fp"),
        ("anova", named(NAMES), "SSb SSw Dfb Dfw MSb MSw F P Ssgamma Dfgamma"),
        (
            "chi2",
            named(["kind$other", "kind$virginica"], ["kind$other", "kind$virginica"]),
            "chiStat df pval coef obs$kind$virginica:kind$virginica obs$kind$virginica:kind$other "
            "obs$kind$other:kind$other obs$kind$other:kind$virginica",
        ),
        ("gain", named(["kind"], ["virginica"]), "gain entropy condEntropy gainRatio"),
    ],
)
async def test_a_metric_answers_under_its_documented_keys(learned, metric, context, keys):
    answer = await learned("POST", f"/projects/p/explore?metric={metric}", {"values": [context]})
    assert answer.status == 200, answer.json
    (found,) = answer.json["values"]["KSVDMap"]["values"]
    assert set(found) == set(keys.split())


async def test_several_questions_are_answered_at_once_and_by_one_job(learned, columns, virginica):
    body = {"values": [named([name], ["kind"]) for name in NAMES]}
    now = await learned("POST", "/projects/p/explore?metric=ttest", body)
    later = await learned.finished(await learned("POST", "/projects/p/explore?metric=ttest&async=true", body))
    maps = now.json["values"]["KSVDMap"]["values"]
    assert later.json["values"]["KSVDMap"]["values"] == maps
    assert later.json["values"]["smlInfo"]["pid"] == "p"
    for name, found in zip(NAMES, maps, strict=True):
        expected = stats.ttest_ind(columns[name][~virginica], columns[name][virginica])
        assert (found["t"], found["tp"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)


async def test_groups_of_binary_attributes_in_a_project_with_conditionals(served, iris, columns, virginica):
    await served.symetry("POST", "/projects?pid=full", {"conditionals": "true"})
    frame = iris | {
        "attributeNames": [*iris["attributeNames"], "other"],
        "attributeTypes": [*iris["attributeTypes"], "B"],
        "data": [[*row, "0" if row[4] == "1" else "1"] for row in iris["data"]],
    }
    await served.symetry("POST", "/projects/full/learn", frame)
    question = {"values": [{"inputAttributes": ["0"], "targets": ["4", "5"]}]}
    answer = await served.symetry("POST", "/projects/full/explore?metric=ttest", question)
    (found,) = answer.json["values"]["KSVDMap"]["values"]
    x = columns["sepal_length"]
    expected = stats.ttest_ind(x[virginica], x[~virginica])
    assert (found["t"], found["tp"]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)
    question = {"values": [{"inputAttributes": ["0"], "targets": ["3"]}]}
    answer = await served.symetry("POST", "/projects/full/explore?metric=bi", question)
    (found,) = answer.json["values"]["KSVDMap"]["values"]
    y = columns["petal_width"]
    variance = (x * y) @ (x * y) / y.sum() - (x @ y / y.sum()) ** 2
    assert found["condVariance"] == pytest.approx(variance, rel=1e-10)


async def test_variance_inflation_is_a_job_that_answers_by_index(learned, columns):
    started = await learned("POST", "/projects/p/vif", {"inputAttributes": ["0", "1", "2", "3"]})
    assert started.status == 202
    info = (await learned("GET", "/jobs")).json["values"]["jobinfo"][0]
    assert info["jobType"] == "ExploreVIFJob"
    (found,) = (await learned.finished(started)).json["values"]["KSVSMap"]["values"]
    design = np.column_stack([np.ones(len(columns["sepal_length"])), *columns.values()])
    expected = {str(at): variance_inflation_factor(design, at + 1) for at in range(4)}
    assert {key: float(value) for key, value in found.items()} == pytest.approx(expected, rel=1e-8)
    now = await learned(
        "POST", "/projects/p/vif?async=false", {"values": [{"inputAttributes": ["0", "1", "2", "3"]}]}
    )
    assert now.json["values"] == {"KSVSMap": {"values": [found]}}


async def test_principal_components_are_tables(learned, columns):
    body = named(NAMES, pcaNumDimension="3")
    answer = await learned.finished(
        await learned("POST", "/projects/p/explorepca?explainedCovariance=1", body)
    )
    values = answer.json["values"]
    assert set(values) == {"pcaVectors", "pcaValues", "pcaSumValues"}
    vectors = values["pcaVectors"]
    assert vectors["attributeNames"] == ["attribute", "PC1", "PC2", "PC3"]
    assert [row[0] for row in vectors["data"]] == NAMES
    covariance = np.cov(np.array(list(columns.values())))
    expected = np.linalg.eigvalsh(covariance)[::-1]
    assert [float(value) for value in values["pcaValues"]["data"][0]] == pytest.approx(expected[:3], rel=1e-9)
    assert values["pcaSumValues"] == pytest.approx(np.trace(covariance), rel=1e-12)
    few = await learned("POST", "/projects/p/explorepca?explainedCovariance=0.9&async=false", named(NAMES))
    assert few.json["values"]["pcaValues"]["attributeNames"] == ["PC1"]


async def test_singular_values_name_their_attributes(learned, columns):
    table = np.column_stack(list(columns.values()))
    expected = np.linalg.svd(table - table.mean(axis=0), compute_uv=False)
    answer = await learned.finished(await learned("POST", "/projects/p/exploresvd", named(NAMES)))
    (found,) = answer.json["values"]["KSVSMap"]["values"]
    assert [float(value) for value in found] == pytest.approx(expected, rel=1e-7)
    assert sorted(found.values()) == sorted(NAMES)
    selected = await learned("POST", "/projects/p/exploresvdfs?async=false", named(NAMES))
    assert sorted(selected.json["values"]["KSVSMap"]["values"][0].values()) == sorted(NAMES)


@pytest.mark.parametrize("metric", ["global", "marginal_stat", "pca_reconstruction_error"])
async def test_drift_between_two_projects(learned, metric):
    def body(analysis):
        return named(
            NAMES[:3],
            driftPreferenceProjectName="p",
            driftAnalysisProjectName=analysis,
            driftMetric=metric,
        )

    (moved,) = (await learned("POST", "/projects/dataDrift", body("odd"))).json["values"]["KSVDMap"]["values"]
    assert set(moved) == {"driftScore", *(f"{name}_drift" for name in NAMES[:3])}
    (still,) = (await learned("POST", "/projects/dataDrift", body("p"))).json["values"]["KSVDMap"]["values"]
    assert still["driftScore"] == pytest.approx(0.0, abs=1e-6)
    assert moved["driftScore"] > 1e-4


async def test_densities_at_once_and_by_a_job(learned, served, iris, columns):
    given = (await served.node.projects.statistics("p")).moments.schema
    schema = replace(given, extras=frozenset({Extra.PROFILES}))
    await served.node.projects.create("profiled", owner="admin", schema=schema)
    rows = [[*row, "any"] for row in iris["data"]]
    frame = {
        "attributeNames": [*iris["attributeNames"], "kind"],
        "attributeTypes": [*iris["attributeTypes"], "T"],
        "data": rows,
    }
    assert (await learned("POST", "/projects/profiled/learn", frame)).status == 200
    body = {"values": [named(["petal_length"], hist_bins="7"), named(["sepal_width"], hist_bins="5")]}
    now = await learned("POST", "/projects/profiled/densityEstimate?useLocal=true", body)
    first, second = now.json["values"]["densityList"]["values"]
    assert (first["attrName"], second["attrName"]) == ("petal_length", "sepal_width")
    x = columns["petal_length"]
    width = (x.max() - x.min()) / 7
    assert (first["min"], first["max"], first["width"]) == pytest.approx((x.min(), x.max(), width))
    places = np.minimum((x - x.min()) / width, 6).astype(int)
    assert first["histogram"] == np.bincount(places, minlength=7).tolist()
    later = await learned.finished(
        await learned("POST", "/projects/profiled/densityEstimate?async=true", body)
    )
    assert later.json["values"] == now.json["values"]
    refused = await learned(
        "POST", "/projects/profiled/densityEstimate", {"values": [named(["sepal_width"])]}
    )
    assert (refused.status, refused.json["statusCode"]) == (400, "BAD_REQUEST")
    assert "'bins' is needed" in refused.json["statusString"]
    question = {"values": [named(["petal_length"])]}
    (found,) = (await learned("POST", "/projects/profiled/explore?metric=uni", question)).json["values"][
        "KSVDMap"
    ]["values"]
    assert {"skewness", "kurtosis", "min", "max", "median"} < set(found)


async def test_conditional_densities_of_a_split_project(learned, served, iris, columns, virginica):
    given = (await served.node.projects.statistics("p")).moments.schema
    schema = replace(given, extras=frozenset({Extra.PROFILES}), split="kind")
    await served.node.projects.create("parted", owner="admin", schema=schema)
    frame = {
        "attributeNames": [*iris["attributeNames"], "kind"],
        "attributeTypes": [*iris["attributeTypes"], "T"],
        "data": [[*row, ("virginica" if row[4] == "1" else "other")] for row in iris["data"]],
    }
    assert (await learned("POST", "/projects/parted/learn", frame)).status == 200
    pair = {"inputAttributeNames": ["petal_length", "kind"]}
    answer = await learned("POST", "/projects/parted/conditionalDensityEstimate?tps=8", {"values": [pair]})
    found = answer.json["values"]["densityList"]["values"]
    assert [item["attrName"] for item in found] == ["petal_length|kind$other", "petal_length|kind$virginica"]
    x = columns["petal_length"]
    for item, rows in zip(found, (x[~virginica], x[virginica]), strict=True):
        places = np.minimum((rows - x.min()) / ((x.max() - x.min()) / 8), 7).astype(int)
        assert item["histogram"] == np.bincount(places, minlength=8).tolist()
    for names in (["petal_length"], ["petal_length", "sepal_width"]):
        body = {"values": [{"inputAttributeNames": names}]}
        assert (await learned("POST", "/projects/parted/conditionalDensityEstimate", body)).status == 400


async def test_a_model_is_built_of_attributes_that_do_not_depend_on_each_other(served, iris):
    frame = iris | {
        "attributeNames": ["twice", *iris["attributeNames"]],
        "attributeTypes": ["C", *iris["attributeTypes"]],
        "data": [[str(round(2 * float(row[0]), 1)), *row] for row in iris["data"]],
    }
    await served.symetry("POST", "/projects?pid=p")
    await served.symetry("POST", "/projects/p/learn", frame)
    context = named(["twice", *NAMES[:3]], ["petal_width"])
    failed = await served.symetry.finished(
        await served.symetry("POST", "/projects/p/build?modelid=m&algo=mlr", context)
    )
    assert "linear combination" in failed.json["statusString"]
    built = await served.symetry.finished(
        await served.symetry("POST", "/projects/p/build?modelid=m&algo=mlr&svdreduce=true", context)
    )
    assert built.status == 200
    inputs = (await served.node.models.get("p", "m")).inputs
    assert len(inputs) == 3
    assert {"sepal_width", "petal_length"} < set(inputs)


def test_ten_thousand_components_are_told_as_well():
    """An answer is not held to the limits of what the node takes."""
    many = 10_001
    values = {"pcaVectors": {"x" * 300: [0.0] * many}, "pcaValues": [1.0] * many, "pcaSumValues": 1.0}
    found = entities("pca", [(["x"], [], values)], None)
    assert len(found["pcaVectors"].attribute_names) == many + 1
    assert found["pcaValues"].data == [["1.0"] * many]
