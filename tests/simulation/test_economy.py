"""Random histories in economy mode; a failure names its seed."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.economy import EconomyHistory

HISTORIES = int(os.environ.get("ECONOMY_HISTORIES", "60"))
_BATCH = 10


@pytest.mark.parametrize("first", range(0, HISTORIES, _BATCH))
def test_no_history_in_economy_mode_breaks_a_promise(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, min(first + _BATCH, HISTORIES)):
        history = EconomyHistory(seed)
        history.play()
        broken = history.violations()
        assert not broken, f"seed {seed}: {len(broken)} broken promises, the first: {broken[:5]}"
        seen += history.faults.counts
        seen["call"] += len(history.stack.caller.calls)
    assert {"call", "lag", "no event", "doubled event", "scheduler crashed", "user", "slow write"} <= set(seen)
