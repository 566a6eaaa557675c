"""How a node's answers look to people: Rich tables of at most 100 columns, built from the JSON of the REST
interface.

Nothing here talks to a node or prints; each function takes an answer and returns something to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from suffice.client import Job, Json

RESULT_NAMES = {  # what a learning job answers, in words
    "learned": "rows of the job",
    "rows": "rows of the project",
    "version": "its version",
    "digest": "its digest",
}
SHOWN_LEVELS = 20
DIGEST_CHARACTERS = 16  # of 64: enough to compare by eye


def facts(title: str, pairs: Iterable[tuple[str, Any]]) -> RenderableType:
    """Names and values, one pair a line; pairs without a value are left out."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", (), [], {}):
            table.add_row(name, Text(str(value)))
    return Group(Text(title, style="bold"), table) if title else table


def listing(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[str] = (), empty: str
) -> RenderableType:
    """A table with a heading, or the sentence ``empty`` where there is nothing to list."""
    rows = list(rows)
    if not rows:
        return Text(empty)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table


def node(answer: Json) -> RenderableType:
    problems = answer.get("problems") or {}
    return facts(
        f"node {answer.get('name')} ({answer.get('role')})",
        [
            ("id", answer.get("node_id")),
            ("address", answer.get("url")),
            ("files", _files(answer.get("files"))),
            ("broker", answer.get("nats") or "joins with an invitation"),
            ("compute", answer.get("compute")),
            ("version", answer.get("version")),
            ("federations", _names(answer.get("federations"))),
            ("projects", _names(answer.get("projects"))),
            *((f"problem: {part}", text) for part, text in problems.items()),
        ],
    )


def _files(host: Json | None) -> str | None:
    if not host:
        return None
    limit = f" of {host['quota']:,}" if host["quota"] is not None else ""
    return f"{host['url']} ({host['count']:,} files, {host['bytes']:,}{limit} bytes)"


def federations(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("federation", "state", "epoch", "members", "asking to join", "admin"),
        [
            (
                item["name"],
                item["state"],
                item["epoch"],
                len(item["members"]),
                len(item["requests"]),
                _admin(item),
            )
            for item in answer
        ],
        right=("epoch", "members", "asking to join"),
        empty="This node is in no federation: suffice federation create NAME, or: suffice federation join.",
    )


def federation(answer: Json) -> RenderableType:
    """One federation: who is in it, what each has contributed, and the fused statistics of each project."""
    quorum = answer.get("quorum")
    head = facts(
        f"federation {answer['name']}",
        [
            (
                "state",
                answer["state"] + (" (connecting to the broker)" if _connecting(answer) else ""),
            ),
            ("problem", answer.get("problem")),
            ("admin", _admin(answer)),
            ("epoch", answer["epoch"] or None),
            ("approval", answer.get("approval")),
            ("quorum", f"{quorum} members" if quorum else "all members" if answer["epoch"] else None),
        ],
    )
    members = listing(
        ("member", "role", "project", "rows", "version", "received", "id"),
        list(_member_rows(answer.get("members", []))),
        right=("rows", "version"),
        empty="No members are known yet: the join waits for the admin's answer."
        if answer["state"] == "joining"
        else "No members are known.",
    )
    parts: list[RenderableType] = [head, members]
    if answer.get("projects"):
        parts.append(_shared_projects(answer["projects"]))
    if answer.get("requests"):
        parts.append(requests(answer["requests"]))
    refused = {name: count for name, count in (answer.get("counters") or {}).items() if count}
    if refused:
        parts.append(
            facts("", [("counters", ", ".join(f"{name} {count}" for name, count in refused.items()))])
        )
    return Group(*parts)


def _connecting(answer: Json) -> bool:
    return not answer.get("connected", True) and answer["state"] in ("joining", "active", "leaving")


def requests(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("request", "from", "node"),
        [(item["id"], item.get("name"), item.get("node_id")) for item in answer],
        empty="Nobody is asking to join.",
    )


def projects(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("project", "rows", "attributes", "models", "federation", "owner"),
        [
            (
                item["name"],
                count(item["rows"]),
                len(item["attributes"]),
                len(item.get("models", ())),
                item.get("federation"),
                item.get("owner"),
            )
            for item in answer
        ],
        right=("rows", "attributes", "models"),
        empty="There are no projects. Make one: suffice project create NAME.",
    )


def project(answer: Json) -> RenderableType:
    """A project, its attributes, and (where it is federated) what the fused statistics hold."""
    shared = answer.get("federation")
    fused = answer.get("fused") or {}
    encoder = answer.get("encoder")
    head = facts(
        f"project {answer['name']}",
        [
            ("rows here", count(answer["rows"])),
            ("digest here", short(answer["digest"])),
            ("federation", f"{shared}, as {answer.get('shared_as') or answer['name']}" if shared else None),
            ("rows fused", count(fused["rows"]) if fused.get("rows") is not None else None),
            ("digest fused", short(fused.get("digest"))),
            ("contributions", contributions(fused.get("contributions"))),
            ("not fused", answer.get("problem")),
            ("models", ", ".join(_name(item) for item in answer.get("models", ()))),
            ("encoder", f"{encoder['name']} ({short(encoder['digest'])})" if encoder else None),
            ("frozen", "yes: it neither learns nor forgets" if answer.get("frozen") else None),
            *_options(answer.get("parameters") or {}),
            ("also counted", ", ".join(answer.get("extras", ()))),
            ("split by", _split(answer)),
            *(("remark", remark) for remark in answer.get("remarks", ())),
        ],
    )
    kinds = {"C": "continuous", "B": "binary", "T": "category", "S": "text", "X": "ignored"}
    attributes = listing(
        ("attribute", "type", "counted in"),
        [
            (item["name"], kinds.get(item["type"], item["type"]), item.get("quantum"))
            for item in answer["attributes"]
        ],
        empty="It has no attributes yet: the first file learned decides them.",
    )
    return Group(head, attributes)


def _split(answer: Json) -> str | None:
    """What the statistics are split by, and the rows of each level."""
    if answer.get("split") is None:
        return None
    levels = answer.get("levels") or {}
    shown = ", ".join(f"{level} ({count(rows)})" for level, rows in list(levels.items())[:SHOWN_LEVELS])
    more = f" and {len(levels) - SHOWN_LEVELS} more" if len(levels) > SHOWN_LEVELS else ""
    return f"{answer['split']}: {shown}{more}" if levels else str(answer["split"])


def _options(parameters: Json) -> list[tuple[str, Any]]:
    """What was asked of a project when it was made, in words."""
    window, bits = parameters.get("sml_project_rolling_window_size"), parameters.get("precision")
    order = parameters.get("sml_project_order")
    lower_case = str(parameters.get("lower_case")).lower() in ("true", "1")
    return [
        ("row filter", parameters.get("sml_project_predicate_row_filter")),
        ("rolling window", f"the last {window} rows" if window else None),
        ("precision", f"{bits} bits" if bits else None),
        ("levels", "in lower case" if lower_case else None),
        ("powers", _powers(parameters)),
        ("sequences", f"runs of {int(order) + 1} tokens" if order else None),
    ]


def _powers(parameters: Json) -> str | None:
    """Which column's powers are learned."""
    column = parameters.get("sml_project_power_column")
    if not column:
        return None
    low, high, steps = (parameters.get(f"sml_project_power_{name}") for name in ("min", "max", "steps"))
    return f"of {column}" + ("" if None in (low, high, steps) else f": {steps} from {low} to {high}")


def jobs(answer: Sequence[Job]) -> RenderableType:
    return listing(
        ("job", "kind", "project", "status", "progress", "created"),
        [
            (item.number, item.kind, item.project, item.status, progress(item), moment(item.created))
            for item in answer
        ],
        right=("job", "progress"),
        empty="There are no jobs.",
    )


def job(answer: Job) -> RenderableType:
    result = {
        key: value for key, value in (answer.result or {}).items() if not isinstance(value, dict | list)
    }
    return facts(
        f"{answer.kind} job {answer.number}",
        [
            ("id", answer.id),
            ("project", answer.project),
            ("status", answer.status),
            ("progress", progress(answer)),
            ("created", moment(answer.created)),
            ("started", moment(answer.started)),
            ("completed", moment(answer.completed)),
            ("error", answer.error),
            *((RESULT_NAMES.get(key, key), _result(key, value)) for key, value in result.items()),
            *(("remark", remark) for remark in (answer.result or {}).get("remarks", ())),
        ],
    )


def keys(answer: Sequence[Json]) -> RenderableType:
    return listing(
        ("access key", "user", "role", "label", "last used", "from"),
        [
            (
                item["access_key"],
                item["user"],
                item["role"],
                item["label"],
                moment(item["last_used"]),
                item["last_used_from"] or "",
            )
            for item in answer
        ],
        empty="There are no keys.",
    )


def parameters(answer: Json) -> RenderableType:
    """One metric or algorithm with its parameters, as they are given with --set."""
    return Group(
        Text(f"{answer['name']}: {answer['summary']}", style="bold"),
        listing(
            ("parameter", "what it does"),
            [(item["name"], item["help"]) for item in answer["parameters"]],
            empty="It has no parameters.",
        ),
    )


def contributions(shares: Sequence[Mapping[str, Any]] | None) -> str:
    """Whose rows are in an answer: ``EWR 120,835 rows (v1), …``, by name."""
    ordered = sorted(shares or (), key=lambda share: str(share["name"]))
    return ", ".join(
        f"{share['name']} {count(share['rows'])} rows (v{share['version']})" for share in ordered
    )


def progress(item: Job) -> str:
    if item.status == "completed":
        return "100%"
    return f"{100 * item.current / item.maximum:.0f}%" if item.maximum else ""


def count(value: Any) -> str:
    """A whole number with thousands marked, or nothing."""
    return f"{value:,}" if isinstance(value, int) else ""


def number(value: Any) -> str:
    """A figure to read, not to compute with: six significant digits."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return "" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def criterion(value: float) -> str:
    """An information criterion, such as AICc: models differ by few of its units, however large it is."""
    return f"{value:,.2f}"


def short(digest: str | None) -> str:
    return f"{digest[:DIGEST_CHARACTERS]}…" if digest else ""


def moment(value: Any) -> str:
    """A time of the node (unix seconds) as local time; the date is left out for today."""
    if isinstance(value, int | float):
        time = datetime.fromtimestamp(value)
        return time.strftime("%H:%M:%S" if time.date() == datetime.now().date() else "%Y-%m-%d %H:%M:%S")
    return str(value or "")


def _result(key: str, value: Any) -> str:
    return short(value) if key == "digest" else f"{value:.2f}" if key == "seconds" else number(value)


def _member_rows(members: Sequence[Json]) -> Iterable[Sequence[Any]]:
    for member in sorted(members, key=lambda item: (item.get("role") != "admin", item["name"])):
        given = member.get("contributions") or {}
        start = (member["name"], member.get("role"))
        if not given:
            yield (*start, "", "", "", "", member["node_id"])
        for name, share in given.items():
            version, rows, received = share
            yield (*start, name, count(rows), version, moment(received), member["node_id"])


def _shared_projects(items: Sequence[Json]) -> RenderableType:
    return listing(
        ("project", "here as", "fused rows", "fused digest", "waiting for"),
        [
            (
                item["name"],
                item.get("local_name"),
                count(item.get("rows")),
                short(item.get("digest")),
                ", ".join(item.get("missing") or ()),
            )
            for item in items
        ],
        right=("fused rows",),
        empty="",
    )


def _admin(item: Json) -> str:
    return "this node" if item.get("is_admin") else str(item.get("admin") or "")


def _name(item: Any) -> str:
    return str(item["name"]) if isinstance(item, dict) else str(item)


def _names(value: Any) -> Any:
    return ", ".join(_name(item) for item in value) or "none" if isinstance(value, list | tuple) else value
