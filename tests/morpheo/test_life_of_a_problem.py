"""Whatever happens to problems, in any order, their uplets are as a simple model says, and the laws hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from node.errors import AlreadyExists, BadRequest, Forbidden
from node.events import Events
from node.keys import AccessKey, Role
from node.store import Store
from node.uplets.kinds import UpletKind, task_of
from node.uplets.results import Learned
from node.uplets.uplets import Uplets

USERS = {name: AccessKey(name, "secret", name, Role.USER, 0.0) for name in ("alice", "bob")}
BOSS = AccessKey("boss", "secret", "boss", Role.SUPERUSER, 0.0)
TESTS = ("T1", "T2")
ITEMS = tuple(f"D{i}" for i in range(12)) + TESTS
STATUS = {"waiting": "todo", "ready": "todo", "held": "pending", "done": "done", "failed": "failed"}


@dataclass
class Link:
    """A learnuplet as the model has it."""

    number: int
    rank: int
    data: list[str]
    start: str | None
    state: str
    uuid: str = ""
    end: str = ""
    holder: str | None = None
    perf: float | None = None


@dataclass
class ModelProblem:
    size: int
    lower: bool
    data: list[str] = field(default_factory=list)
    chains: dict[str, list[Link]] = field(default_factory=dict)

    def best(self, links: list[Link]) -> str | None:
        done = [link for link in links if link.state == "done"]
        if not done:
            return None
        return min(done, key=lambda link: (link.perf if self.lower else -link.perf, link.number)).end

    def cover(self, algo: str, number: int) -> int:
        """Add what the algorithm has still to learn; how many links that makes."""
        chain = self.chains[algo]
        known = {item for link in chain for item in link.data}
        fresh = [item for item in self.data if item not in known and item not in TESTS]
        runs = any(link.state in ("ready", "held") for link in chain)
        start = None if runs else self.best(chain) or algo
        parts = [fresh[at : at + self.size] for at in range(0, len(fresh), self.size)]
        first = len(chain)
        for i, part in enumerate(parts):
            state = "ready" if start else "waiting"
            chain.append(Link(number + i, first + i, part, start, state))
            start = None
        return len(parts)

    def hand_on(self, algo: str, rank: int) -> None:
        behind = [link for link in self.chains[algo][rank + 1 :] if link.state == "waiting"]
        if behind:
            behind[0].start, behind[0].state = self.best(self.chains[algo]), "ready"


PICK = st.integers(0, 1000)
PERFS = st.sampled_from([0.1, 0.3, 0.5, 0.9])


class LifeOfProblems(RuleBasedStateMachine):
    empty: Path
    """A store with its tables, to be copied: making them takes longer than a whole life."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="uplets-"))
        shutil.copy(self.empty, self.folder / "node.sqlite")
        self.store = Store(f"sqlite:///{self.folder / 'node.sqlite'}")
        self.run(self.store.open())
        self.uplets = Uplets(self.store, Events(self.store), lambda: "http://here")
        self.heard: set[str] = set()
        self.listening = self.uplets.listening(lambda ready: self.heard.update(one.uuid for one in ready))
        self.listening.__enter__()
        self.problems: dict[str, ModelProblem] = {}
        self.owners: dict[str, str] = {}

    def run(self, work):
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @property
    def links(self) -> list[tuple[ModelProblem, str, Link]]:
        return [
            (problem, algo, link)
            for problem in self.problems.values()
            for algo, chain in problem.chains.items()
            for link in chain
        ]

    def picked(self, pick: int, *states: str) -> tuple[ModelProblem, str, Link] | None:
        found = [item for item in self.links if not states or item[2].state in states]
        return found[pick % len(found)] if found else None

    @initialize(sizes=st.tuples(st.integers(1, 3), st.integers(1, 2)))
    def post_problems(self, sizes):
        for name, size, low in zip("PQ", sizes, (False, True), strict=True):
            self.run(self.uplets.add_problem(name, "W", TESTS, size, BOSS, lower_is_better=low))
            self.problems[name] = ModelProblem(size, low)
        self.post_data(list(ITEMS[:5]), ["P", "Q"], "alice")
        self.post_algo("P")
        self.post_algo("Q")

    @rule(problem=st.sampled_from("PQ"))
    def post_algo(self, problem):
        algo = f"A{sum(len(known.chains) for known in self.problems.values())}"
        made, count = self.run(self.uplets.add_algo(algo, problem, "algo", USERS["alice"]))
        assert made.uuid == algo
        self.problems[problem].chains[algo] = []
        assert count == self.problems[problem].cover(algo, len(self.links))

    @rule(
        items=st.lists(st.sampled_from(ITEMS), min_size=1, max_size=6, unique=True),
        wanted=st.sampled_from([["P"], ["Q"], ["P", "Q"]]),
        user=st.sampled_from(sorted(USERS)),
    )
    def post_data(self, items, wanted, user):
        others = any(self.owners.get(item, user) != user for item in items)
        known = any(all(item in self.problems[name].data for name in wanted) for item in items)
        if others or known:
            with pytest.raises((Forbidden, AlreadyExists)):
                self.run(self.uplets.add_data(items, wanted, USERS[user]))
            return
        _, count = self.run(self.uplets.add_data(items, wanted, USERS[user]))
        expected = 0
        for item in items:
            self.owners[item] = user
            for name in wanted:
                if item not in self.problems[name].data:
                    self.problems[name].data.append(item)
        for name in wanted:
            for algo in self.problems[name].chains:
                expected += self.problems[name].cover(algo, len(self.links))
        assert count == expected

    @precondition(lambda self: self.links)
    @rule(pick=PICK, user=st.sampled_from(sorted(USERS)), any_state=st.booleans())
    def claim(self, pick, user, any_state):
        found = self.picked(pick) if any_state else self.picked(pick, "ready")
        if found is None:
            return
        link = found[2]
        claim = self.uplets.claim(UpletKind.LEARN, link.uuid, f"{user}'s", USERS[user])
        if link.state == "ready":
            self.run(claim)
            link.state, link.holder = "held", user
        else:
            with pytest.raises(BadRequest, match="Might be already pending"):
                self.run(claim)

    @precondition(lambda self: self.picked(0, "held"))
    @rule(pick=PICK, perf=PERFS)
    def finish(self, pick, perf):
        problem, algo, link = self.picked(pick, "held")
        self.run(self.uplets.finish_learning(link.uuid, Learned(perf, [], {}), USERS[link.holder]))
        link.state, link.perf = "done", perf
        problem.hand_on(algo, link.rank)

    @precondition(lambda self: self.picked(0, "ready"))
    @rule(pick=PICK, perfs=st.lists(PERFS, min_size=1, max_size=4), user=st.sampled_from(sorted(USERS)))
    def work_along_a_chain(self, pick, perfs, user):
        """So that chains grow long before something happens to them."""
        problem, algo, link = self.picked(pick, "ready")
        for perf in perfs:
            if link.state != "ready":
                return
            self.run(self.uplets.claim(UpletKind.LEARN, link.uuid, f"{user}'s", USERS[user]))
            link.state, link.holder = "held", user
            self.run(self.uplets.finish_learning(link.uuid, Learned(perf, [], {}), USERS[user]))
            link.state, link.perf = "done", perf
            problem.hand_on(algo, link.rank)
            behind = problem.chains[algo][link.rank + 1 :]
            if not behind:
                return
            link = behind[0]

    @precondition(lambda self: self.picked(0, "held"))
    @rule(pick=PICK)
    def fail(self, pick):
        _, _, link = self.picked(pick, "held")
        self.run(self.uplets.finish_learning(link.uuid, None, USERS[link.holder]))
        link.state = "failed"

    @precondition(lambda self: self.picked(0, "held"))
    @rule(pick=PICK)
    def a_worker_vanishes(self, pick):
        """And comes back when it is too late."""
        _, _, link = self.picked(pick, "held")
        self.heard.discard(link.uuid)
        assert self.run(self.uplets.release(task_of(link.uuid)))
        late = USERS[link.holder]
        link.state, link.holder = "ready", None
        with pytest.raises(Forbidden):
            self.run(self.uplets.finish_learning(link.uuid, None, late))

    @precondition(lambda self: self.links)
    @rule(pick=PICK, user=st.sampled_from(sorted(USERS)), failed=st.booleans())
    def post_what_one_may_not(self, pick, user, failed):
        """A result of what has ended, or what another holds, or nobody."""
        _, _, link = self.picked(pick)
        if link.state == "held" and link.holder == user:
            return
        learned = None if failed else Learned(1.0, [], [])
        with pytest.raises((BadRequest, Forbidden)):
            self.run(self.uplets.finish_learning(link.uuid, learned, USERS[user]))

    @rule(problem=st.sampled_from("PQ"))
    def predict(self, problem):
        model = self.problems[problem]
        best = model.best([link for chain in model.chains.values() for link in chain])
        if best is None:
            with pytest.raises(BadRequest, match="no problem or trained model"):
                self.run(self.uplets.predict(problem, ["X"], BOSS))
        else:
            assert self.run(self.uplets.predict(problem, ["X"], BOSS)) == 1
            assert self.run(self.uplets.find("preduplet"))[-1].model == best

    @invariant()
    def the_uplets_are_as_the_model_says(self):
        found = {(shown.algo, shown.rank): shown for shown in self.run(self.uplets.find("learnuplet"))}
        assert len(found) == len(self.links)
        for _, algo, link in self.links:
            shown = found[algo, link.rank]
            link.uuid, link.end = shown.uuid, shown.model_end
            assert shown.train_data == link.data
            assert shown.model_start == link.start
            assert shown.status == STATUS[link.state]
            assert shown.perf == link.perf
            assert shown.worker == (f"{link.holder}'s" if link.holder else None)
        ready = {link.uuid for _, _, link in self.links if link.state == "ready"}
        assert {shown.uuid for shown, _ in self.run(self.uplets.ready(UpletKind.LEARN, 1000))} == ready
        assert ready <= self.heard

    @invariant()
    def the_laws_hold(self):
        """Of what is shown alone, without the model."""
        shown = self.run(self.uplets.find("learnuplet"))
        data = self.run(self.uplets.find("data"))
        for algo in self.run(self.uplets.find("algo")):
            chain = sorted((one for one in shown if one.algo == algo.uuid), key=lambda one: one.rank)
            assert [one.rank for one in chain] == list(range(len(chain)))
            trained = [item for one in chain for item in one.train_data]
            given = {item.uuid for item in data if algo.problem in item.problems}
            assert len(trained) == len(set(trained)) and set(trained) == given - set(TESTS)
            made = {one.model_end for one in chain if one.status == "done"}
            for one in chain:
                assert one.test_data == list(TESTS)
                assert one.model_start in {None, algo.uuid} | made
                assert (one.status == "pending") <= (one.worker is not None)
                assert (one.perf is not None) == (one.status == "done")
        assert len({one.model_end for one in shown}) == len(shown)


def test_any_life_of_a_problem(tmp_path):
    async def make() -> None:
        store = Store(f"sqlite:///{tmp_path / 'empty.sqlite'}")
        await store.open()
        await store.close()

    asyncio.run(make())

    class Life(LifeOfProblems):
        empty = tmp_path / "empty.sqlite"

    lives = settings(max_examples=25, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Life, settings=lives)
