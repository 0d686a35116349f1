"""Random histories of a tenant with a limit: of its workers, and of its permits and lines. A failure names its seed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation.line_kinds import any_kind
from tests.simulation.lined import LineHistory
from tests.simulation.permitted import PermittedHistory
from tests.support.histories import PROPERTY, Record, how_many, until_nothing_is_missing

SEED = int(os.environ.get("SEED", "-1"))
_BATCH = 10
_LINES = 50
WHOLE = how_many("PERMIT_HISTORIES", 30, _BATCH)
LINES = how_many("LINE_HISTORIES", 400, _LINES)
BEFALL = {
    "all stores stalled",
    "limit changed",
    "message doubled",
    "permit_declined",
    "permit_granted",
    "permit_message_refused",
    "permit_message_repeated",
    "scheduler killed",
    "store lagged",
    "user cancels",
    "user redrives",
    "worker cut off",
    "worker drained",
    "worker froze at a step",
    "worker killed at a step",
    "worker lacked a task",
}
"""What must have befallen a batch of histories of lines, or been done by it, or it would show little."""


def _played(kind: Callable[[int], PermittedHistory | LineHistory], seeds: range, befall: set[str]) -> None:
    """Plays them, and some more until they have met everything."""
    seen: Counter[str] = Counter()

    def missing() -> set[object]:
        return set() if SEED >= 0 else {*(befall - set(seen))}

    for seed in until_nothing_is_missing(seeds, missing):
        history = kind(seed)
        history.play()
        violations = history.violations()
        assert not violations, f"SEED={seed} replays it: {len(violations)} broken promises, the first: {violations[:5]}"
        seen += history.faults.counts
        seen += Counter({name: count for name, count in history.stack.telemetry.counts.items() if count > 0})
    assert missing() == set()


def _seeds(first: int, batch: int, end: int) -> range:
    return range(first, first + 1 if SEED >= 0 else min(first + batch, end))


@pytest.mark.parametrize("first", [SEED] if SEED >= 0 else range(0, WHOLE, _BATCH))
def test_no_history_of_permits_breaks_a_promise(first: int, record_property: Record) -> None:
    seeds = _seeds(first, _BATCH, WHOLE)
    record_property(PROPERTY, ("permits", seeds.start, seeds.stop))
    _played(PermittedHistory, seeds, {"permit_granted"})


@pytest.mark.parametrize("first", [SEED] if SEED >= 0 else range(0, LINES, _LINES))
def test_no_history_of_lines_breaks_a_promise(first: int, record_property: Record) -> None:
    seeds = _seeds(first, _LINES, LINES)
    record_property(PROPERTY, ("lines", seeds.start, seeds.stop))
    _played(any_kind, seeds, BEFALL)


def test_a_history_of_lines_is_the_same_each_time() -> None:
    def played(seed: int) -> tuple[object, ...]:
        history = LineHistory(seed)
        history.play()
        return sorted(map(str, history.stack.world.executions.values())), history.faults.counts

    assert played(7) == played(7)
