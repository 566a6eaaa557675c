"""Whatever the network does, all members end with the digest of the pooled rows.

A failing schedule prints the one command that replays it:

    python tests/federation/simulator.py --seed SEED --peers PEERS --log
"""

import pytest


@pytest.mark.parametrize("seed", range(60))
def test_every_schedule_of_a_small_federation_ends_with_the_pooled_digest(simulator, seed):
    simulator.run(seed, peers=3 + seed % 10)


@pytest.mark.parametrize(("seed", "peers"), [(101, 25), (102, 40), (103, 60)])
def test_every_schedule_of_a_larger_federation_does_so_too(simulator, seed, peers):
    simulator.run(seed, peers)


def test_two_hundred_peers(simulator):
    assert simulator.run(104, 200)["ContributionReceived"] > 30_000


def test_the_schedules_are_as_rough_as_they_claim(simulator):
    """Were there no restarts, no refusals, no returns, the other tests would prove little."""
    counts = sum((simulator.run(seed, 8) for seed in range(200, 220)), start=simulator.Counter())
    for what in (
        "restarts",
        "Reread",
        "came back",
        "refused: bad signature",
        "refused: stale epoch",
        "answers",
    ):
        assert counts[what] > 0, what


def test_a_seed_gives_the_same_run_again(simulator):
    assert simulator.run(5, 6) == simulator.run(5, 6)
