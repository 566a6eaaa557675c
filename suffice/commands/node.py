"""``suffice node``: start, stop and look at a node."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Json
from suffice.connection import home_folder
from suffice.terminal import (
    HomeOption,
    JsonOption,
    NodeOption,
    connected,
    emit,
    new_group,
    print_json,
    reporting,
)

app = new_group("Run a node next to your data, and look at it.")


class Role(StrEnum):
    """An admin founds federations and runs their broker; a peer joins them."""

    admin = "admin"
    peer = "peer"


FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The node's folder: keys, statistics, jobs. [env: SUFFICE_HOME] [default: ~/.suffice]",
        show_default=False,
    ),
]


@app.command()
def start(
    home: FolderOption = None,
    role: Annotated[Role, typer.Option(help="An admin founds federations; a peer joins them.")] = Role.peer,
    name: Annotated[
        str, typer.Option(help="What other members call it. [default: its folder's name]", show_default=False)
    ] = "",
    http: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where it answers; port 0 takes a free one. [default: as last time, else 127.0.0.1:0]",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where its file host answers. [default: as last time, else a free port of the same host]",
            show_default=False,
        ),
    ] = None,
    files_quota: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="How much its file host keeps, such as 20GB. [default: no limit]"),
    ] = None,
    files_bucket: Annotated[
        str | None,
        typer.Option(
            metavar="s3://BUCKET/PREFIX",
            help="Keep the files there. The keys are in AWS's environment variables. [default: its folder]",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="postgresql://HOST/NAME",
            help="Keep its store in PostgreSQL; a URL with a password belongs into SUFFICE_DATABASE. "
            "[default: SQLite in its folder]",
            show_default=False,
        ),
    ] = None,
    nats: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Use this NATS server or cluster (repeatable) instead of an embedded one.",
            show_default=False,
        ),
    ] = None,
    nats_credentials: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --nats: a .creds file, an NKEY seed, or JSON with user and password, or token.",
            show_default=False,
        ),
    ] = None,
    nats_address: Annotated[
        str | None,
        typer.Option(
            "--nats-listen",
            metavar="HOST:PORT",
            help="Where an admin's own broker listens; peers must reach it. [default: 127.0.0.1:0]",
            show_default=False,
        ),
    ] = None,
    compute: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Push ready learnuplets and preduplets to this Morpheo compute service.",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it is ready; it runs on until `stop`.")
    ] = False,
    tied: Annotated[
        bool, typer.Option("--tied", help="End when standard input closes. For programs that start a node.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a node. It runs until Ctrl-C, or with --detach until `suffice node stop`.

    At its first start it makes its identity and an access key, kept in its folder for you alone
    (credentials.json). An admin without --nats runs its own broker. With --json one line says when it is
    ready.

    Examples:

        suffice node start --home ewr --role admin --detach

        suffice node start --home /srv/suffice --http 0.0.0.0:8080

        suffice node start --role admin --nats tls://nats.example.org:4222 --nats-credentials user.creds

        suffice node start --home ewr --compute http://compute.example.org:8081
    """
    folder = home_folder(home)
    if detach:
        arguments = [
            "--role",
            role.value,
            *(["--name", name] if name else []),
            *(["--http", http] if http else []),
            *(["--files", files] if files else []),
            *(["--files-quota", files_quota] if files_quota else []),
            *(["--files-bucket", files_bucket] if files_bucket else []),
            *(["--database", database] if database else []),
        ]
        for url in nats or ():
            arguments += ["--nats", url]
        if nats_credentials:
            arguments += ["--nats-credentials", str(nats_credentials.absolute())]
        if nats_address:
            arguments += ["--nats-listen", nats_address]
        if compute:
            arguments += ["--compute", compute]
        with reporting(as_json):
            _start_detached(folder, arguments, as_json)
        return
    with reporting(as_json):
        from suffice.serve import FilesOptions, read_settings, serve

        config = read_settings(
            folder,
            role.value,
            name,
            http,
            FilesOptions(files, files_quota, files_bucket),
            database,
            tuple(nats or ()),
            nats_credentials,
            nats_address,
            compute,
        )
        serve(config, as_json=as_json, tied=tied)


@app.command()
def stop(home: FolderOption = None, as_json: JsonOption = False) -> None:
    """Stop the node that runs in a folder, and wait until it has ended.

    Example:

        suffice node stop --home ewr
    """
    with reporting(as_json):
        from suffice.node_process import stop_node_in

        folder = home_folder(home)
        pid = stop_node_in(folder)
        answer = {"home": str(folder), "stopped": pid is not None, "pid": pid}
        emit(answer, as_json, lambda _: f"stopped {folder}" if pid else f"no node runs in {folder}")


@app.command()
def status(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a node: its id, its addresses, its federations and projects.

    Examples:

        suffice node status --home ewr

        suffice node status --node http://10.0.0.7:8080 --json
    """
    with connected(node, home, as_json) as client:
        from suffice.render import node as table

        emit(client.node(), as_json, table)


def _start_detached(folder: Path, arguments: list[str], as_json: bool) -> None:
    from suffice.node_process import NodeProcess

    process = NodeProcess(folder, arguments)
    try:
        ready = process.wait_ready()
        process.release()
    except BaseException:
        process.stop()
        raise
    if as_json:
        print_json(ready)
    else:
        emit({**ready, "home": folder, "log": process.log, "pid": process.pid}, False, show_ready)


def show_ready(ready: Json) -> object:
    """What a person is told about a node that has just started."""
    from suffice.render import facts

    return facts(
        "the node is ready",
        [
            ("address", ready["url"]),
            ("files", ready["files_url"]),
            ("id", ready["node_id"]),
            ("broker", ready.get("nats")),
            ("credentials", f"{ready['credentials']} (yours alone)"),
            ("log", ready.get("log")),
            ("to end it", f"suffice node stop --home {ready['home']}" if ready.get("pid") else "Ctrl-C"),
        ],
    )
