"""Links to results: an address that serves one job's output to whoever has it, for a while, without a key."""

from __future__ import annotations

import re
import time
from typing import Final

import jwt

LINK_SECONDS: Final = 3600
_ALGORITHM: Final = "HS256"
_PURPOSE: Final = "suffice.result"
_JOB: Final = re.compile(r"[0-9a-f]{32}")
_LONGEST: Final = 1024


class ResultLinks:
    """Signs and reads what stands in such an address. Nothing is stored; a token of another purpose, such as
    a session's, is not taken."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, job: str, *, seconds: int = LINK_SECONDS) -> str:
        """A token for the output of a job."""
        claims = {"aud": _PURPOSE, "sub": job, "exp": int(time.time()) + seconds}
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, token: str) -> str | None:
        """The job of a token; None if it is broken, expired or for something else."""
        if len(token) > _LONGEST:
            return None
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [_ALGORITHM],
                audience=_PURPOSE,
                options={"require": ["exp", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, ValueError):
            return None
        job = claims["sub"]
        return job if _JOB.fullmatch(job) else None
