"""What kind of file a job brings: its mime type and the parameters of that."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from node.errors import BadRequest

CSV: Final = "text/csv"
JSON: Final = "application/json"
_DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "\t": "\t", "\\t": "\t", "tab": "\t"}
_REMEDY: Final = "use text/csv; header=present, text/csv; header=absent or application/json"


@dataclass(frozen=True, slots=True)
class Mime:
    """type: text/csv, application/json or another, of which nothing is read. header, delimiter: of CSV."""

    type: str
    header: bool = True
    delimiter: str = ","

    @classmethod
    def parse(cls, text: Any) -> Mime:
        """From `text/csv; header=absent; delimiter=";"`: a header is taken to be present, a comma to part
        cells. Raises BadRequest."""
        if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > 200:
            raise BadRequest("there is no mime type", _REMEDY)
        message = Message()
        message["content-type"] = text
        kind = message.get_content_type()
        if text.partition(";")[0].strip().lower() != kind:
            raise BadRequest(f"{text!a} is no mime type", _REMEDY)
        given = {key.lower(): str(value) for key, value in (message.get_params() or [])[1:]}
        charset = given.get("charset", "utf-8").lower()
        if kind in (CSV, JSON) and charset not in ("utf-8", "utf8", "us-ascii"):
            raise BadRequest(f"{kind} in {charset[:40]!a} is not read", "send it in UTF-8")
        if kind != CSV:
            return cls(kind)
        header, delimiter = given.get("header", "present").lower(), given.get("delimiter", ",")
        if header not in ("present", "absent"):
            raise BadRequest(
                f"the header of the CSV is {header[:40]!a}", "write header=present or header=absent"
            )
        if delimiter.lower() not in _DELIMITERS:
            raise BadRequest(
                f"cells parted by {delimiter[:40]!a} are not read", 'use , or delimiter=";", | or tab'
            )
        return cls(kind, header == "present", _DELIMITERS[delimiter.lower()])

    @property
    def structured(self) -> bool:
        """Whether it has records."""
        return self.type in (CSV, JSON)

    @property
    def form(self) -> str | None:
        """How a schema calls it: csv_header, csv or json; None of what has no records."""
        if self.type == CSV:
            return "csv_header" if self.header else "csv"
        return "json" if self.type == JSON else None

    @classmethod
    def of(cls, form: str) -> Mime:
        """The mime type of csv_header, csv or json."""
        return cls(JSON) if form == "json" else cls(CSV, form == "csv_header")

    @classmethod
    def of_any(cls, form: str | None) -> Mime:
        """The same, and of what has no form: bytes."""
        return cls("application/octet-stream") if form is None else cls.of(form)

    def __str__(self) -> str:
        return (
            f"{self.type}; header={'present' if self.header else 'absent'}" if self.type == CSV else self.type
        )
