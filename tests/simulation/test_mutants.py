"""Every mutant of the engine is caught: some history among the first few breaks a promise.

Everything follows from the seed: what is found once is found always, until engine or histories change.
"""

from __future__ import annotations

import pytest

from tests.simulation.history import History
from tests.simulation.mutants import COVERED, MUTANTS, broken, expect_caught
from tests.simulation.swamped import Swamped

_ALONE = 4


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_breaks_a_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_caught(name, MUTANTS[name], monkeypatch)


@pytest.mark.parametrize("name", COVERED)
def test_a_mutant_that_another_rule_covers_breaks_none_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    covered = COVERED[name]
    assert MUTANTS[covered.pair].history is covered.history
    covered.change(monkeypatch)
    assert [violations for seed in range(_ALONE) if (violations := broken(covered.history(seed)))] == [], covered.by


@pytest.mark.parametrize(
    "history",
    sorted({mutant.history for mutant in MUTANTS.values()}, key=lambda history: history.__name__),
    ids=lambda history: history.__name__,
)
def test_without_a_mutant_no_history_breaks_a_promise(history: type[History | Swamped]) -> None:
    assert [violations for seed in range(_ALONE) if (violations := broken(history(seed)))] == []
