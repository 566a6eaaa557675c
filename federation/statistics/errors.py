"""What can go wrong with statistics, as exceptions that name the place and the remedy."""

from __future__ import annotations


class RefusedError(ValueError):
    """What was asked cannot be. `message` names the thing and the place, `remedy` what to do about it.

    As text it says both.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}{'; ' if ': ' in message else ': '}{remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


class StatisticsError(RefusedError):
    """Base of every error of this package."""


class SchemaError(StatisticsError):
    """A schema that cannot be, or two schemas that cannot be joined."""


class LearnError(StatisticsError):
    """A table that cannot be learned; the message names the column and, where it applies, the row."""

    row: int | None = None


class MomentsFormatError(StatisticsError):
    """Bytes that are not the canonical form of a `Moments`."""
