"""A worker's calls through a network that loses answers, and the blobs that it keeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from suffice.wire import CannotReachNode, NodeRefused, SufficeError
from suffice.worker import MorpheoCalls
from suffice.worker.blobs import Blobs
from suffice.worker.programs import Failed, pack


class Losing(MorpheoCalls):
    """Calls whose answers are lost as often as `lost` says for a method; the node has heard them."""

    lost: Counter[str]

    @contextmanager
    def _answer(self, method: str, *arguments: Any) -> Iterator[Any]:
        with super()._answer(method, *arguments) as answer:
            if self.lost[method] > 0:
                self.lost[method] -= 1
                raise CannotReachNode("cannot_reach", "the answer was lost")
            yield answer


@pytest.fixture
def losing(lab) -> Losing:
    key = lab.client.key
    calls = Losing(lab.client.url, key.access_key, key.secret_key, "us", pause=lambda seconds: None)
    calls.lost = Counter()
    return calls


async def uplet_of(lab, losing):
    await lab.task()
    (uplet,) = await asyncio.to_thread(losing.ready)
    return uplet


async def test_a_claim_whose_answer_was_lost_is_ours(lab, losing):
    uplet = await uplet_of(lab, losing)
    losing.lost = Counter(POST=2)
    assert await asyncio.to_thread(losing.take, uplet)
    other = MorpheoCalls(lab.client.url, lab.client.key.access_key, lab.client.key.secret_key, "them")
    assert not await asyncio.to_thread(other.take, uplet)
    assert await asyncio.to_thread(losing.holds, uplet)
    assert not await asyncio.to_thread(other.holds, uplet)


async def test_a_result_whose_answer_was_lost_is_posted(lab, losing):
    uplet = await uplet_of(lab, losing)
    await asyncio.to_thread(losing.take, uplet)
    losing.lost = Counter(POST=1)
    await asyncio.to_thread(losing.post_result, uplet, {"status": "failed"})
    assert [u["status"] for u in await lab.client.learnuplets()] == ["failed"]
    figures = {"perf": 1.0, "train_perf": {}, "test_perf": {}}
    with pytest.raises(NodeRefused, match="no update"):
        await asyncio.to_thread(losing.post_result, uplet, {"status": "done", **figures})


async def test_uploads_whose_answers_were_lost_are_there_once(lab, losing, tmp_path):
    uplet = await uplet_of(lab, losing)
    await asyncio.to_thread(losing.take, uplet)
    (tmp_path / "model").write_bytes(b"the model")
    losing.lost = Counter(POST=1)
    await asyncio.to_thread(losing.upload_model, uplet["model_end"], uplet["algo"], tmp_path / "model")
    assert await lab.blob("model", uplet["model_end"]) == b"the model"
    losing.lost = Counter(POST=1)
    uuid = await asyncio.to_thread(losing.upload_prediction, b"a prediction")
    assert await lab.blob("prediction", uuid) == b"a prediction"
    assert (await lab.client.ok("GET", "/storage/prediction"))["length"] == 1


async def test_a_node_that_stays_away_is_given_up(losing, monkeypatch):
    monkeypatch.setattr("suffice.worker.calls.PATIENCE_SECONDS", 1.0)
    losing.lost = Counter(GET=1000)
    with pytest.raises(CannotReachNode):
        await asyncio.to_thread(losing.ready)


async def test_a_pause_that_says_so_ends_the_patience(lab):
    asked = []
    key = lab.client.key
    calls = Losing(lab.client.url, key.access_key, key.secret_key, "us", pause=lambda s: not asked.append(s))
    calls.lost = Counter(GET=1000)
    with pytest.raises(CannotReachNode):
        await asyncio.to_thread(calls.ready)
    assert len(asked) == 1


class Fetching:
    """Stands for the calls of a node whose every blob is ten bytes. `tag`: of all of them."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.tag = '"1"'
        self.refuses = False

    def fetch(self, kind: str, uuid: str, file: Path, most: int, known: str, uplet: Any) -> str:
        if self.refuses:
            raise NodeRefused(403, "forbidden", "no uplet of yours opens it")
        if known == self.tag:
            return known
        self.fetched.append(f"{kind} {uuid}")
        if most < 10:
            raise SufficeError("too_large", "it has more bytes")
        file.write_bytes(b"0123456789")
        return self.tag


@pytest.fixture
def fetching() -> Fetching:
    return Fetching()


@pytest.fixture
def put(fetching: Fetching, tmp_path: Path) -> Any:
    """Have a blob at the next free place, in a cache of 25 bytes."""
    (tmp_path / "cache").mkdir()
    blobs = Blobs(fetching, tmp_path / "cache", 25)  # type: ignore[arg-type]
    places = iter(range(1000))

    def one(kind: str, uuid: str, most: int = 100) -> Path:
        place = tmp_path / f"place-{next(places)}"
        blobs.put(kind, uuid, place, most, uplet=None)  # type: ignore[arg-type]
        return place

    return one


def test_a_blob_is_fetched_once(fetching, put):
    assert put("data", "a").read_bytes() == put("data", "a").read_bytes() == b"0123456789"
    assert fetching.fetched == ["data a"]


def test_the_blob_that_was_used_least_recently_goes_first(fetching, put, tmp_path):
    for uuid in ("a", "b", "a", "c", "a", "b"):
        put("data", uuid)
    assert fetching.fetched == ["data a", "data b", "data c", "data b"]
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= 25


def test_a_blob_may_have_changed(fetching, put):
    put("problem", "w")
    fetching.tag = '"2"'
    put("problem", "w")
    put("problem", "w")
    assert fetching.fetched == ["problem w"] * 2


def test_a_blob_that_is_not_for_us_any_more_is_not_there(fetching, put, tmp_path):
    put("data", "a")
    fetching.refuses = True
    with pytest.raises(NodeRefused):
        put("data", "a")
    assert not (tmp_path / "place-1").exists()


def test_a_blob_that_is_too_large_leaves_nothing(put, tmp_path):
    with pytest.raises(SufficeError, match="more bytes"):
        put("data", "a", most=5)
    assert list((tmp_path / "cache").iterdir()) == []


def test_equal_models_are_equal_archives(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deeper").mkdir(parents=True)
        (tmp_path / name / "deeper" / "weights").write_bytes(b"1 2 3")
        (tmp_path / name / "link").symlink_to("/etc/passwd")
        pack(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_a_model_of_links_is_none(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "link").symlink_to("/etc/passwd")
    with pytest.raises(Failed, match="wrote no model"):
        pack(tmp_path / "model", tmp_path / "model.tar.gz")
