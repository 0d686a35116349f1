"""Random histories in economy mode; a failure names its seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet

import pytest

from tests.simulation.economy import EconomyHistory
from tests.support.histories import PROPERTY, Record, how_many, until_nothing_is_missing

_BATCH = 10
HISTORIES = how_many("ECONOMY_HISTORIES", 60, _BATCH)
BEFALL = {"call", "lag", "no event", "doubled event", "scheduler crashed", "user", "slow write"}
"""What must have befallen a batch of histories, or it would show little."""


@pytest.mark.parametrize("first", range(0, HISTORIES, _BATCH))
def test_no_history_in_economy_mode_breaks_a_promise(first: int, record_property: Record) -> None:
    seen: Counter[str] = Counter()
    seeds = range(first, min(first + _BATCH, HISTORIES))
    record_property(PROPERTY, ("economy", seeds.start, seeds.stop))

    def missing() -> AbstractSet[str]:
        return BEFALL - set(seen)

    for seed in until_nothing_is_missing(seeds, missing):
        history = EconomyHistory(seed)
        history.play()
        broken = history.violations()
        assert not broken, f"seed {seed}: {len(broken)} broken promises, the first: {broken[:5]}"
        seen += history.faults.counts
        seen["call"] += len(history.stack.caller.calls)
    assert missing() == set()
