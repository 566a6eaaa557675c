"""Nothing that a client sends is a 500: it gets the dialect's documented error, and nothing changes."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import ROUTES

REFUSED = {400, 401, 403, 404, 405, 409, 413, 503}
FIXTURES = [HealthCheck.function_scoped_fixture]


@pytest.fixture
async def both(served, iris):
    """A node with a project p and a model m, to be thrown things at."""
    await served.symetry("POST", "/projects?pid=p")
    await served.symetry("POST", "/projects/p/learn", iris)
    await served.node.models.fit("p", "m", "mlr", "petal_width", ["sepal_length"], {})
    return served


FRAME = {
    "attributeNames": ["sepal_length", "virginica"],
    "attributeTypes": ["C", "B"],
    "data": [["5.1", "0"]],
}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/projects/p/learn", FRAME | {"data": [["1", "0"], ["1"]]}, "Row 1 has 1 cells"),
        ("/projects/p/learn", FRAME | {"data": [["1", "0", "0"]]}, "Row 0 has 3 cells"),
        ("/projects/p/learn", FRAME | {"data": ["ab"]}, "Row 0 is not a list"),
        ("/projects/p/learn", FRAME | {"data": [["1", ["0"]]]}, "'virginica'"),
        ("/projects/p/learn", FRAME | {"data": {"0": 1}}, "data"),
        ("/projects/p/learn", FRAME | {"attributeTypes": ["C", "Q"]}, "unknown type 'Q'"),
        ("/projects/p/learn", FRAME | {"attributeTypes": ["C", "CC"]}, "unknown type 'CC'"),
        ("/projects/p/learn", FRAME | {"attributeTypes": ["C"]}, "one type for each name"),
        ("/projects/p/learn", FRAME | {"attributeNames": ["a", "a"]}, "appears twice"),
        ("/projects/p/learn", FRAME | {"attributeNames": ["", "a"]}, "''"),
        ("/projects/p/learn", FRAME | {"attributeNames": [], "attributeTypes": [], "data": []}, "no columns"),
        ("/projects/p/learn", FRAME | {"attributeTypes": ["T", "B"]}, "sepal_length"),
        ("/projects/p/learn", FRAME | {"data": [["five", "0"]]}, "'five' is not a number"),
        ("/projects/p/learn", FRAME | {"data": [["Infinity", "0"]]}, "sepal_length"),
        ("/projects/p/learn", FRAME | {"data": [["1", "2"]]}, "virginica"),
        ("/projects/p/learn", {}, "attributeNames"),
        ("/projects/p/learn", [], "not a JSON object"),
        ("/projects/p/learn", None, "body is empty"),
        ("/projects/p/learn", b"{", "not JSON"),
        ("/projects/p/learn", b"\xff", "not UTF-8"),
        ("/projects/p/learn", b'{"attributeNames": ["\\ud800"]}', "not UTF-8"),
        ("/projects/p/learn", b"[" * 100_000, "nested too deeply"),
        ("/projects/p/learn", b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
        ("/projects/none/learn", FRAME, "Cannot Find SYMETRYML id[none] for Customer id ["),
        ("/projects/p/learn?async=perhaps", FRAME, "async"),
        ("/projects/p/learn?async=true", FRAME | {"data": [["1"]]}, "Row 0 has 1 cells"),
        (
            "/projects/p/explore?metric=uni",
            {"values": [{"inputAttributes": ["9"]}]},
            "no attribute with the id [9]",
        ),
        (
            "/projects/p/explore?metric=uni",
            {"values": [{"inputAttributes": ["²"]}]},
            "no attribute with the id",
        ),
        ("/projects/p/explore?metric=uni", {"values": [{"inputAttributeNames": ["z"]}]}, "no attribute [z]"),
        ("/projects/p/explore?metric=bi", {"values": [{"inputAttributes": ["0"]}]}, "takes two"),
        (
            "/projects/p/explore?metric=uni",
            {"values": [{"inputAttributes": ["0", "1"]}]},
            "values[0] names 2 attributes",
        ),
        ("/projects/p/explore?metric=uni", {"values": [{}]}, "values[0] names 0 attributes"),
        (
            "/projects/p/explore?metric=ttest",
            {"values": [{"inputAttributes": ["0"], "targets": ["1", "2"]}]},
            "is continuous. a group is",
        ),
        (
            "/projects/p/explore?metric=ttestmu",
            {"values": [{"inputAttributes": ["0"]}]},
            "'mu' is needed",
        ),
        (
            "/projects/p/explore?metric=ttestmu",
            {"values": [{"inputAttributes": ["0"], "extraParameters": {"fed_peer_uuid_for_explore": "x"}}]},
            "project 'p' takes part in no federation: there is no member 'x'",
        ),
        ("/projects/p/explore?metric=pca", {"values": [{}, {}]}, "one MLContext"),
        ("/projects/p/explore?metric=anova&async=true", {"values": [{}]}, "anova takes 1 or more"),
        ("/projects/p/vif?async=false", {"inputAttributes": ["0", "0"]}, "twice among the inputs"),
        ("/projects/p/vif", {"inputAttributes": ["7"]}, "no attribute with the id [7]"),
        ("/projects/none/vif", {"inputAttributes": ["0"]}, "Cannot Find SYMETRYML id[none]"),
        ("/projects/p/vif", {"values": [{}, {}]}, "values"),
        ("/projects/p/explorepca?explainedCovariance=2", {}, "explainedCovariance"),
        ("/projects/dataDrift", {}, "lack [driftPreferenceProjectName, driftAnalysisProjectName"),
        (
            "/projects/dataDrift",
            {
                "extraParameters": {
                    "driftPreferenceProjectName": "p",
                    "driftAnalysisProjectName": "none",
                    "driftMetric": "global",
                }
            },
            "Cannot Find SYMETRYML id[none]",
        ),
        (
            "/projects/dataDrift",
            {
                "extraParameters": {
                    "driftPreferenceProjectName": "p",
                    "driftAnalysisProjectName": "p",
                    "driftMetric": "sideways",
                }
            },
            "no metric of drift 'sideways'",
        ),
        ("/projects/p/explore?metric=tri", {"values": [{"inputAttributes": ["0"]}]}, "metric"),
        ("/projects/p/explore", {"values": [{"inputAttributes": ["0"]}]}, "metric"),
        ("/projects/p/explore?metric=uni", {"values": []}, "values"),
        (
            "/projects/p/explore?metric=uni",
            {"values": [{"inputAttributes": ["0"], "inputAttributeNames": ["virginica"]}]},
            "both by id and by name",
        ),
        ("/projects/p/build?modelid=x&algo=magic", {"targets": ["0"], "inputAttributes": ["1"]}, "algo"),
        ("/projects/p/build?algo=mlr", {"targets": ["0"], "inputAttributes": ["1"]}, "modelid"),
        ("/projects/p/build?modelid=x&algo=mlr", {"targets": ["0"]}, "one input"),
        ("/projects/p/build?modelid=x&algo=mlr&svdreduce=true", {"targets": ["0"]}, "at least one input"),
        ("/projects/p/predict/none", FRAME, "Generic Exception <Error no such model <none>>"),
        ("/projects/p/predict/m", FRAME | {"data": [["x", "0"]]}, "'x' is not a number"),
        ("/projects?pid=", None, "pid"),
        ("/projects", None, "pid"),
        ("/projects?pid=q&type=gpu", None, "type"),
        ("/projects?pid=q&type=partition", None, "needs partitionSplit"),
        ("/projects?pid=q", {"rf_type": "x"}, "no project option 'rf_type'"),
        ("/projects?pid=q", {"sml_project_autosave": {"a": 1}}, "sml_project_autosave"),
        ("/projects?pid=a%2Fb", None, "cannot be a name"),
        ("/projects?pid=%00", None, "cannot be a name"),
    ],
)
async def test_what_symetry_refuses_and_how(both, path, body, words):
    before = [await both.node.projects.info(p.name) for p in await both.node.projects.list()]
    answer = await both.symetry("POST", path, body)
    assert (answer.status, answer.json["statusCode"], answer.json["values"]) == (400, "BAD_REQUEST", {})
    assert words in answer.json["statusString"]
    assert [await both.node.projects.info(p.name) for p in await both.node.projects.list()] == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/api/projects", {"name": "q", "colour": "red"}, 400, "colour"),
        ("POST", "/api/projects", {"name": ""}, 400, "name"),
        (
            "POST",
            "/api/projects",
            {"name": "q", "schema": {"attributes": [{"name": "x", "type": "Q"}]}},
            400,
            "'Q'",
        ),
        ("POST", "/api/projects", {"name": "q", "schema": {}, "schema_from": {"path": "/x"}}, 400, "Both"),
        (
            "POST",
            "/api/projects",
            {"name": "q", "schema_from": {"path": "/no/such.csv"}},
            400,
            "/no/such.csv",
        ),
        ("POST", "/api/projects", {"name": "q", "federation": "none"}, 404, "none"),
        (
            "POST",
            "/api/projects",
            {"name": "q", "parameters": json.loads("[" * 20 + "]" * 20)},
            400,
            "parameters",
        ),
        (
            "POST",
            "/api/projects",
            {"name": "q", "parameters": {"a": json.loads("[" * 20 + "]" * 20)}},
            400,
            "nested",
        ),
        ("POST", "/api/projects/p/learn", {}, 400, "nothing to learn"),
        (
            "POST",
            "/api/projects/p/learn",
            {"path": "/x", "names": ["a"], "rows": []},
            400,
            "nothing to learn",
        ),
        ("POST", "/api/projects/p/learn", {"path": "relative.csv"}, 400, "absolute"),
        ("POST", "/api/projects/p/learn", {"names": ["a"], "rows": [[1], 2]}, 400, "Row 1"),
        (
            "POST",
            "/api/projects/p/learn",
            {"names": ["a"], "rows": [[1]], "types": {"a": "Q"}},
            400,
            "types.a",
        ),
        (
            "POST",
            "/api/projects/p/forget",
            {"names": ["virginica"], "rows": [[1]] * 99},
            400,
            "more were forgotten",
        ),
        ("GET", "/api/projects/p/explore?metric=tri", None, 400, "metric"),
        ("GET", "/api/projects/p/explore?attributes=none", None, 400, "none"),
        ("GET", "/api/projects/none/statistics", None, 404, "none"),
        ("POST", "/api/projects/p/models", {"name": "x", "algorithm": "magic"}, 400, "magic"),
        (
            "POST",
            "/api/projects/p/models",
            {"name": "x", "algorithm": "ridge", "parameters": {"alpha": 10**400}},
            400,
            "alpha",
        ),
        (
            "POST",
            "/api/projects/p/models",
            {"name": "x", "algorithm": "mlr", "target": "z", "inputs": ["virginica"]},
            400,
            "z",
        ),
        (
            "POST",
            "/api/projects/p/models/m/predict",
            {"names": ["sepal_length"], "rows": [["x"]]},
            400,
            "'x'",
        ),
        ("GET", "/api/jobs/none", None, 404, "none"),
        ("GET", "/api/jobs/1?wait=forever", None, 400, "wait"),
        ("GET", "/api/jobs/1?wait=nan", None, 400, "wait"),
        ("GET", "/api/jobs?limit=0", None, 400, "limit"),
        ("POST", "/api/federations/join", {"invitation": "nonsense"}, 400, "invitation"),
        ("GET", "/api/federations/none", None, 404, "none"),
        ("DELETE", "/api/projects/none", None, 404, "none"),
    ],
)
async def test_what_native_refuses_and_how(both, method, path, body, status, words):
    answer = await both.native(method, path, body)
    assert answer.status == status, answer.text
    assert set(answer.error) == {"code", "message", "remedy"}
    assert words in answer.error["message"]


async def test_an_encrypted_map_under_another_key_is_refused(both):
    answer = await both.symetry(
        "POST", "/fedml/create?pid=f", b"5XzpRW1z+toD/PW+yQ1sQssUt7hxBeqIIMyhXY4iqU0="
    )
    assert (answer.status, answer.json["statusString"]) == (
        400,
        "The request body is not encrypted under the user's secret key",
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {name for route in ROUTES if route.body is not None for name in route.body.model_fields}
    | {
        "attributeNames",
        "attributeTypes",
        "inputAttributes",
        "targetAttributeNames",
        "fed_name",
        "schema",
        "passwd",
    }
)
BODIES = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=5) | ANYTHING
NEARLY_TABLES = st.fixed_dictionaries(
    {
        "attributeNames": st.lists(st.sampled_from(["sepal_length", "virginica", "new", ""]), max_size=3),
        "attributeTypes": st.lists(st.sampled_from(["C", "B", "T", "S", "Q"]), max_size=3),
        "data": st.lists(
            st.lists(st.none() | st.floats() | st.text(max_size=3) | ANYTHING, max_size=3), max_size=3
        ),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURES)
@given(data=st.data(), route=st.sampled_from([r for r in ROUTES if r.body is not None]))
async def test_random_json_is_never_a_500(hostile, data, route):
    body = data.draw(BODIES | NEARLY_TABLES)
    await hostile(route, {"pid": "p", "project": "p", "mid": "m", "model": "m"}, body)


@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURES)
@given(
    route=st.sampled_from([r for r in ROUTES if "{" in r.path]),
    part=st.text(min_size=1, max_size=8).filter(lambda text: text not in (".", "..")),
    query=st.dictionaries(
        st.sampled_from(
            ["async", "metric", "attributes", "pid", "modelid", "algo", "wait", "limit", "newName"]
        ),
        st.text(max_size=4),
        max_size=3,
    ),
)
async def test_random_names_are_never_a_500(hostile, route, part, query):
    await hostile(route, {}, {"values": [{"inputAttributes": ["0"]}]}, part, query)


@pytest.fixture
def hostile(both):
    """Send a body to a route, its variable parts filled in; fail at a 500 or at a stack trace."""

    async def throw(route, parts, body, other="p", query=None):
        query = query or {}
        path = re.sub(r"\{(\w+)\}", lambda match: quote(parts.get(match[1], other), safe=""), route.path)
        if query:
            path += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        data = json.dumps(body).encode()
        if route.dialect == "symetry":
            cid = f"/symetry/rest/{both.symetry.key.access_key}"
            path = path.replace(f"/symetry/rest/{quote(other, safe='')}", cid, 1)
            separator = "&" if "?" in path else "?"
            for name, value in {"pid": "h", "metric": "uni", "modelid": "h", "algo": "mlr"}.items():
                if name not in query:
                    path, separator = f"{path}{separator}{name}={value}", "&"
            answer = await both.symetry.raw(route.method, path, data)
            assert set(answer.json) == {"statusCode", "statusString", "values"}
        else:
            answer = await both.native(route.method, path, body)
            if answer.status >= 400:
                form = {"error"}
                if route.dialect == "gravity":
                    form = {"data", "errorMessage", "isError"}
                elif route.dialect == "morpheo" and not route.path.startswith("/storage"):
                    form = {"Error"}
                assert set(answer.json) == form
                assert route.dialect != "native" or set(answer.error) == {"code", "message", "remedy"}
        assert answer.status < 400 or answer.status in REFUSED, (route, body, answer)
        assert "Traceback" not in answer.text

    return throw
