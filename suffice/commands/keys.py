"""``suffice keys``: who may use a node."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from suffice.client import Json
from suffice.terminal import HomeOption, JsonOption, NodeOption, connected, emit, new_group

app = new_group("Manage the access keys of a node (needs an admin's key).")


class Role(StrEnum):
    """What a key may do."""

    admin = "admin"
    superuser = "superuser"
    user = "user"
    annotator = "annotator"


@app.command()
def create(
    user: Annotated[str, typer.Option(help="Who will use it; what is made with it belongs to this user.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.user,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key; its secret is shown this once.

    Example:

        suffice keys create --user ada --role user --label laptop
    """
    with connected(node, home, as_json) as client:
        emit(client.create_key(user, role.value, label), as_json, _new_key)


@app.command("list")
def list_keys(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the keys, without their secrets.

    Example:

        suffice keys list
    """
    with connected(node, home, as_json) as client:
        from suffice.render import keys

        emit(client.keys(), as_json, keys)


@app.command()
def revoke(
    access_key: Annotated[
        str, typer.Argument(metavar="ACCESS_KEY", help="The key to end.", show_default=False)
    ],
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key at once.

    Example:

        suffice keys revoke 3K5Q…
    """
    with connected(node, home, as_json) as client:
        answer = client.revoke_key(access_key)
        emit(answer, as_json, lambda _: f"revoked {access_key}")


def _new_key(answer: Json) -> object:
    from suffice.render import facts

    return facts(
        f"key of {answer['user']} ({answer['role']})",
        [
            ("SUFFICE_ACCESS_KEY", answer["access_key"]),
            ("SUFFICE_SECRET_KEY", answer["secret_key"]),
            ("", "The secret is not shown again."),
        ],
    )
