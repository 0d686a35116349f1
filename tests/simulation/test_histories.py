"""Random histories of the whole engine; a failure names its seed, which replays it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Set as AbstractSet

import pytest

from tests.simulation.harsh import Unrouted
from tests.simulation.history import History
from tests.support.histories import PROPERTY, Record, how_many, until_nothing_is_missing

SEED = int(os.environ.get("SEED", "-1"))
_BATCH = 20
HISTORIES = how_many("HISTORIES", 500, _BATCH)
SEEDS = [SEED] if SEED >= 0 else range(HISTORIES)


BEFALL = {
    "call",
    "row",
    "lag",
    "scheduler crashed",
    "worker crashed",
    "user",
    "slow write",
    "process froze between two steps",
    "retries delayed by 16 to 60 s",
    "whole-fleet store stall",
    "refused for good",
}
"""What must have befallen a batch of histories, or it would show little."""


@pytest.mark.parametrize("first", SEEDS[::_BATCH])
def test_no_history_breaks_a_promise(first: int, record_property: Record) -> None:
    seeds = range(first, first + 1 if SEED >= 0 else min(first + _BATCH, HISTORIES))
    record_property(PROPERTY, ("wheel", seeds.start, seeds.stop))
    _play(History, seeds, BEFALL)


def test_no_history_whose_routes_are_missing_breaks_a_promise(record_property: Record) -> None:
    """A route is missing too seldom in the others for each batch to show it."""
    seeds = range(SEED, SEED + 1) if SEED >= 0 else range(_BATCH)
    record_property(PROPERTY, ("wheel without routes", seeds.start, seeds.stop))
    _play(Unrouted, seeds, {"call", "route missing"})


def _play(kind: type[History], seeds: range, befall: AbstractSet[str]) -> None:
    """Plays histories, none of which may break a promise, and all of which together must meet some things."""
    seen: Counter[str] = Counter()

    def missing() -> AbstractSet[str]:
        return set() if SEED >= 0 else befall - set(seen)

    for seed in until_nothing_is_missing(seeds, missing):
        history = kind(seed)
        history.play()
        broken = history.violations()
        assert not broken, (
            f"SEED={seed} replays {kind.__name__}: {len(broken)} broken promises, the first: {broken[:5]}"
        )
        seen += history.faults.counts
        seen["call"] += len(history.stack.caller.calls)
        seen["row"] += len(history.stack.world.missed)
    assert missing() == set()
