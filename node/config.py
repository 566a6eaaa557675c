"""A node's configuration and the layout of its home folder. Nothing here touches the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

NodeRole = Literal["admin", "peer"]


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """Where an existing broker is and how to enter it. Give one kind of credential at most."""

    servers: tuple[str, ...]
    nkey_seed: str | None = field(default=None, repr=False)
    creds_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything a node is told at its start.

    home: the node's folder, made 0700 if missing. http_port and files_port 0 take a free port. files_quota:
    bytes that the file host may keep, None as many as the disk holds; files_bucket: s3://BUCKET/PREFIX for
    their contents, None the home folder. An admin without `nats` runs the
    embedded server (nats_port 0 takes a free port at the first start and keeps it). database_url None means
    SQLite in the home folder. workers: how many worker processes may run tasks at once. compute: the URL of a
    Morpheo compute service, to which ready uplets are pushed.
    """

    home: Path
    name: str = ""
    role: NodeRole = "peer"
    http_host: str = "127.0.0.1"
    http_port: int = 0
    files_host: str = "127.0.0.1"
    files_port: int = 0
    files_quota: int | None = None
    files_bucket: str | None = None
    nats: NatsAccess | None = None
    nats_host: str = "127.0.0.1"
    nats_port: int = 0
    database_url: str | None = None
    workers: int = field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)))
    worker_idle_seconds: float = 60.0
    compute: str | None = None

    @property
    def display_name(self) -> str:
        """The node's name; its folder's name if it was given none."""
        return self.name or self.home.resolve().name

    @property
    def lock_path(self) -> Path:
        return self.home / "node.lock"

    @property
    def seed_path(self) -> Path:
        return self.home / "identity.seed"

    @property
    def credentials_path(self) -> Path:
        return self.home / "credentials.json"

    @property
    def workers_folder(self) -> Path:
        return self.home / "workers"

    @property
    def tokens_path(self) -> Path:
        return self.home / "tokens.secret"

    @property
    def nats_folder(self) -> Path:
        return self.home / "nats"

    @property
    def files_folder(self) -> Path:
        return self.home / "files"

    @property
    def contents_folder(self) -> Path:
        """Where the file host keeps the contents of its files."""
        return self.files_folder / "contents"

    @property
    def backup_folder(self) -> Path:
        """What backups being made need meanwhile."""
        return self.home / "backup"

    @property
    def restored_path(self) -> Path:
        """There until the node has started for the first time from a backup."""
        return self.home / "restored"

    @property
    def secret_paths(self) -> tuple[Path, ...]:
        """The single files that make this node the one it is."""
        return (self.seed_path, self.home / "bus.nkey", self.tokens_path, self.credentials_path)

    @property
    def database_path(self) -> Path:
        """The database of a node without `database_url`."""
        return self.home / "node.sqlite"

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.database_url or f"sqlite:///{self.database_path.resolve()}"
