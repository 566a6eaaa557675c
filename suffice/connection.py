"""Which node a command talks to, and with which key.

The first of these that is given names the node: ``--node URL``, ``--home DIR``, ``SUFFICE_NODE``,
``SUFFICE_HOME``, ``~/.suffice``. A folder holds ``credentials.json``, written by the node that lives there:
its address and its first key. A secret is read from there or from ``SUFFICE_ACCESS_KEY`` and
``SUFFICE_SECRET_KEY``, never from arguments, which every user of the machine can list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suffice.client import AuthenticationFailed, CannotReachNode, Client, SufficeError

DEFAULT_HOME = "~/.suffice"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A node's address and a key that it knows."""

    url: str
    access_key: str
    secret_key: str = field(repr=False)


def home_folder(home: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that was named, else the one of the environment, else ``~/.suffice``."""
    return (home or Path(environment.get("SUFFICE_HOME") or DEFAULT_HOME)).expanduser()


def find_credentials(
    node: str | None, home: Path | None, environment: Mapping[str, str] = os.environ
) -> Credentials:
    """Resolve what the module's docstring says.

    A folder's key goes to another address than the folder's own only if the folder was named together with
    it: a secret is not sent to whoever ``--node`` happens to name. Raises :class:`SufficeError` if a part
    is missing.
    """
    url = node or (environment.get("SUFFICE_NODE") if home is None else None)
    folder = home_folder(home, environment)
    if url is None:
        return read_credentials(folder)
    access_key, secret_key = environment.get("SUFFICE_ACCESS_KEY"), environment.get("SUFFICE_SECRET_KEY")
    if home is not None:
        known = read_credentials(folder)
        return Credentials(url, known.access_key, known.secret_key)
    if access_key and secret_key:
        return Credentials(url, access_key, secret_key)
    if (folder / "credentials.json").exists():
        known = read_credentials(folder)
        if _same_address(known.url, url):
            return known
    raise AuthenticationFailed(
        401,
        "no_key",
        f"There is no key for {url}.",
        "Set SUFFICE_ACCESS_KEY and SUFFICE_SECRET_KEY, or name the node's folder with --home.",
    )


def read_credentials(home: Path) -> Credentials:
    """The ``credentials.json`` of a node's folder; raises :class:`CannotReachNode` if there is none."""
    path = home / "credentials.json"
    try:
        data = json.loads(path.read_text())
        return Credentials(data["url"], data["access_key"], data["secret_key"])
    except FileNotFoundError:
        raise CannotReachNode(
            "no_node",
            f"No node lives in {home}: it has no credentials.json.",
            f"Start one with: suffice node start --home {home}; or name one with --node URL or --home DIR.",
        ) from None
    except PermissionError:
        raise CannotReachNode(
            "no_node", f"{path} may not be read by you.", "Ask its owner for a key: suffice keys create."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SufficeError(
            "bad_credentials",
            f"{path} is not a credentials file ({error}).",
            "Restart the node: it writes a new one.",
        ) from error


def open_client(node: str | None, home: Path | None) -> Client:
    """The client for the node that the options and the environment name."""
    found = find_credentials(node, home)
    return Client(found.url, found.access_key, found.secret_key)


def _same_address(first: str, second: str) -> bool:
    def plain(url: str) -> str:
        return url.rstrip("/").removeprefix("http://")

    return plain(first) == plain(second)
