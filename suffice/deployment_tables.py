"""How deployments, their keys and what was used of them look to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from suffice.client import Json
from suffice.render import facts, listing, moment


def deployments(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("deployment", "scores with", "versions", "records of a group", "units of a group", "owner"),
        [
            (
                item["name"],
                _current(item),
                len(item["versions"]),
                f"{item['group_size']:,}",
                f"{item['price']:,}",
                item["owner"],
            )
            for item in answer
        ],
        right=("versions", "records of a group", "units of a group"),
        empty="The node has no deployments. Make one: suffice deployment create.",
    )


def deployment(answer: Json) -> RenderableType:
    cost = f"{answer['price']:,} units ({_dollars(answer['price'])}) per {answer['group_size']:,} records"
    head = facts(
        f"deployment {answer['name']}",
        [("scores with", _current(answer)), ("cost", cost), ("owner", answer["owner"])],
    )
    versions = listing(
        ("version", "active", "kind", "made of", "made"),
        [
            (
                item["version"],
                "yes" if item["active"] else "no",
                item["kind"],
                _origin(item["origin"]),
                moment(item["created"]),
            )
            for item in answer["versions"]
        ],
        empty="It has no version. Add one: suffice deployment add-version.",
    )
    current = next((item for item in answer["versions"] if item["active"]), None)
    return Group(head, versions, *([] if current is None else [_schema(current["schema"])]))


def version(answer: Json) -> RenderableType:
    head = facts(
        f"version {answer['version']} of {answer['deployment']}",
        [
            ("active", "yes" if answer["active"] else "no"),
            ("kind", answer["kind"]),
            ("made of", _origin(answer["origin"])),
        ],
    )
    return Group(head, _schema(answer["schema"]))


def new_key(answer: Json) -> RenderableType:
    return facts(
        f"key {answer['id']} of {answer['deployment']}",
        [("x-api-key", answer["key"]), ("", "It is not shown again.")],
    )


def keys(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("key", "label", "made by", "made", "revoked"),
        [
            (
                item["id"],
                item["label"],
                item["user"],
                moment(item["created"]),
                "" if item["revoked"] is None else moment(item["revoked"]),
            )
            for item in answer
        ],
        empty="The deployment has no keys. Make one: suffice deployment key.",
    )


def usage(answer: Json) -> RenderableType:
    rows = [
        (
            item["month"],
            item["deployment"],
            item["key"],
            item["label"],
            f"{item['jobs']:,}",
            f"{item['records']:,}",
            f"{item['groups']:,}",
            f"{item['units']:,}",
            _dollars(item["units"]),
        )
        for item in answer["usage"]
    ]
    if rows:
        rows.append(("total", "", "", "", "", "", "", f"{answer['units']:,}", _dollars(answer["units"])))
    names = ("month", "deployment", "key", "label", "jobs", "records", "groups", "units", "cost")
    return listing(names, rows, right=names[4:], empty="Nothing was used.")


def _schema(schema: Json) -> RenderableType:
    fields = [
        (side, field["path"], field["type"], "yes" if field["optional"] else "no")
        for side, key in (("takes", "input"), ("gives", "output"))
        for field in schema.get(key) or ()
    ]
    if not fields:
        return Text("It takes any file.")
    return listing(("", "field", "type", "optional"), fields, empty="")


def _current(deployment: Json) -> str:
    found = [item["version"] for item in deployment["versions"] if item["active"]]
    return found[0] if found else "nothing"


def _origin(origin: dict[str, Any]) -> str:
    if "model" in origin:
        return f"{origin['project']}/{origin['model']} ({origin['algorithm']})"
    return str(origin["file"])


def _dollars(units: int) -> str:
    return f"${units / 1000:,.3f}"
