"""Random histories of the whole engine; a failure names its seed, which replays it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.simulation.harsh import Unrouted
from tests.simulation.history import History
from tests.support.histories import PROPERTY, Record, how_many

SEED = int(os.environ.get("SEED", "-1"))
_BATCH = 20
HISTORIES = how_many("HISTORIES", 500, _BATCH)
SEEDS = [SEED] if SEED >= 0 else range(HISTORIES)


@pytest.mark.parametrize("first", SEEDS[::_BATCH])
def test_no_history_breaks_a_promise(first: int, record_property: Record) -> None:
    seeds = range(first, first + 1 if SEED >= 0 else min(first + _BATCH, HISTORIES))
    record_property(PROPERTY, ("wheel", seeds.start, seeds.stop))
    seen = _seen_in(History, seeds)
    if SEED < 0:
        assert {
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
        } <= set(seen)


def test_no_history_whose_routes_are_missing_breaks_a_promise(record_property: Record) -> None:
    """A route is missing too seldom in the others for each batch to show it."""
    seeds = range(SEED, SEED + 1) if SEED >= 0 else range(_BATCH)
    record_property(PROPERTY, ("wheel without routes", seeds.start, seeds.stop))
    seen = _seen_in(Unrouted, seeds)
    if SEED < 0:
        assert {"call", "route missing"} <= set(seen)


def _seen_in(kind: type[History], seeds: Iterable[int]) -> Counter[str]:
    """Plays histories, none of which may break a promise, and counts what they met."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        history = kind(seed)
        history.play()
        broken = history.violations()
        assert not broken, (
            f"SEED={seed} replays {kind.__name__}: {len(broken)} broken promises, the first: {broken[:5]}"
        )
        seen += history.faults.counts
        seen["call"] += len(history.stack.caller.calls)
        seen["row"] += len(history.stack.world.missed)
    return seen
