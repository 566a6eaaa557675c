"""The demo's folder and its three nodes, and the clearing away of both."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from node.files import write_private
from suffice.client import Client, Json
from suffice.connection import read_credentials
from suffice.demo.interruptions import Interruptions
from suffice.node_process import NodeProcess


@dataclass(frozen=True, slots=True)
class Actor:
    """One node of the demo: who it is, where it lives, and the client that talks to it."""

    name: str
    home: Path
    node_id: str
    client: Client
    ready: Json


class Stage:
    """A temporary folder with a node process for each name in it; :meth:`clear` leaves nothing of either."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._processes: dict[str, NodeProcess] = {}
        self._kept = False

    def open(self, signals: Interruptions) -> Path:
        with signals.held_off():
            self.folder = Path(tempfile.mkdtemp(prefix="suffice-demo-"))
        return self.folder

    def launch(self, names: tuple[str, ...], signals: Interruptions) -> None:
        """Start all at once, each in its own process and folder on a free port; the first is the admin."""
        folder = self.folder or self.open(signals)
        for name in names:
            role = "admin" if name == names[0] else "peer"
            with signals.held_off():
                home = folder / name
                arguments = ["--role", role, "--name", name, "--http", "127.0.0.1:0"]
                self._processes[name] = NodeProcess(home, arguments)

    def wait_ready(self) -> list[Actor]:
        """Every node that was launched, in that order, as soon as all answer."""
        return [self._actor(name, process) for name, process in self._processes.items()]

    def keep(self, signals: Interruptions) -> None:
        """Let the nodes live on when the demo ends, and their folder with them."""
        with signals.held_off():
            for process in self._processes.values():
                process.release()
            self._kept = True

    def write_curl_config(self, actor: Actor) -> Path:
        """A file for ``curl -K`` with a node's key: what stands in arguments, everybody can read."""
        known = read_credentials(actor.home)
        path = actor.home / "curl.conf"
        write_private(path, f'user = "{known.access_key}:{known.secret_key}"\n'.encode())
        return path

    def clear(self) -> None:
        """End every process, then remove the folder; does nothing to what is kept."""
        if self._kept:
            return
        processes = list(self._processes.values())
        for process in reversed(processes):
            process.ask_to_stop()
        for process in reversed(processes):
            process.stop()
        if self.folder is not None:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder)

    @staticmethod
    def _actor(name: str, process: NodeProcess) -> Actor:
        ready = process.wait_ready()
        known = read_credentials(process.home)
        client = Client(known.url, known.access_key, known.secret_key)
        return Actor(name, process.home, ready["node_id"], client, ready)
