"""Random histories of the whole engine; a failure names its seed, which replays it."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.history import History
from tests.support.histories import PROPERTY, Record, how_many

SEED = int(os.environ.get("SEED", "-1"))
_BATCH = 20
HISTORIES = how_many("HISTORIES", 500, _BATCH)
SEEDS = [SEED] if SEED >= 0 else range(HISTORIES)


@pytest.mark.parametrize("first", SEEDS[::_BATCH])
def test_no_history_breaks_a_promise(first: int, record_property: Record) -> None:
    seen: Counter[str] = Counter()
    seeds = range(first, first + 1 if SEED >= 0 else min(first + _BATCH, HISTORIES))
    record_property(PROPERTY, ("wheel", seeds.start, seeds.stop))
    for seed in seeds:
        history = History(seed)
        history.play()
        broken = history.violations()
        assert not broken, f"SEED={seed} replays it: {len(broken)} broken promises, the first: {broken[:5]}"
        seen += history.faults.counts
        seen["call"] += len(history.stack.caller.calls)
        seen["row"] += len(history.stack.world.missed)
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
            "route missing",
        } <= set(seen)
