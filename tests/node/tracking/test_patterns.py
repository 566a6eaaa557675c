"""Regular expressions: found alike by SQLite, with Python's, and by PostgreSQL, with its own."""

from __future__ import annotations

import pytest
import regex
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from node.tracking.errors import BadPattern
from node.tracking.patterns import read_pattern

PIECES = (
    "a", "B", "é", "_", "7", " ", "-", ".", "\n", "^", "$", "*", "+", "?", "*?", "|", "(", "(?:", "(?=",
    "(?!", "(?<=", "(?<!", "(?P<n>", "(?P=n)", "(?P<m>", ")", r"\1", r"\b", r"\B", r"\d", r"\w", r"\s", r"\D",
    r"\W", r"\S", r"\A", r"\Z", r"\x41", r"\x4142", r"\u0041", r"\n", r"\t", r"\-", r"\.", r"\\", r"\[",
    "[ab]",
    "[^a]", "[]a]", r"[\b]", r"[\x41-C]", r"[\d_]", "[.]", "[a-c.]", r"[\]a]", "{2}", "{,2}", "{1,}", "{",
    "}", "#",
)  # fmt: skip
FLAGS = ("", "", "", "(?i)", "(?s)", "(?m)", "(?im)", "(?s)(?i)")
PATTERNS = st.builds(
    lambda flags, pieces: flags + "".join(pieces),
    st.sampled_from(FLAGS),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
)
TEXTS = st.text(st.sampled_from("aAbBcé_7 -.\n\t\\[]AC{}#\b"), max_size=8)


def found(connection: sa.Connection, pattern: str, text: str) -> bool:
    read = read_pattern(pattern, "name")
    return bool(connection.scalar(sa.select(read.found_in(sa.literal(text)))))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
def test_a_pattern_means_what_it_means_in_python(connection: sa.Connection, pattern: str, text: str) -> None:
    try:
        compiled = regex.compile(pattern)
    except regex.error:
        with pytest.raises(BadPattern):
            read_pattern(pattern, "name")
        return
    # The very end of a text only is its end here.
    assume(not text.endswith("\n") or "$" not in pattern)
    try:
        with connection.begin_nested():
            answer = found(connection, pattern, text)
    except sa.exc.DBAPIError as error:
        assert "quantifier operand invalid" in str(error.orig)  # of an anchor, or a second one
        return
    assert answer == (compiled.search(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\bfirst\b", "the first try"),
        (r"\Bst\b", "first"),
        (r"^v\x31[0-9]$", "v12"),
        (r"(?P<twice>ab)-(?P=twice)", "ab-ab"),
        (r"(?s)a.b", "a\nb"),
        (r"(?m)^b$", "a\nb"),
        (r"x{,2}y", "xy"),
    ],
)
def test_what_each_database_spells_in_its_own_way(connection: sa.Connection, pattern: str, text: str) -> None:
    assert found(connection, pattern, text)
    assert not found(connection, pattern, "something else")
