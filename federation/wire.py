"""How records become bytes and come back: the one door through which foreign bytes are parsed.

Records are msgpack maps with exactly the agreed fields. Sizes are checked before anything is allocated; what
does not fit is a `RemoteProtocolError`. What is large is parsed only after its
signature or its seal was verified (see `identity.open_statement`, `sealed_box`, `envelope`), because a small
msgpack text can unfold into objects many times its size.
"""

from collections.abc import Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]

from federation.errors import RefusalReason, RemoteProtocolError

MAX_DISPLAY_NAME = 100

Fields = Mapping[str, type | tuple[type, ...]]

_NONE = type(None)
OPTIONAL_INT = (int, _NONE)
OPTIONAL_STR = (str, _NONE)
NUMBER = (float, int)


def encode(record: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(record, use_bin_type=True)
    return packed


def broken(what: str, detail: str) -> RemoteProtocolError:
    return RemoteProtocolError(RefusalReason.BROKEN_FRAME, f"{what}: {detail}")


def check_size(data: bytes, limit: int, what: str) -> None:
    """Raises `RemoteProtocolError` (oversize) if `data` is longer than `limit` bytes."""
    if len(data) > limit:
        raise RemoteProtocolError(
            RefusalReason.OVERSIZE, f"{what}: {len(data)} bytes, at most {limit} are accepted"
        )


def decode(data: bytes, limit: int, what: str, fields: Fields) -> dict[str, Any]:
    """The record in `data`: a map with exactly `fields`, each of its type (a bool is not an int)."""
    check_size(data, limit, what)
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise broken(what, f"not msgpack ({type(error).__name__})") from None
    return fields_of(value, what, fields)


def fields_of(value: object, what: str, fields: Fields) -> dict[str, Any]:
    """`value` if it is a map with exactly `fields`; else a `RemoteProtocolError` that names what is wrong."""
    if not isinstance(value, dict):
        raise broken(what, f"a map was expected, not {type(value).__name__}")
    if value.keys() != fields.keys():
        raise broken(what, f"the fields are not {', '.join(fields)}")
    for name, expected in fields.items():
        allowed = expected if isinstance(expected, tuple) else (expected,)
        if type(value[name]) not in allowed:
            raise broken(what, f"field {name!r} is of type {type(value[name]).__name__}")
    return value


def display_name_problem(name: str) -> str | None:
    """What is wrong with a name that people will read, or None."""
    if not name.strip():
        return "it is empty"
    if len(name) > MAX_DISPLAY_NAME:
        return f"it has {len(name)} characters, at most {MAX_DISPLAY_NAME} are allowed"
    if not name.isprintable():
        return "it holds characters that cannot be printed"
    return None
