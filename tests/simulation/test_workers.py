"""Random histories of workers that are processes; mutants of them are caught. A failure names its seed."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.mutant_workers import WORKER_MUTANTS
from tests.simulation.mutants import broken, expect_caught
from tests.simulation.worked import Drained, Frail, Numb, Revenant, Severed, Throttled, Torpid, WorkedHistory
from tests.support.histories import PROPERTY, Record, how_many, until_nothing_is_missing
from tidewheel.domain.executions.states import Result, State

SEED = int(os.environ.get("SEED", "-1"))
_BATCH = 20
HISTORIES = how_many("WORKER_HISTORIES", 200, _BATCH)
_ALONE = 6
_FORGETFUL = 12
"""How many histories are played at most until some have lost what was to bring a retry."""
SEEDS = [SEED] if SEED >= 0 else range(HISTORIES)
BEFALL = {
    "layout read lagged",
    "process froze between two steps",
    "retries delayed by 16 to 60 s",
    "worker froze at a step",
    "message doubled",
    "store lagged",
    "target fell silent",
    "target failed",
    "user cancels",
    "worker cut off",
    "worker drained",
    "worker froze",
    "worker killed",
    "worker killed at a step",
}
"""What must have befallen a batch of histories, or it would show little."""


@pytest.mark.parametrize("first", SEEDS[::_BATCH])
def test_no_history_of_workers_breaks_a_promise(first: int, record_property: Record) -> None:
    seen: Counter[str] = Counter()
    results: set[Result] = set()
    seeds = range(first, first + 1 if SEED >= 0 else min(first + _BATCH, HISTORIES))
    record_property(PROPERTY, ("workers", seeds.start, seeds.stop))

    def missing() -> set[object]:
        return set() if SEED >= 0 else (BEFALL - set(seen)) | (set(Result) - results)

    for seed in until_nothing_is_missing(seeds, missing):
        history = WorkedHistory(seed)
        history.play()
        violations = history.violations()
        assert not violations, f"SEED={seed} replays it: {len(violations)} broken promises, the first: {violations[:5]}"
        seen += history.faults.counts
        results |= {each.result for one in history.stack.world.executions.values() for each in one.attempts}
    assert missing() == set()


@pytest.mark.parametrize("name", WORKER_MUTANTS)
def test_a_mutant_of_the_workers_breaks_a_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_caught(name, WORKER_MUTANTS[name], monkeypatch)


@pytest.mark.parametrize(
    "history", [Drained, Frail, Numb, Revenant, Severed, Throttled, Torpid], ids=lambda history: history.__name__
)
def test_without_a_bug_no_history_of_workers_breaks_a_promise(history: type[WorkedHistory]) -> None:
    assert [violations for seed in range(_ALONE) if (violations := broken(history(seed)))] == []


class Forgetful(Torpid):
    """Once its faults are over, the entries of retries vanish from the wheel, which no crash can do."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.workers.failing, self.workers.freezes, self.workers.slow_layouts = 1.0, 0.0, 0.0
        self.stall_rate = 0.0

    def _settle(self) -> None:
        records = self.stack.world.executions.values()
        retrying = {record.id for record in records if record.state is State.RETRYING}
        for singles in self.stack.world.singles.values():
            for key in [
                key for key, text in singles.items() if text.startswith("w|") and text.split("|")[2] in retrying
            ]:
                del singles[key]
        super()._settle()


def test_executions_that_were_forgotten_are_brought_back_and_end() -> None:
    brought_back = 0
    for seed in range(_FORGETFUL):
        history = Forgetful(seed)
        history.play()
        violations = history.violations()
        brought_back += sum("was forgotten as" in each for each in violations)
        assert not [each for each in violations if "was forgotten as" not in each], f"seed {seed}"
        if brought_back > 1:
            break
    assert brought_back > 1


def test_a_history_is_the_same_each_time() -> None:
    def played(seed: int) -> tuple[object, ...]:
        history = WorkedHistory(seed)
        history.play()
        return sorted(map(str, history.stack.world.executions.values())), history.faults.counts

    assert played(7) == played(7)
