"""Random histories of workers whose tenant has a limit. A failure names its seed."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.permitted import PermittedHistory
from tests.support.histories import how_many

_BATCH = 10
SEED = int(os.environ.get("SEED", "-1"))
HISTORIES = how_many("PERMIT_HISTORIES", 30, _BATCH)
SEEDS = [SEED] if SEED >= 0 else range(HISTORIES)


@pytest.mark.parametrize("first", SEEDS[::_BATCH])
def test_no_history_of_permits_breaks_a_promise(first: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + 1 if SEED >= 0 else min(first + _BATCH, HISTORIES)):
        history = PermittedHistory(seed)
        history.play()
        counts.update(history.stack.telemetry.counts)
        assert not history.violations(), f"SEED={seed} replays it"
    assert counts["permit_granted"] > 0
