"""Federations of 3 to 200 nodes on a bad network, from one seed.

A run makes an admin, peers that join early or late, learn, leave, come back, are expelled, and die at any
point (`kill -9`: before or after a step was stored), over a bus that loses, doubles, delays and reorders what
it tells, and to which somebody sends rubbish. At the end everybody reads every slot, as a node does when it
reconnects, and all fused digests must equal the digest of the pooled rows.

Replay a failing seed by itself, with a log of what each node did:

    python tests/federation/simulator.py --seed 1234 --peers 40 --log
"""

import argparse
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

from federation.charter import Approval
from federation.errors import FusionError, LocalProtocolError
from federation.fusion import Fused
from federation.identity import Identity
from federation.invitation import Invitation
from federation.lifecycle import State
from federation.member import Federation
from federation.outputs import (
    ContributionDropped,
    ContributionReceived,
    ContributionReleased,
    Output,
    Put,
    Refused,
    Reread,
)
from federation.slot import Slot
from federation.statistics import Attribute, AttributeType, Moments, Quantum, Schema, Table

PROJECT = "flights"
SCHEMA = Schema((Attribute("delay", AttributeType.CONTINUOUS, Quantum.parse("0.1")),))
HOUR = 3600.0


class SimulatedNode:
    """A node's driver in miniature: it keeps the order that `federation.member` asks for."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.identity = Identity.from_seed(world.random.randbytes(64))
        self.federation: Federation | None = None
        self.records: dict[tuple[str, str], bytes] = {}
        self.rows: list[float] = []
        self.version = 0
        self.belongs = False  # whether it should be a member in the end
        self.past: dict[int, list[float]] = {}  # the rows of each version, to check answers against

    def step(self, call: Callable[[Federation], list[Output]]) -> None:
        """One call of the machine: stored, then sent. Sometimes the process dies before, or after, it was
        stored."""
        if self.federation is None:
            return
        fate = self.world.random.random()
        before = self.federation.snapshot() if fate < self.world.crash else None
        outputs = call(self.federation)
        if before is not None:
            self.restart(before)
            return
        self.store(outputs)
        if fate < 2 * self.world.crash:
            self.restart(self.federation.snapshot())
        self.send(outputs)

    def kill(self) -> None:
        """At rest, with everything stored."""
        if self.federation is not None:
            self.restart(self.federation.snapshot())

    def restart(self, snapshot: bytes) -> None:
        self.world.counts["restarts"] += 1
        self.federation = Federation.restore(
            self.identity, snapshot, self.records.values(), entropy=self.world.random.randbytes
        )

    def store(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case ContributionReceived(project, node_id, record=record):
                    self.records[project, node_id] = record
                case ContributionReleased(project, node_id, record=record):
                    self.records[project, node_id] = record
                case ContributionDropped(project, node_id):
                    del self.records[project, node_id]

    def send(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.world.counts[type(output).__name__] += 1
            if isinstance(output, Refused):
                self.world.counts[f"refused: {output.reason.value}"] += 1
            if self.world.log:
                print(f"{self.world.now:9.1f} {self.name:>6} {output}")
            if isinstance(output, Put):
                self.world.put(output)
            elif isinstance(output, Reread):
                self.read(output.slots)

    def receive(self, slot: Slot, payload: bytes) -> None:
        self.step(lambda federation: federation.receive(slot, payload, self.world.now))

    def read(self, slots: "list[Slot] | tuple[Slot, ...]") -> None:
        """Reads the latest value of each slot, as the bus allows it at any time."""
        for slot in slots:
            if slot in self.world.slots:
                self.receive(slot, self.world.slots[slot])

    def learn(self) -> None:
        """New rows, or some forgotten; released at once."""
        rows, version = list(self.rows), self.version + 1
        if rows and self.world.random.random() < 0.3:
            del rows[: self.world.random.randint(1, len(rows))]
        rows += [self.world.random.randrange(10**6) / 10 for _ in range(self.world.random.randint(0, 12))]
        self.rows, self.version, self.past[version] = rows, version, rows
        self.contribute()

    def contribute(self) -> None:
        def call(federation: Federation) -> list[Output]:
            if federation.state is not State.MEMBER or PROJECT not in federation.charter.projects:
                return []
            return federation.contribute(PROJECT, self.version, moments_of(self.rows), self.world.now)

        if self.version:
            self.step(call)

    def fused(self) -> Fused | None:
        """What the node would answer now, if it can."""
        if self.federation is None or self.federation.state is not State.MEMBER:
            return None
        try:
            return self.federation.fused(PROJECT)
        except (FusionError, LocalProtocolError):
            return None


class World:
    """The bus, the clock, and everything that happens."""

    def __init__(self, seed: int, peers: int, log: bool = False) -> None:
        self.random = random.Random(seed)
        self.log = log
        self.now = 0.0
        self.slots: dict[Slot, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.loss = max(
            self.random.uniform(0, 0.6), 1 - 12 / peers
        )  # the larger, the more silent: work is N²
        self.crash = self.random.choice((0.0, 0.02, 0.1)) * min(1, 20 / peers)
        self.manual = peers > 25 or self.random.random() < 0.5
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.nodes = [SimulatedNode(self, f"n{number}") for number in range(peers)]
        self.by_id = {node.identity.node_id: node for node in self.nodes}
        self.admin = self.nodes[0]

    # -- the bus ---------------------------------------------------------------------------------------------

    def put(self, put: Put) -> None:
        """The slot has its value for good; who hears of it, when, how often and in which order is another
        matter."""
        self.slots[put.slot] = put.payload
        for node in self.nodes:
            while self.random.random() >= self.loss:
                stale = (
                    self.random.random() < 0.3
                )  # a copy under way, not what the slot holds when it is read
                self.at(self.random.expovariate(1 / 30), self.tell(node, put, stale))
                if self.random.random() < 0.8:
                    break

    def tell(self, node: SimulatedNode, put: Put, stale: bool) -> Callable[[], None]:
        return lambda: node.receive(put.slot, put.payload if stale else self.slots[put.slot])

    def at(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (self.now + delay, next(self.order), action))

    def rubbish(self) -> None:
        """A real message with a few bytes changed, cut short, or in another's slot, to anybody."""
        if not self.slots:
            return
        slot = self.random.choice(list(self.slots))
        data = bytearray(self.slots[slot])
        for _ in range(self.random.randint(0, 3)):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        if self.random.random() < 0.3:
            del data[self.random.randrange(len(data)) :]
        if self.random.random() < 0.3:
            slot = self.random.choice([other for other in self.slots if other[0] == slot[0]])
        self.random.choice(self.nodes).receive(slot, bytes(data))

    # -- the schedule ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """One hour of life, then peace, then the checks."""
        self.found()
        for node in self.nodes[1:]:
            self.at(self.random.uniform(0, HOUR / 2), lambda node=node: self.join(node))
        for node in self.nodes:
            for _ in range(self.random.randint(1, 6) if len(self.nodes) < 50 else 1):
                self.at(self.random.uniform(0, HOUR), node.learn)
            if self.crash:
                self.at(self.random.uniform(0, HOUR), lambda node=node: node.kill())
        for node in self.random.sample(self.nodes[1:], self.random.randint(0, min(3, len(self.nodes) // 2))):
            self.at(self.random.uniform(HOUR / 2, HOUR), lambda node=node: self.leave(node))
        for _ in range(40):
            self.at(self.random.uniform(0, HOUR), self.rubbish)
            self.at(self.random.uniform(0, HOUR), lambda: self.check_answer(self.random.choice(self.nodes)))
        if self.manual:
            for number in range(1, 6):
                self.at(HOUR * number / 5, self.approve)
        if self.random.random() < 0.5:
            self.at(self.random.uniform(HOUR / 2, HOUR), self.expel)
        self.run_agenda()
        self.settle()
        self.check()

    def run_agenda(self) -> None:
        while self.agenda:
            self.now, _, action = heapq.heappop(self.agenda)
            action()

    def found(self) -> None:
        self.admin.federation, outputs = Federation.create(
            self.admin.identity,
            "airports",
            self.admin.name,
            approval=Approval.MANUAL if self.manual else Approval.AUTOMATIC,
            quorum=self.random.choice((None, 1, 2)),
            min_rows_margin=None,
            bus_key="key-of-the-admin",
            now=self.now,
            entropy=self.random.randbytes,
        )
        self.admin.belongs = True
        self.admin.store(outputs)
        self.admin.send(outputs)
        schema = SCHEMA if self.random.random() < 0.5 else None
        self.at(self.random.uniform(0, HOUR / 4), lambda: self.set_project(schema))

    def set_project(self, schema: Schema | None) -> None:
        self.admin.step(lambda admin: admin.set_project(PROJECT, schema, now=self.now))

    def join(self, node: SimulatedNode) -> None:
        """Invited and joining; the invitation passes as the pasted string. The admin stores before it hands
        out."""
        assert self.admin.federation is not None
        text = self.admin.federation.invite(
            {"servers": ["nats://here"]}, now=self.now, lifetime=9 * HOUR
        ).text
        node.records.clear()
        node.federation, outputs = Federation.join(
            node.identity,
            Invitation.parse(text),
            node.name,
            bus_key=f"key-of-{node.name}",
            now=self.now,
            entropy=self.random.randbytes,
        )
        node.belongs = True
        node.send(outputs)

    def approve(self) -> None:
        self.admin.step(lambda admin: admin.approve(*admin.requests, now=self.now))

    def leave(self, node: SimulatedNode) -> None:
        """A member leaves; half of them want to come back later."""

        def call(federation: Federation) -> list[Output]:
            return federation.leave(now=self.now) if federation.state is State.MEMBER else []

        node.step(call)
        if node.federation is not None and node.federation.state is State.LEAVING:
            node.belongs = False
        if self.random.random() < 0.5:
            self.at(HOUR / 4, lambda: self.come_back(node))

    def come_back(self, node: SimulatedNode) -> None:
        if node.federation is not None and node.federation.state is State.LEFT:
            self.counts["came back"] += 1
            self.join(node)

    def expel(self) -> None:
        def call(admin: Federation) -> list[Output]:
            others = [node_id for node_id in admin.charter.members if node_id != self.admin.identity.node_id]
            return admin.expel(self.random.choice(others), now=self.now) if others else []

        assert self.admin.federation is not None
        before = self.admin.federation.charter.members
        self.admin.step(call)
        for node_id in before.keys() - self.admin.federation.charter.members.keys():
            self.by_id[node_id].belongs = False

    def settle(self) -> None:
        """Everybody reads everything, in any order, until nobody has anything to say."""
        self.loss, self.crash = 1.0, 0.0
        self.set_project_again()
        while True:
            spoken = self.counts["Put"]
            for node in self.random.sample(self.nodes, len(self.nodes)):
                node.read(self.random.sample(list(self.slots), len(self.slots)))
                node.contribute()
            if self.manual:
                self.approve()
            if self.counts["Put"] == spoken:
                return

    def set_project_again(self) -> None:
        """The admin's step may have died unstored; people try again."""
        assert self.admin.federation is not None
        if PROJECT not in self.admin.federation.charter.projects:
            self.set_project(SCHEMA)
        for node in self.nodes:
            if node.version == 0:
                node.learn()

    # -- what must hold --------------------------------------------------------------------------------------

    def check_answer(self, node: SimulatedNode) -> None:
        """At any moment: an answer is the sum of exactly the versions that it names."""
        fused = node.fused()
        if fused is not None:
            self.counts["answers"] += 1
            rows = [
                row for part in fused.contributions for row in self.by_id[part.node_id].past[part.version]
            ]
            assert fused.moments.digest() == moments_of(rows).digest()

    def check(self) -> None:
        """At the end: one charter, one sum, and who is out is out."""
        assert self.admin.federation is not None
        charter = self.admin.federation.charter
        members = [self.by_id[node_id] for node_id in charter.members]
        assert {node.name for node in members} == {node.name for node in self.nodes if node.belongs}
        pooled = moments_of([row for node in members for row in node.rows]).digest()
        for node in members:
            assert node.federation is not None
            assert node.federation.state is State.MEMBER, node.name
            assert node.federation.charter == charter, node.name
            fused = node.federation.fused(PROJECT)
            assert fused.moments.digest() == pooled, node.name
            assert {part.node_id: part.version for part in fused.contributions} == {
                other.identity.node_id: other.version for other in members
            }
            assert node.records.keys() == {(PROJECT, other.identity.node_id) for other in members}
        for node in self.nodes:
            if node.identity.node_id not in charter.members:
                assert node.federation is None or node.federation.state is State.LEFT, node.name
                assert not node.records, node.name


def moments_of(rows: list[float]) -> Moments:
    moments = Moments(SCHEMA)
    return moments.learn(Table.from_rows(["delay"], [[row] for row in rows], ["C"])) if rows else moments


def run(seed: int, peers: int, log: bool = False) -> Counter[str]:
    """One schedule. Raises `AssertionError` if anything that must hold does not; returns what happened how
    often."""
    world = World(seed, peers, log)
    try:
        world.run()
    except BaseException:
        print(f"replay: python tests/federation/simulator.py --seed {seed} --peers {peers} --log")
        raise
    return world.counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one schedule of the federation simulator")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--peers", type=int, required=True, help="nodes, the admin among them")
    parser.add_argument("--log", action="store_true", help="print every output of every node")
    options = parser.parse_args()
    for what, count in sorted(run(options.seed, options.peers, options.log).items()):
        print(f"{count:8} {what}")


if __name__ == "__main__":
    main()
