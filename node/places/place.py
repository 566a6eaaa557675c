"""Where a table is, as a data source says it: kinds of places, what each needs, and what of it is secret.

Types and keys have SymetryML's names where it has them; sql, s3endpoint, s3region, table and query are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from yarl import URL

from node.errors import BadRequest
from node.sources import FORMATS

HIDDEN: Final = "***"
"""Stands for a secret wherever a place is told; given back, it means the secret that is known."""

MOST_TEXT: Final = 10_000
"""Characters of a value."""

_FORMAT: Final = "format"
_SEPARATOR: Final = "csv_entry_separator"
_OF_CSV: Final[Mapping[str, frozenset[str]]] = {
    "csv_quote_character": frozenset({"", '"'}),
    "csv_strict_quotes": frozenset({"", "false"}),
    "csv_header_missing": frozenset({"", "false"}),
}
"""Options of CSV that are taken for the values that are so anyway."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of places: what must be told of one, what may be, and what of it is secret."""

    summary: str
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()


_TABLE: Final = ("table", "query")
KINDS: Final[Mapping[str, Kind]] = {
    "localfile": Kind("a CSV or Parquet file on the node's machine", ("path",)),
    "http": Kind("a CSV or Parquet file behind an http or https address", ("path",)),
    "s3": Kind(
        "an object in S3, or behind another endpoint that speaks its protocol",
        ("path", "s3bucket"),
        ("s3accessKey", "s3secretKey", "s3region", "s3endpoint", "s3marker"),
        frozenset({"s3secretKey"}),
    ),
    "sql": Kind("a table or query of a database, by its SQLAlchemy URL", ("url",), _TABLE),
    "jdbc": Kind(
        "a table or query of a database, by its parts",
        ("driver", "database"),
        ("host", "port", "user", "password", "path", *_TABLE),
        frozenset({"password"}),
    ),
}
_OF_FILES: Final = ("localfile", "http", "s3")
_DIALECTS: Final[Mapping[str, str]] = {
    "postgres": "postgresql",
    "sqlite": "sqlite",
    "mariadb": "mariadb",
    "mysql": "mysql",
    "oracle": "oracle",
    "sqlserver": "mssql",
    "mssql": "mssql",
}
"""What a JDBC driver's name contains, and the database of SQLAlchemy's that it is for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A type of `KINDS` and what is told of the place, secrets included."""

    type: str
    info: dict[str, str]

    @classmethod
    def read(cls, type_: str, info: Mapping[str, Any]) -> Place:
        """Raises BadRequest naming what is unknown, lacking or wrong."""
        kind = KINDS.get(type_)
        if kind is None:
            raise BadRequest(
                f"data sources of the type {type_[:200]!r} are not available on this node",
                f"use one of {', '.join(KINDS)}",
            )
        known = {*kind.needed, *kind.optional, *((_FORMAT, _SEPARATOR, *_OF_CSV) if _is_file(type_) else ())}
        found = {name: _text(name, value) for name, value in info.items() if value not in (None, "")}
        unknown = [name for name in found if name not in known]
        if unknown:
            raise BadRequest(
                f"a source of the type {type_} has no {unknown[0][:200]!r}",
                f"it has {', '.join(sorted(known))}",
            )
        lacking = [name for name in kind.needed if name not in found]
        if lacking:
            raise BadRequest(f"a source of the type {type_} needs {lacking[0]!r}", "add it")
        place = cls(type_, found)
        place._check()
        return place

    @classmethod
    def of_file(cls, path: str, form: str | None) -> Place:
        """A file that a request names by its path."""
        return cls("localfile", {"path": path} | ({} if form is None else {_FORMAT: form}))

    def shown(self) -> dict[str, str]:
        """What may be told of it: secrets are hidden, also those within addresses."""
        return {name: self._shown(name, value) for name, value in self.info.items()}

    def completed(self, before: Place) -> Place:
        """This place, with the secrets of the one before where they are given back hidden."""
        told = before.shown() if before.type == self.type else {}
        return Place(
            self.type,
            {
                name: before.info[name] if HIDDEN in value and told.get(name) == value else value
                for name, value in self.info.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """As a worker takes it."""
        return asdict(self)

    @property
    def name(self) -> str:
        """How errors call the table: the last part of its path, or the table of a database."""
        path = self.info.get("path") or self.info.get("table") or "query"
        if self.type == "http":
            path = URL(path).path
        return path.rstrip("/").rpartition("/")[2] or "table"

    @property
    def format(self) -> str | None:
        return self.info.get(_FORMAT)

    @property
    def separator(self) -> str | None:
        """What separates the cells of a CSV file, where that is told."""
        given = self.info.get(_SEPARATOR)
        return "\t" if given == "\\t" else given

    def database(self) -> sa.URL:
        """The address of a database."""
        if self.type == "sql":
            return sa.make_url(self.info["url"])
        info = self.info
        dialect = next(name for part, name in _DIALECTS.items() if part in info["driver"].lower())
        if dialect == "sqlite":  # a file, to which nobody logs in
            return sa.URL.create(dialect, database=info["database"])
        return sa.URL.create(
            dialect,
            info.get("user"),
            info.get("password"),
            info.get("host"),
            int(info["port"]) if "port" in info else None,
            info["database"],
        )

    def secrets(self) -> list[str]:
        """Texts that must not be part of any message."""
        found = [self.info[name] for name in KINDS[self.type].secret if name in self.info]
        if self.type in ("sql", "jdbc"):
            found.append(str(self.database().password or ""))
        elif self.type == "http":
            address = URL(self.info["path"])
            found += [address.password or "", address.raw_query_string, address.query_string]
        return [text for text in found if text]

    def _shown(self, name: str, value: str) -> str:
        if name in KINDS[self.type].secret:
            return HIDDEN
        if name == "url":
            return sa.make_url(value).render_as_string(hide_password=True)
        if self.type == "http" and name == "path":
            address = URL(value)
            hidden = address if address.password is None else address.with_password(HIDDEN)
            # A query may be what lets its bearer in.
            return str(hidden.with_query(None)) + (f"?{HIDDEN}" if address.raw_query_string else "")
        return value

    def _check(self) -> None:
        info = self.info
        if _is_file(self.type):
            self._check_format()
        if self.type == "localfile" and not info["path"].startswith("/"):
            raise BadRequest(
                f"{info['path']!r} is not an absolute path", "give the path as the node's machine has it"
            )
        if self.type == "http" and not _is_web_address(info["path"]):
            raise BadRequest(
                "the path of a source of the type http is an address", "write http://… or https://…"
            )
        if self.type == "s3" and ("s3accessKey" in info) != ("s3secretKey" in info):
            raise BadRequest("s3accessKey and s3secretKey belong together", "give both or neither")
        if "s3endpoint" in info and not _is_web_address(info["s3endpoint"]):
            raise BadRequest("s3endpoint is an address", "write http://HOST:PORT or https://…")
        if self.type in ("sql", "jdbc"):
            self._check_database()

    def _check_format(self) -> None:
        info = self.info
        if self.format is not None and self.format not in FORMATS.values():
            raise BadRequest(f"{self.format[:200]!r} is not a format of files", "use csv or parquet")
        if self.separator is not None and len(self.separator) != 1:
            raise BadRequest(f"{_SEPARATOR} is not one character", "give one, such as ; or \\t")
        for name, taken in _OF_CSV.items():
            if info.get(name, "").lower() not in taken:
                raise BadRequest(
                    f"{name} {info[name][:80]!r} is not available",
                    'give the file a heading, and quote cells by "',
                )

    def _check_database(self) -> None:
        info = self.info
        if self.type == "jdbc" and not any(part in info["driver"].lower() for part in _DIALECTS):
            raise BadRequest(
                f"databases behind the driver {info['driver'][:200]!r} are not available",
                f"use one of {', '.join(_DIALECTS)}, or a source of the type sql",
            )
        if not info.get("port", "1").isdecimal():
            raise BadRequest(f"port {info['port'][:20]!r} is not a number", "give the port's number")
        named = [name for name in ("path", *_TABLE) if name in info]
        if len(named) != 1:
            raise BadRequest(
                "a source in a database is either a table or a query", "give one of table and query"
            )
        try:
            url = self.database()
        except (sa.exc.ArgumentError, ValueError):
            raise BadRequest(
                "url is not an address of a database", "write postgresql://user:password@host/database"
            ) from None
        try:
            url.get_dialect().import_dbapi()
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            raise BadRequest(
                f"this node has no driver for {url.drivername!r}: {error}", "install it beside suffice"
            ) from None


def _is_file(type_: str) -> bool:
    return type_ in _OF_FILES


def _is_web_address(text: str) -> bool:
    try:
        address = URL(text)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.host)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    text = str(value) if isinstance(value, (str, int, float)) else None
    if text is None or len(text) > MOST_TEXT or "\0" in text:
        raise BadRequest(f"{name[:200]!r} is not a text of at most {MOST_TEXT:,} characters", "correct it")
    return text
