"""/openapi.json describes exactly the calls that are there, in all dialects."""

from __future__ import annotations

import json
import re

import pytest

from api.app import ROUTES
from api.clearml import ENDPOINTS
from api.openapi import document

OPEN = {
    "/healthz", "/metrics", "/openapi.json", "/docs", "/debug.ping", "/auth.fixed_users_mode",
    "/login.supported_modes", "/login.logout", "/storage/", "/storage/health",
    "/api/v1/results/{token}/{name}",
}  # fmt: skip


@pytest.fixture
async def spec(served):
    return (await served.anonymous("GET", "/openapi.json")).json


def test_every_registered_route_is_described_and_nothing_else(served_app, spec):
    registered = {
        (route.method.lower(), route.resource.canonical)
        for route in served_app.router.routes()
        if route.method != "HEAD" and "{endpoint}" not in route.resource.canonical
    }
    described = {
        (method, path)
        for path, methods in spec["paths"].items()
        for method, call in methods.items()
        if call["tags"] != ["clearml"]
    }
    assert described == registered


def test_every_endpoint_of_clearml_is_described_and_nothing_else(spec):
    described = {
        (method, path)
        for path, methods in spec["paths"].items()
        for method, call in methods.items()
        if call["tags"] == ["clearml"]
    }
    assert described == {("post", f"/{endpoint.name}") for endpoint in ENDPOINTS}


@pytest.fixture
def served_app(served, app_of):
    return app_of(served.node)


def test_every_reference_leads_somewhere(spec):
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(spec)):
        place = spec
        for part in reference.split("/"):
            place = place[part]


def test_names_of_operations_differ(spec):
    names = [call["operationId"] for methods in spec["paths"].values() for call in methods.values()]
    assert len(set(names)) == len(names) == len(ROUTES) + len({endpoint.name for endpoint in ENDPOINTS})


def test_path_parameters_are_declared(spec):
    for path, methods in spec["paths"].items():
        for call in methods.values():
            declared = {p["name"] for p in call.get("parameters", []) if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_whatever_needs_a_key_says_so(spec):
    for path, methods in spec["paths"].items():
        for call in methods.values():
            schemes = {
                "native": ["basic"],
                "morpheo": ["basic"],
                "gravity": ["key"],
                "symetry": ["signature"],
                "clearml": ["basic", "bearer"],
            }
            expected = [{scheme: []} for scheme in schemes[call["tags"][0]]]
            assert call.get("security") == (None if path in OPEN else expected)


def test_bodies_are_described_by_their_wire_names(spec):
    assert set(spec["components"]["schemas"]["DataFrame"]["properties"]) == {
        "attributeNames", "attributeTypes", "data", "errorHandling",
    }  # fmt: skip
    fed = spec["paths"]["/symetry/rest/{cid}/fedml/create"]["post"]["requestBody"]["content"]
    assert set(fed) == {"application/json", "text/plain"}


def test_the_document_is_json_without_nan():
    assert json.loads(json.dumps(document(ROUTES, ENDPOINTS), allow_nan=False))["openapi"] == "3.1.0"


async def test_the_page_takes_nothing_from_elsewhere(served):
    page = await served.anonymous("GET", "/docs")
    assert "http://" not in page.text and "https://" not in page.text and "src=" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "innerHTML" not in page.text
