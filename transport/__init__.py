"""How bytes travel: the bus, NATS, subjects, frames and the embedded server."""

from transport.bus import (
    MAX_PAYLOAD,
    Bus,
    BusError,
    BusUnavailable,
    Message,
    PayloadCorrupt,
    PayloadTooLarge,
    PermissionDenied,
    Subscription,
    Watch,
)
from transport.credentials import CredentialError, Credentials, NKey
from transport.memory import MemoryBroker, MemoryBus
from transport.nats_bus import NatsBus
from transport.server import EmbeddedServer
from transport.server_process import ServerError
from transport.subjects import Permissions, SubjectError

__all__ = [
    "MAX_PAYLOAD",
    "Bus",
    "BusError",
    "BusUnavailable",
    "CredentialError",
    "Credentials",
    "EmbeddedServer",
    "MemoryBroker",
    "MemoryBus",
    "Message",
    "NKey",
    "NatsBus",
    "PayloadCorrupt",
    "PayloadTooLarge",
    "PermissionDenied",
    "Permissions",
    "ServerError",
    "SubjectError",
    "Subscription",
    "Watch",
]
