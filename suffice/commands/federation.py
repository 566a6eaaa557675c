"""``suffice federation``: found one, invite, join, decide about requests, look at it, leave."""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suffice.client import Client, Json, SufficeError
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group, note, print_json

REQUEST_SECONDS = 5.0

app = new_group("Found and join federations: nodes that add up their statistics.")

NameArgument = Annotated[
    str, typer.Argument(metavar="FEDERATION", help="The federation's name.", show_default=False)
]
RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST",
        help="Its id, or the name of who asks: see `federation requests`.",
        show_default=False,
    ),
]
PasswordOption = Annotated[
    bool,
    typer.Option("--password", help="Ask for a password (or read SUFFICE_INVITATION_PASSWORD)."),
]


class Approval(StrEnum):
    """Who lets a node in that holds a valid invitation."""

    automatic = "automatic"
    manual = "manual"


@app.command()
def create(
    name: NameArgument,
    approval: Annotated[
        Approval, typer.Option(help="Whether holders of an invitation are let in at once or by a person.")
    ] = Approval.automatic,
    quorum: Annotated[
        int | None,
        typer.Option(
            min=1, help="Contributions that an answer needs. [default: all members']", show_default=False
        ),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Found a federation; the node becomes its admin.

    Examples:

        suffice federation create airports

        suffice federation create hospitals --approval manual --quorum 3
    """
    with connected(node, home, as_json) as client:
        answer = client.create_federation(name, approval=approval.value, quorum=quorum)
        emit(answer, as_json, _status)


@app.command()
def invite(
    name: NameArgument,
    password: PasswordOption = False,
    lifetime: Annotated[int | None, typer.Option(min=1, help="Seconds it is valid. [default: 7200]")] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an invitation: one string, for one node, to hand over in private.

    Only the invitation goes to standard output, so that it can be put into a file or a pipe.

    Examples:

        suffice federation invite airports > invitation.txt

        suffice federation invite airports --lifetime 600 --password
    """
    with connected(node, home, as_json) as client:
        answer = client.invite(
            name, password=_password(confirm=True) if password else None, lifetime=lifetime
        )
        if as_json:
            print_json(answer)
            return
        from suffice.render import moment

        sys.stdout.write(answer["invitation"] + "\n")
        note(f"It admits one node, until {moment(answer['expires'])}. There: suffice federation join < FILE")


@app.command()
def join(
    invitation: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A file with the invitation; without it, it is read from standard input (paste it).",
            show_default=False,
        ),
    ] = None,
    password: PasswordOption = False,
    wait: Annotated[
        float, typer.Option(min=0.0, max=60.0, metavar="SECONDS", help="How long to wait to be let in.")
    ] = 5.0,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Join the federation that an invitation is from.

    An invitation is a secret: it is read from a file or from standard input, not from the arguments.

    Examples:

        suffice federation join invitation.txt

        suffice federation join        (then paste it)
    """
    with connected(node, home, as_json) as client:
        text = _read_invitation(invitation)
        answer = client.join(text, password=_password(confirm=False) if password else None, wait=wait)
        emit(answer, as_json, _status)
        if answer["state"] == "joining" and not as_json:
            note("The admin's node has not let this one in yet. See: suffice federation status")


@app.command()
def requests(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List who is asking to join (with manual approval).

    Example:

        suffice federation requests hospitals
    """
    with connected(node, home, as_json) as client:
        from suffice.render import requests as table

        emit(client.requests(name), as_json, table)


@app.command()
def approve(
    name: NameArgument,
    request: RequestArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let in a node that asks to join.

    Example:

        suffice federation approve hospitals clinic-2
    """
    with connected(node, home, as_json) as client:
        client.approve(name, _request_id(client, name, request))
        _show(client, name, as_json)


@app.command()
def refuse(
    name: NameArgument,
    request: RequestArgument,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn away a node that asks to join.

    Example:

        suffice federation refuse hospitals clinic-2
    """
    with connected(node, home, as_json) as client:
        client.refuse(name, _request_id(client, name, request))
        _show(client, name, as_json)


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="FEDERATION", help="One of them; all, without it.", show_default=False),
    ] = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the members, what each has contributed, and the digest of the fused statistics.

    Members whose fused digests are equal hold the same statistics, to the bit.

    Examples:

        suffice federation status

        suffice federation status airports --json
    """
    with connected(node, home, as_json) as client:
        if name is not None:
            _show(client, name, as_json)
            return
        from suffice.render import federations

        emit(client.federations(), as_json, federations)


@app.command()
def sync(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Publish this node's contributions now and read everybody's again.

    Nodes do this by themselves when something changes.

    Example:

        suffice federation sync airports
    """
    with connected(node, home, as_json) as client:
        client.sync(name)
        _show(client, name, as_json)


@app.command()
def expel(
    name: NameArgument,
    member: Annotated[str, typer.Argument(metavar="NODE_ID", help="The member's id.", show_default=False)],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a member out: its contribution no longer counts, and it cannot read on.

    Example:

        suffice federation expel airports 9d2b41…
    """
    with connected(node, home, as_json) as client:
        client.expel(name, member)
        _show(client, name, as_json)


@app.command()
def leave(
    name: NameArgument, node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Leave a federation; this node's contribution no longer counts there.

    Example:

        suffice federation leave airports
    """
    with connected(node, home, as_json) as client:
        answer = client.leave(name)
        emit(answer, as_json, lambda _: f"left {name}")


def _request_id(client: Client, federation: str, wanted: str) -> str:
    """A request named by its id, or by the name of who asks if only one of that name does.

    A request by name that is not there yet is given some seconds: it may be on its way.
    """
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        asking = client.requests(federation)
        named = [item["id"] for item in asking if wanted in (item["id"], item["name"])]
        if len(named) == 1:
            return str(named[0])
        if named:
            message = f"{len(named)} nodes called {wanted!r} ask to join {federation!r}."
            raise SufficeError("ambiguous", message, "Give the request's id.")
        if time.monotonic() >= deadline:
            names = ", ".join(item["name"] for item in asking) or "nobody"
            message = f"There is no request {wanted!r} to join {federation!r}; asking: {names}."
            raise SufficeError("not_found", message, "See: suffice federation requests")
        time.sleep(0.2)


def _show(client: Client, name: str, as_json: bool) -> None:
    emit(client.federation(name), as_json, _status)


def _status(answer: Json) -> object:
    from suffice.render import federation

    return federation(answer)


def _read_invitation(path: Path | None) -> str:
    try:
        if path is None:
            if sys.stdin.isatty():
                note("Paste the invitation and press Enter:")
            text = sys.stdin.readline()
        else:
            text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        # The error itself would show what was given: perhaps the invitation, which is a secret.
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SufficeError(
            "no_invitation",
            f"The invitation cannot be read: {reason}.",
            "Give the file that holds it, or paste it when asked.",
        ) from None
    if not text.strip():
        raise SufficeError("no_invitation", "There is no invitation to read.", "Give a file, or paste it.")
    return "".join(text.split())


def _password(*, confirm: bool) -> str:
    given = os.environ.get("SUFFICE_INVITATION_PASSWORD")
    return given or str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
