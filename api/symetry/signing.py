"""SymetryML's request signature, as pure functions: the string to sign, its HMAC, the window of time.

Signature = base64(HMAC-SHA256(key, string to sign)), key = the base64-decoded secret key. The string's
lines, each ended by a newline: method, Content-MD5 (empty without a body), secret key, sym-date, customer id,
the body (no line without one), path, query (no line without one). Documents differ on whether the path stands
alone, as current clients sign it, or behind scheme and host, as an older sample shows: both are accepted.

That the secret is part of what is signed, and that a request can be repeated within the window, is the
protocol's own; the native dialect over TLS has neither.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5, sha256
from hmac import compare_digest
from hmac import new as new_hmac
from typing import Final

MOST_OLD: Final = 300.0
MOST_AHEAD: Final = 60.0
"""Seconds by which a request's date may differ from the server's."""
MOST_SHOWN: Final = 4096
"""How much of a body a refusal shows again in its string to sign."""
MASK: Final = "SECRETKEY"

# The part behind the semicolon is a nanosecond counter that only makes the date unique.
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:;[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a request is signed, beside path and secret; md5 is the header's text, "" without one."""

    method: str
    md5: str
    date: str
    customer: str
    query: str
    body: bytes = field(default=b"", repr=False)

    def string(self, secret: str, path: str) -> bytes:
        """The string to sign, in UTF-8."""
        lines = [self.method, self.md5, secret, self.date, self.customer]
        before = "".join(f"{line}\n" for line in lines).encode()
        body = self.body + b"\n" if self.body else b""
        after = f"{path}\n{self.query}\n" if self.query else f"{path}\n"
        return before + body + after.encode()

    def shown(self, path: str) -> str:
        """The string to sign as a refusal shows it: the secret masked, a long body cut, newlines as `\\n`."""
        body = self.body
        if len(body) > MOST_SHOWN:
            body = body[:MOST_SHOWN] + b"..."
        cut = Signed(self.method, self.md5, self.date, self.customer, self.query, body)
        return cut.string(MASK, path).decode(errors="replace").replace("\n", "\\n")


def hmac_base64(key: bytes, data: bytes) -> str:
    """base64(HMAC-SHA256(key, data))."""
    return b64encode(new_hmac(key, data, sha256).digest()).decode()


def sign(signed: Signed, secret: str, path: str) -> str:
    """The signature of a request; `secret` is the secret key in base64."""
    return hmac_base64(b64decode(secret), signed.string(secret, path))


def is_signed(signed: Signed, secret: str, paths: Iterable[str], signature: str) -> bool:
    """Whether the signature is right for one of the spellings of the path; compared in constant time."""
    given = signature.strip().encode()
    return any(compare_digest(sign(signed, secret, path).encode(), given) for path in paths)


def content_md5(body: bytes) -> str:
    """The Content-MD5 of a body; the signature, not this, is what protects it."""
    return b64encode(md5(body, usedforsecurity=False).digest()).decode()


def parse_date(text: str) -> datetime | None:
    """A sym-date (`yyyy-MM-dd HH:mm:ss;nanos`, UTC); None if it is not one."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def in_window(date: datetime, now: datetime) -> bool:
    """Whether a request of `date` is taken at `now`: at most 5 min old, at most 1 min ahead."""
    return -MOST_AHEAD <= (now - date).total_seconds() <= MOST_OLD
