"""OpenAPI 3.1 from the route table: paths, parameters, bodies, answers and who may call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.clearml.endpoint import Endpoint
from api.routes import Route

_REFERENCE = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}")

_REFUSALS = {
    "native": {"$ref": "#/components/responses/NativeRefusal"},
    "symetry": {"$ref": "#/components/responses/SymetryRefusal"},
    "morpheo": {"$ref": "#/components/responses/MorpheoRefusal"},
    "gravity": {"$ref": "#/components/responses/GravityRefusal"},
}

_SECURITY_SCHEMES = {
    "basic": {"type": "http", "scheme": "basic", "description": "Access key and secret key."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of auth.login."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A deployment's key."},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Base64 HMAC-SHA256 over method, Content-MD5, secret key, sym-date, customer id, "
        "body, path and query, each on a line; with the headers sym-date and Content-MD5.",
    },
}

_TEXT_BODIES = {
    "encrypted": "The same JSON, AES-CBC under the user's key, in base64.",
    "base64": "The same JSON in base64.",
}

_RESPONSES = {
    "Clearml": {
        "description": "The envelope of every answer, refusals too: the HTTP status is the result code.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "meta": {
                            "type": "object",
                            "properties": {
                                "id": {"type": "string"},
                                "trx": {"type": "string"},
                                "endpoint": {"type": "object"},
                                "result_code": {"type": "integer"},
                                "result_subcode": {"type": "integer"},
                                "result_msg": {"type": "string"},
                                "error_stack": {"type": ["string", "null"]},
                                "error_data": {"type": "object"},
                            },
                        },
                        "data": {"type": "object"},
                    },
                    "required": ["meta", "data"],
                }
            }
        },
    },
    "NativeRefusal": {
        "description": "Refused: 400, 401, 403, 404, 408, 409, 413, 503; 500 names an incident only.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "error": {
                            "type": "object",
                            "properties": {
                                name: {"type": "string"} for name in ("code", "message", "remedy")
                            },
                            "required": ["code", "message", "remedy"],
                        }
                    },
                    "required": ["error"],
                }
            }
        },
    },
    "MorpheoRefusal": {
        "description": "Refused: 400, 401, 403, 404, 408, 409, 413, 503, 507; 500 names an incident only. "
        "Below /storage/ the text is called `error`.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {name: {"type": "string"} for name in ("Error", "error")},
                }
            }
        },
    },
    "GravityRefusal": {
        "description": "Refused: 400, 401, 403, 404, 408, 413, 503, 507; 500 names an incident only.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "data": {"type": "null"},
                        "isError": {"const": True},
                        "errorMessage": {"type": "string"},
                    },
                    "required": ["data", "isError", "errorMessage"],
                }
            }
        },
    },
    "SymetryRefusal": {
        "description": "Refused: 400, 401, 408, 409, 413, 503; 500 names an incident only.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "statusCode": {"type": "string"},
                        "statusString": {"type": "string"},
                        "values": {"type": "object"},
                    },
                    "required": ["statusCode", "statusString", "values"],
                }
            }
        },
    },
}


def document(routes: Iterable[Route], endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The whole document, JSON-able. Of several versions of a ClearML endpoint it tells the newest."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.version):
        paths[f"/{endpoint.name}"] = {"post": _clearml_operation(endpoint, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "suffice",
            "version": version("suffice"),
            "description": "Federated learning by exact sufficient statistics. Tag `native`: the node's own "
            "interface. Tag `symetry`: the SymetryML dialect. Tag `morpheo`: the Morpheo dialect, with its "
            "storage service below `/storage/`. Tag `gravity`: the Gravity AI dialect. Tag `clearml`: the "
            "ClearML dialect, which takes GET and PUT as well as POST, and a version before each path "
            "(`/v2.23/tasks.get_all`).",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": _RESPONSES,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.dialect],
        "responses": {
            **{str(status): _answer(answer, schemas) for status, answer in route.answers.items()},
            "default": _REFUSALS[route.dialect],
        },
    }
    if route.access != "open":
        scheme = {"symetry": "signature", "gravity": "key"}.get(route.dialect, "basic")
        operation["security"] = [{scheme: []}]
    if route.access not in ("open", "key"):
        operation["x-role"] = route.access
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(route.path)
    ]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _body(route, route.body, schemas)
    elif route.body_form == "bytes":
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _clearml_operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    service, _, action = endpoint.name.partition(".")
    # Requests of different services may have the same name.
    reference = f"#/components/schemas/clearml.{service}.{{model}}"
    schema = endpoint.request.model_json_schema(ref_template=reference)
    for name, part in {**schema.pop("$defs", {}), endpoint.request.__name__: schema}.items():
        schemas[f"clearml.{service}.{name}"] = part
    content = {"schema": {"$ref": reference.format(model=endpoint.request.__name__)}}
    kinds = ("application/json", "application/json-lines") if endpoint.batch else ("application/json",)
    operation: dict[str, Any] = {
        "operationId": f"clearml_{service}_{action}",
        "summary": endpoint.summary,
        "description": f"Since version {endpoint.since}.",
        "tags": ["clearml"],
        "requestBody": {"required": False, "content": dict.fromkeys(kinds, content)},
        "responses": {
            "200": {"$ref": "#/components/responses/Clearml"},
            "default": {"$ref": "#/components/responses/Clearml"},
        },
    }
    if endpoint.access != "open":
        operation["security"] = [{"basic": []}, {"bearer": []}]
        operation["x-role"] = endpoint.access
    return operation


def _body(route: Route, model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    kind = "multipart/form-data" if route.body_form == "form" else "application/json"
    content: dict[str, Any] = {kind: {"schema": _schema(model, schemas, "validation")}}
    if route.body_form in _TEXT_BODIES:
        description = _TEXT_BODIES[route.body_form]
        content["text/plain"] = {"schema": {"type": "string", "description": description}}
    return {"required": route.body_required, "content": content}


def _answer(answer: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"description": answer}
    return {
        "description": "Done.",
        "content": {"application/json": {"schema": _schema(answer, schemas, "serialization")}},
    }


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(mode="validation")
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        for name, part in schema["properties"].items()
    ]


def _schema(kind: Any, schemas: dict[str, Any], mode: JsonSchemaMode) -> dict[str, Any]:
    """A reference to the schema of a model or dataclass, kept under `schemas`."""
    schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if title is None or "$ref" in schema:
        return schema
    schemas[title] = schema
    return {"$ref": _REFERENCE.format(model=title)}
