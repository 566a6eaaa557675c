"""What the embedded server is told: its configuration file, as a value and as bytes.

NATS reads JSON as configuration, so we write JSON and can read it back: the file is also where the port and
the users are remembered from one start of the node to the next. It holds public keys only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transport.subjects import Permissions

MAX_MESSAGE = 2**20  # bytes of one message; values are sent in smaller chunks
LOG_LIMIT = 10 * 2**20  # bytes of the server's log, twice (it keeps one older file)
SYNC_INTERVAL = "always"  # acknowledged means on disk: what a node took from its outbox survives a power cut


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Where things lie in the server's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "server.conf"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def complaints(self) -> Path:
        """What it says before it has a log: a configuration that it cannot read."""
        return self.folder / "server.err"

    @property
    def pid(self) -> Path:
        return self.folder / "server.pid"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def store(self) -> Path:
        return self.folder / "jetstream"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`port` -1: any free one. `users`: by public NKEY."""

    host: str
    port: int
    users: Mapping[str, Permissions] = field(default_factory=dict)

    def to_bytes(self, files: ServerFiles) -> bytes:
        """The configuration file of a server in the folder of `files`."""
        settings: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "server_name": "suffice",
            "max_payload": MAX_MESSAGE,
            "jetstream": {"store_dir": str(files.store), "sync_interval": SYNC_INTERVAL},
            "tls": {
                "cert_file": str(files.certificate),
                "key_file": str(files.key),
                "handshake_first": True,  # nothing passes in clear, so nobody can talk a client out of TLS
                "timeout": 10,
            },
            "authorization": {
                "timeout": 10,
                "users": [_user(key, permissions) for key, permissions in self.users.items()],
            },
            "pid_file": str(files.pid),
            "ports_file_dir": str(files.folder),
            "log_file": str(files.log),
            "logfile_size_limit": LOG_LIMIT,
        }
        return json.dumps(settings, indent=1).encode()

    @classmethod
    def read(cls, path: Path) -> "ServerConfig":
        """The configuration that `to_bytes` wrote; `ValueError` if it is damaged."""
        try:
            settings = json.loads(path.read_bytes())
            users = {
                user["nkey"]: Permissions(
                    tuple(user["permissions"]["publish"]["allow"]),
                    tuple(user["permissions"]["subscribe"]["allow"]),
                )
                for user in settings["authorization"]["users"]
            }
            return cls(settings["host"], int(settings["port"]), users)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is damaged: remove it, and the server starts with no users") from None


def _user(key: str, permissions: Permissions) -> dict[str, Any]:
    return {
        "nkey": key,
        "permissions": {
            "publish": {"allow": list(permissions.publish)},
            "subscribe": {"allow": list(permissions.subscribe)},
        },
    }
