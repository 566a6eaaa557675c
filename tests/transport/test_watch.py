"""What a watcher takes for new when it is told of commits, in whatever order, by whatever store."""

from transport.bus import Mark, Watch


async def nothing() -> None:
    pass


async def taken(watch: Watch) -> list[str]:
    return [await anext(watch) for _ in range(len(watch._new))]


async def test_a_commit_is_told_once_and_an_older_one_not_at_all() -> None:
    watch = Watch(nothing)
    watch.offer("a", Mark(7, "2026-11-21T10:00:00.5"))
    watch.offer_all({"a": Mark(7, "2026-11-21T10:00:00.5"), "b": Mark(3, "2026-11-21T09:00:00")})
    assert await taken(watch) == ["a", "b"]
    watch.offer("a", Mark(6, "2026-11-21T10:00:00.25"))
    assert await taken(watch) == []
    watch.offer("a", Mark(8, "2026-11-21T10:00:00.5"))
    assert await taken(watch) == ["a"]


async def test_a_restored_store_that_counts_through_known_numbers_is_heard() -> None:
    """Its commits have the numbers of others that were seen before it was restored, or lower ones."""
    watch = Watch(nothing)
    watch.offer_all({"a": Mark(10, "2026-11-21T10:00:00"), "b": Mark(9, "2026-11-21T09:59:59")})
    assert await taken(watch) == ["a", "b"]
    watch.offer_all({"a": Mark(10, "2026-11-21T11:00:00.1"), "b": Mark(6, "2026-11-21T09:00:00")})
    assert await taken(watch) == ["a"]
    watch.offer("b", Mark(9, "2026-11-21T11:00:00.15"))
    assert await taken(watch) == ["b"]
