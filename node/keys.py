"""Access keys: who may speak to the node, and as what. One credential serves every dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Role(str, Enum):
    """What a user may do; admin and superuser may also name files that the node shall read."""

    ADMIN = "admin"
    SUPERUSER = "superuser"
    USER = "user"
    ANNOTATOR = "annotator"

    @property
    def may_read_files(self) -> bool:
        return self in (Role.ADMIN, Role.SUPERUSER)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair. access_key is the user name of every dialect; secret_key is 16 random bytes in base64."""

    access_key: str
    secret_key: str = field(repr=False)
    user: str
    role: Role
    created: float
