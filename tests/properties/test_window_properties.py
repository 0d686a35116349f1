"""A window's life in any order of completions: never retired while something is open, and always retired in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.wheel.levels import Level, Slot, late
from tidewheel.engine.scheduler.shard.window import (
    LATE_TRANSITIONS,
    TRANSITIONS,
    Obligation,
    Window,
    WindowState,
)

ENDS_MS = 120_000
DONE = {WindowState.SETTLED, WindowState.PASSED, WindowState.RETIRED}
pages = st.lists(st.lists(st.sampled_from(Obligation), max_size=4), min_size=1, max_size=4)
"""What the entries of each page come to."""


@given(pages=pages, late_entry=st.booleans(), stragglers=st.lists(pages, max_size=2), data=st.data())
def test_every_order_of_completions_ends_in_retired(
    pages: list[list[Obligation]], late_entry: bool, stragglers: list[list[list[Obligation]]], data: st.DataObject
) -> None:
    slot = late(0) if late_entry else Slot(Level.MINUTES, 60_000, 0)
    window, table = Window(slot, ENDS_MS), LATE_TRANSITIONS if late_entry else TRANSITIONS
    passages = [pages] if late_entry else [pages, *stragglers, []]
    open_ones: list[Obligation] = []
    seen = [window.state]

    def settle_one() -> None:
        window.settles(open_ones.pop(data.draw(st.integers(0, len(open_ones) - 1))))
        note()

    def note() -> None:
        if window.state is not seen[-1]:
            assert window.state in table[seen[-1]]
            seen.append(window.state)
        assert not (open_ones and window.state in DONE)
        assert {kind for kind in Obligation if window.owes(kind)} == set(open_ones)

    for number, passage in enumerate(passages):
        if number:
            window.retires()
            note()
        for page in passage:
            for obligation in page:
                window.opens(obligation)
                open_ones.append(obligation)
                while open_ones and data.draw(st.booleans()):
                    settle_one()
        window.read(sum(map(len, passage)) + len(passage))
        note()
        while open_ones:
            assert not window.is_over(ENDS_MS)
            settle_one()
        assert window.state in DONE
    window.retired()
    note()
    assert seen[-1] is WindowState.RETIRED


class AnyStep(RuleBasedStateMachine):
    """Every step at any time: what the window refuses changes nothing, what it takes is in the table."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(Slot(Level.MINUTES, 60_000, 0), ENDS_MS)
        self.open: list[Obligation] = []
        self.before = self.window.state

    @rule(obligation=st.sampled_from(Obligation), count=st.integers(1, 3))
    def opens(self, obligation: Obligation, count: int) -> None:
        if self.window.state in {WindowState.LOADING, WindowState.RETIRING}:
            self.window.opens(obligation, count)
            self.open += [obligation] * count
        else:
            with pytest.raises(IllegalTransition):
                self.window.opens(obligation, count)

    @rule(obligation=st.sampled_from(Obligation))
    def settles(self, obligation: Obligation) -> None:
        if obligation in self.open:
            self.window.settles(obligation)
            self.open.remove(obligation)
        else:
            with pytest.raises(IllegalTransition):
                self.window.settles(obligation)

    @rule(found=st.integers(0, 2))
    def read(self, found: int) -> None:
        if self.window.state in {WindowState.LOADING, WindowState.RETIRING}:
            self.window.read(found)
        else:
            with pytest.raises(IllegalTransition):
                self.window.read(found)

    @precondition(lambda self: self.window.state is not WindowState.RETIRED)
    @rule()
    def retires(self) -> None:
        if self.window.state is WindowState.SETTLED:
            self.window.retires()
        else:
            with pytest.raises(IllegalTransition):
                self.window.retires()

    @rule()
    def retired(self) -> None:
        if self.window.state is WindowState.PASSED:
            self.window.retired()
        else:
            with pytest.raises(IllegalTransition):
                self.window.retired()

    @invariant()
    def only_steps_of_the_table(self) -> None:
        after = self.window.state
        assert after is self.before or after in TRANSITIONS[self.before]
        self.before = after

    @invariant()
    def nothing_is_open_once_it_is_done(self) -> None:
        assert not (self.open and self.window.state in DONE)


TestAnyStep = AnyStep.TestCase
