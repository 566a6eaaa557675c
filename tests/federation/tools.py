"""Tools of the protocol's tests: tiny statistics, and nodes side by side on a bus that loses nothing.

Loaded by `conftest.py` under the name `tests_federation_tools`, because hypothesis tests want plain
functions.
"""

import random
from typing import Any

from federation.identity import Identity
from federation.invitation import Invitation
from federation.member import Federation
from federation.outputs import (
    ContributionDropped,
    ContributionReceived,
    ContributionReleased,
    Output,
    Put,
    Reread,
)
from federation.slot import Slot
from federation.statistics import Attribute, AttributeType, Moments, Quantum, Schema, Table

PROJECT = "flights"


class Circle:
    """Federations of one admin and its peers; every `Put` reaches everybody at once. `facts` is all that was
    said.

    `now` is the clock of all. Nodes by name; the first is the admin, "ewr".
    """

    def __init__(self, **rules: Any) -> None:
        self.random = random.Random(0)
        self.entropy = self.random.randbytes
        self.now = 1000.0
        self.slots: dict[Slot, bytes] = {}
        self.identities: dict[str, Identity] = {}
        self.nodes: dict[str, Federation] = {}
        self.facts: list[tuple[str, Output]] = []
        self.records: dict[str, dict[tuple[str, str], bytes]] = {}
        self.away: set[str] = set()
        identity = self.identity("ewr")
        admin, outputs = Federation.create(
            identity,
            "airports",
            "ewr",
            bus_key="bus-ewr",
            now=self.now,
            entropy=self.entropy,
            **{"min_rows_margin": None} | rules,
        )
        self.nodes["ewr"] = admin
        self.handle("ewr", outputs)
        self.do("ewr", "set_project", PROJECT, None)

    @property
    def admin(self) -> Federation:
        return self.nodes["ewr"]

    def identity(self, name: str) -> Identity:
        return self.identities.setdefault(name, Identity.from_seed(self.random.randbytes(64)))

    def invite(self, **options: Any) -> Invitation:
        return Invitation.parse(self.admin.invite({"servers": ["nats://here"]}, now=self.now, **options).text)

    def join(
        self, name: str, invitation: Invitation | None = None, member_name: str | None = None
    ) -> list[Output]:
        """`name` asks to join; returns what it was told. The admin decides by the charter's rule."""
        federation, outputs = Federation.join(
            self.identity(name),
            invitation or self.invite(),
            member_name or name,
            bus_key=f"bus-{name}",
            now=self.now,
            entropy=self.entropy,
        )
        self.nodes[name] = federation
        self.records[name] = {}
        start = len(self.facts)
        self.handle(name, outputs)
        return self.told(name, start)

    def do(self, name: str, method: str, *arguments: Any, **options: Any) -> list[Output]:
        """Calls a method of a node's machine and delivers what it says; returns its outputs."""
        outputs = getattr(self.nodes[name], method)(*arguments, now=self.now, **options)
        self.handle(name, outputs)
        return outputs

    def contribute(self, name: str, version: int, moments: Moments) -> list[Output]:
        return self.do(name, "contribute", PROJECT, version, moments)

    def deliver(self, name: str, slot: Slot, payload: bytes) -> list[Output]:
        """Gives one value to one node only; returns its reaction."""
        outputs = self.nodes[name].receive(slot, payload, self.now)
        self.handle(name, outputs)
        return outputs

    def read_all(self, name: str) -> list[Output]:
        """As after a reconnect: every slot, newest names last."""
        return [
            output for slot in sorted(self.slots) for output in self.deliver(name, slot, self.slots[slot])
        ]

    def told(self, name: str, start: int = 0) -> list[Output]:
        return [fact for who, fact in self.facts[start:] if who == name]

    def handle(self, name: str, outputs: list[Output]) -> None:
        kept = self.records.setdefault(name, {})
        for output in outputs:
            self.facts.append((name, output))
            match output:
                case ContributionReceived(project, node_id, record=record):
                    kept[project, node_id] = record
                case ContributionReleased(project, node_id, record=record):
                    kept[project, node_id] = record
                case ContributionDropped(project, node_id):
                    del kept[project, node_id]
                case Put(slot, payload):
                    self.slots[slot] = payload
                    for other in self.nodes:
                        if other not in self.away:
                            self.deliver(other, slot, payload)
                case Reread(slots):
                    for slot in slots:
                        if slot in self.slots:
                            self.deliver(name, slot, self.slots[slot])

    def restart(self, name: str) -> None:
        federation = self.nodes[name]
        self.nodes[name] = Federation.restore(
            self.identities[name], federation.snapshot(), self.records[name].values(), entropy=self.entropy
        )


def schema_of(**quanta: str) -> Schema:
    """Continuous attributes by name, in the units given."""
    return Schema(
        tuple(Attribute(name, AttributeType.CONTINUOUS, Quantum.parse(unit)) for name, unit in quanta.items())
    )


def moments_of(values: list[float], schema: Schema | None = None) -> Moments:
    """One column of values for each attribute of the schema; by default one, `delay`, in tenths."""
    schema = schema or schema_of(delay="0.1")
    moments = Moments(schema)
    if not values:
        return moments
    rows = [[value for _ in schema.names] for value in values]
    return moments.learn(Table.from_rows(list(schema.names), rows, ["C" for _ in schema.names]))
