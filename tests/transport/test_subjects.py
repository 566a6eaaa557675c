"""Subjects: a slot and its subject are each other's inverse; nobody's pattern reaches into another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import subjects
from transport.subjects import SubjectError

tokens = st.text("abzAZ019_-", min_size=1, max_size=64)
slots = st.lists(tokens, min_size=1, max_size=4).map(tuple)


@given(tokens, slots)
def test_a_slot_and_its_subject_are_inverse(federation: str, slot: tuple[str, ...]) -> None:
    assert subjects.slot_of(subjects.state(federation, *slot)) == (federation, slot)


@given(st.text())
def test_what_is_no_token_is_refused(text: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    if 1 <= len(text) <= 64 and set(text) <= allowed:
        assert subjects.token(text) == text
    else:
        with pytest.raises(SubjectError):
            subjects.token(text)


@given(st.text())
def test_any_text_as_a_subject_is_understood_or_refused(text: str) -> None:
    for read in (subjects.slot_of, subjects.check_pattern, subjects.changed, subjects.federation_of):
        try:
            read(text)
        except SubjectError:
            continue


@given(tokens, slots, slots)
def test_a_pattern_matches_as_nats_does(
    federation: str, slot: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    subject = subjects.state(federation, *slot, *rest)
    assert subjects.matches(subject, subject)
    assert subjects.matches(subjects.state_pattern(federation, *slot, ">"), subject)
    assert subjects.matches(subjects.state_pattern(federation, *slot, *("*" for _ in rest)), subject)
    assert not subjects.matches(subjects.state_pattern(federation, *slot), subject)
    assert not subjects.matches(f"{subject}.>", subject)


def allows(patterns: tuple[str, ...], subject: str) -> bool:
    return any(subjects.matches(pattern, subject) for pattern in patterns)


@given(tokens, tokens, tokens, tokens)
def test_a_member_may_write_only_what_is_its_own(federation: str, me: str, other: str, project: str) -> None:
    may = subjects.member_permissions(federation, me, "KEY").publish
    mine = subjects.state(federation, "statistics", project, me)
    assert allows(may, mine)
    assert allows(may, f"{subjects.chunks(mine, 'a')}0")
    assert allows(may, subjects.state(federation, "leave", me))
    assert allows(may, subjects.events(federation, me, "scalar"))
    assert not allows(may, subjects.state(federation, "charter", me))
    assert not allows(may, f"{subjects.ROOT}.{federation}.changed.statistics.{project}.{me}")
    if other != me:
        theirs = subjects.state(federation, "statistics", project, other)
        assert not allows(may, theirs)
        assert not allows(may, f"{subjects.chunks(theirs, 'a')}0")
        assert not allows(may, subjects.events(federation, other, "scalar"))
    if other != federation:
        assert not allows(may, subjects.state(other, "statistics", project, me))


def test_a_node_in_two_federations_has_the_permissions_of_both() -> None:
    first = subjects.member_permissions("f", "n", "KEY")
    both = first | subjects.member_permissions("g", "n", "KEY")
    assert allows(both.publish, subjects.state("f", "leave", "n"))
    assert allows(both.publish, subjects.state("g", "leave", "n"))
    assert both | first == both
