"""Every rule of permits and lines is needed: left out, some history breaks a promise; of a few none is known to."""

from __future__ import annotations

import pytest

from tests.simulation.line_kinds import KINDS
from tests.simulation.lined import LineHistory
from tests.simulation.mutants import broken, expect_caught
from tests.simulation.permit_mutants import PERMIT_MUTANTS, UNBROKEN

_ALONE = 6


@pytest.mark.parametrize("name", PERMIT_MUTANTS)
def test_a_rule_that_is_left_out_breaks_a_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_caught(name, PERMIT_MUTANTS[name], monkeypatch)


@pytest.mark.parametrize("name", UNBROKEN)
def test_a_rule_that_others_cover_breaks_none_when_it_is_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = UNBROKEN[name]
    unbroken.change(monkeypatch)
    assert [faults for seed in range(_ALONE) if (faults := broken(unbroken.history(seed)))] == [], unbroken.why


@pytest.mark.parametrize("history", KINDS, ids=lambda history: history.__name__)
def test_with_every_rule_no_history_of_lines_breaks_a_promise(history: type[LineHistory]) -> None:
    assert [faults for seed in range(_ALONE) if (faults := broken(history(seed)))] == []
