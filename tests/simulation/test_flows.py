"""Random histories of runs of workflows: none breaks a promise, and every rule that is left out breaks one."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.flows import Asked, Failing, FlowHistory, Hasty, Patient, Wide
from tests.simulation.mutant_flows import FLOW_MUTANTS
from tests.simulation.mutants import broken, expect_caught
from tidewheel.domain.executions.states import State

_SEEDS = 12
_ALONE = 3
_EVERY_END = {State.SUCCEEDED, State.FAILED, State.CANCELLED}
_EVERY_FAULT = {"cancel", "pause", "resume", "clear", "target failed", "message doubled", "worker killed"}


def test_no_history_of_runs_breaks_a_promise() -> None:
    faults: Counter[str] = Counter()
    ends: Counter[State] = Counter()
    for seed in range(_SEEDS):
        history = FlowHistory(seed)
        history.play()
        assert not history.violations(), f"seed {seed}"
        faults += history.faults.counts
        ends.update(run.state for run in history.runs)
    assert _EVERY_FAULT - faults.keys() == set()
    assert _EVERY_END - ends.keys() == set()


@pytest.mark.parametrize("history", [Asked, Failing, Hasty, Patient, Wide], ids=lambda history: history.__name__)
def test_without_a_mutant_no_history_breaks_a_promise(history: type[FlowHistory]) -> None:
    assert [violations for seed in range(_ALONE) if (violations := broken(history(seed)))] == []


@pytest.mark.parametrize("name", FLOW_MUTANTS)
def test_a_rule_that_is_left_out_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_caught(name, FLOW_MUTANTS[name], monkeypatch)


def test_a_history_of_runs_is_the_same_each_time() -> None:
    def played(seed: int) -> tuple[object, ...]:
        history = FlowHistory(seed)
        history.play()
        return sorted(map(str, history.stack.world.executions.values())), history.faults.counts

    assert played(7) == played(7)
