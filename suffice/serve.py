"""Running a node in this process: the node, the HTTP server over it, and an orderly end.

Imported only by ``suffice node start``: it pulls in everything below.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from api.server import CannotListen, FileServer, Server
from node.config import NatsAccess, NodeConfig, NodeRole
from node.errors import NodeError
from node.files import HomeError
from node.node import Node
from node.store.store import StoreError
from node.uplets.dispatch import service_url
from suffice.client import Json, SufficeError
from suffice.node_process import RELEASE
from suffice.terminal import emit, print_json
from transport.bus import BusError
from transport.credentials import CredentialError
from transport.server_process import ServerError

DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class FilesOptions:
    """What was said of the file host: its address, its quota and its bucket, as they were written."""

    address: str | None = None
    quota: str | None = None
    bucket: str | None = None


def read_settings(
    home: Path,
    role: NodeRole,
    name: str,
    http: str | None,
    files: FilesOptions,
    database: str | None,
    nats: tuple[str, ...],
    nats_credentials: Path | None,
    nats_address: str | None,
    compute: str | None,
) -> NodeConfig:
    """The options of ``suffice node start`` as a configuration; raises a usage error for a malformed one."""
    if nats_credentials is not None and not nats:
        raise typer.BadParameter("--nats-credentials are for --nats URL")
    if nats_address is not None and (nats or role == "peer"):
        raise typer.BadParameter("--nats-listen is for the embedded broker of an admin")
    host, port = _address(http, "--http") if http else _last_address(home, "url") or (DEFAULT_HOST, 0)
    files_address = _address(files.address, "--files") if files.address else _last_address(home, "files_url")
    files_host, files_port = (host, 0) if files_address in (None, (host, port)) else files_address
    nats_host, nats_port = _address(nats_address, "--nats-listen") if nats_address else (DEFAULT_HOST, 0)
    return NodeConfig(
        home=home,
        name=name,
        role=role,
        http_host=host,
        http_port=port,
        files_host=files_host,
        files_port=files_port,
        files_bucket=files.bucket,
        files_quota=_size(files.quota, "--files-quota") if files.quota else None,
        database_url=_database(database),
        nats=_nats_access(nats, nats_credentials) if nats else None,
        nats_host=nats_host,
        nats_port=nats_port,
        compute=_compute(compute),
    )


def _database(given: str | None) -> str | None:
    """The URL of PostgreSQL that the option or SUFFICE_DATABASE names; raises a usage error for another."""
    text = given or os.environ.get("SUFFICE_DATABASE")
    if not text:
        return None
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise typer.BadParameter("--database: write postgresql://USER@HOST/NAME")
    if given and url.password is not None:
        raise typer.BadParameter(
            "--database: everybody on this machine can read a command's arguments; "
            "put a URL with a password into SUFFICE_DATABASE, or the password into ~/.pgpass"
        )
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _compute(given: str | None) -> str | None:
    """The URL of a compute service; raises a usage error for what is none."""
    try:
        return None if given is None else str(service_url(given))
    except NodeError as error:
        raise typer.BadParameter(f"--compute: {error.message}; {error.remedy}") from None


def serve(config: NodeConfig, *, as_json: bool, tied: bool) -> None:
    """Run the node until SIGINT, SIGTERM or SIGHUP, or (``tied``) until standard input closes.

    Raises :class:`SufficeError` if it cannot start.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        asyncio.run(_run_until_told(config, as_json, tied))
    except (HomeError, StoreError, ServerError, BusError, CredentialError) as error:
        raise SufficeError("cannot_start", f"The node in {config.home} cannot start: {error}.") from error
    except NodeError as error:
        raise SufficeError(error.code, error.message, error.remedy) from error
    except CannotListen as error:
        raise SufficeError(
            "cannot_listen",
            f"The node {error}.",
            "Choose another address with --http or --files; port 0 takes a free one.",
        ) from error
    except OSError as error:
        raise SufficeError("cannot_start", f"The node in {config.home} cannot start: {error}.") from error


async def _run_until_told(config: NodeConfig, as_json: bool, tied: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    if tied:
        _listen_for_the_end(loop, told)
    running = asyncio.create_task(_run(config, as_json))
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _run(config: NodeConfig, as_json: bool) -> None:
    """Start everything, say so, stay until cancelled, stop everything; also half-way through the start."""
    async with (
        Node(config) as node,
        Server(node, config.http_host, config.http_port) as server,
        FileServer(node, config.files_host, config.files_port) as files,
    ):
        await node.announce(server.url, files.url)
        ready: Json = {
            "url": server.url,
            "files_url": files.url,
            "node_id": node.node_id,
            "nats": node.nats_url,
            "credentials": str(config.credentials_path.resolve()),
        }
        if as_json:
            print_json(ready)
        else:
            from suffice.commands.node import show_ready

            emit({**ready, "home": config.home}, False, show_ready)
            sys.stdout.flush()
        # What is there by now stays: no collection needs to look through it again.
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()


def _listen_for_the_end(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    """End when standard input closes; the line that releases the node ends the listening instead."""
    descriptor = sys.stdin.fileno()

    def read() -> None:
        heard = os.read(descriptor, 64)
        if heard and not heard.startswith(RELEASE):
            return
        loop.remove_reader(descriptor)
        if not heard:
            told.set()

    try:
        loop.add_reader(descriptor, read)
    except OSError as error:
        raise SufficeError(
            "bad_input", "--tied needs a pipe or a terminal as standard input.", "Leave it away."
        ) from error


def _address(text: str, option: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535 or not host:
        raise typer.BadParameter(f"{option} {text!r}: write HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _size(text: str, option: str) -> int:
    found = re.fullmatch(r"(\d+)\s*([kMGTP]?)(i?)B?", text)
    if found is None:
        raise typer.BadParameter(f"{option} {text!r}: write bytes, such as 500MB or 20GiB")
    digits, prefix, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** " kMGTP".index(prefix or " ")
    return int(digits) * factor


def _last_address(home: Path, key: str) -> tuple[str, int] | None:
    """Where this folder's node answered last time, if that is free."""
    try:
        url = urlsplit(json.loads((home / "credentials.json").read_text())[key])
        host, port = str(url.hostname), int(url.port or 0)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return host, port


def _nats_access(servers: tuple[str, ...], credentials: Path | None) -> NatsAccess:
    """What to show an existing broker, told from the file's contents: files are named as people please."""
    if credentials is None:
        return NatsAccess(servers=servers)
    try:
        text = credentials.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SufficeError("bad_credentials", f"{credentials} cannot be read: {error}.") from error
    if text.startswith("SU") and len(text.split()) == 1:
        return NatsAccess(servers=servers, nkey_seed=text)
    if "BEGIN NATS USER JWT" in text:
        return NatsAccess(servers=servers, creds_file=credentials.absolute())
    try:
        data = json.loads(text)
        return NatsAccess(
            servers=servers,
            nkey_seed=data.get("nkey_seed"),
            token=data.get("token"),
            user=data.get("user"),
            password=data.get("password"),
            tls_fingerprint=data.get("tls_fingerprint"),
        )
    except (ValueError, AttributeError) as error:
        raise SufficeError(
            "bad_credentials",
            f"{credentials} holds no credentials for NATS.",
            'Give a .creds file, an NKEY seed (SU…), or JSON: {"user": …, "password": …} or {"token": …}.',
        ) from error
