"""The state table of a window: what each step needs, and that no other step is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Slot, late
from tidewheel.engine.scheduler.shard.window import (
    LATE_TRANSITIONS,
    TRANSITIONS,
    Obligation,
    Window,
    WindowState,
)

SLOT = Slot(Level.MINUTES, 60_000, 3)
ENDS_MS = 120_000

Step = Callable[[Window], None]


def of_slot() -> Window:
    return Window(SLOT, ENDS_MS)


def of_late_entry() -> Window:
    return Window(late(3), ends_ms=0)


def read_with(*obligations: Obligation) -> Window:
    """A window that was read, with some obligations open."""
    window = of_slot()
    for obligation in obligations:
        window.opens(obligation)
    window.read(len(obligations))
    return window


def settled() -> Window:
    return read_with()


def retiring() -> Window:
    window = settled()
    window.retires()
    return window


def passed() -> Window:
    window = retiring()
    window.read(0)
    return window


def retired() -> Window:
    window = passed()
    window.retired()
    return window


IN_STATE: dict[WindowState, Callable[[], Window]] = {
    WindowState.LOADING: of_slot,
    WindowState.PLANNED: lambda: read_with(Obligation.ARM),
    WindowState.SENDING: lambda: read_with(Obligation.SEND),
    WindowState.SETTLED: settled,
    WindowState.RETIRING: retiring,
    WindowState.PASSED: passed,
    WindowState.RETIRED: retired,
}


def test_the_tables_name_every_state() -> None:
    assert set(TRANSITIONS) == set(IN_STATE) == set(WindowState)
    assert set(LATE_TRANSITIONS) == set(WindowState) - {WindowState.RETIRING, WindowState.PASSED}
    for table in (TRANSITIONS, LATE_TRANSITIONS):
        assert {after for steps in table.values() for after in steps} == set(table) - {WindowState.LOADING}
        assert [state for state, steps in table.items() if not steps] == [WindowState.RETIRED]


@pytest.mark.parametrize("state", WindowState)
def test_a_window_gets_into_every_state(state: WindowState) -> None:
    assert IN_STATE[state]().state is state


@pytest.mark.parametrize(
    ("step", "legal"),
    [
        (lambda window: window.opens(Obligation.SEND), {WindowState.LOADING, WindowState.RETIRING}),
        (lambda window: window.settles(Obligation.SEND), {WindowState.SENDING}),
        (lambda window: window.settles(Obligation.ARM), {WindowState.PLANNED}),
        (lambda window: window.settles(Obligation.ACCOUNT), set()),
        (lambda window: window.read(0), {WindowState.LOADING, WindowState.RETIRING}),
        (lambda window: window.read(1), {WindowState.LOADING, WindowState.RETIRING}),
        (lambda window: window.retires(), {WindowState.SETTLED}),
        (lambda window: window.retired(), {WindowState.PASSED}),
    ],
)
def test_every_other_step_is_refused_and_changes_nothing(step: Step, legal: set[WindowState]) -> None:
    for state, make in IN_STATE.items():
        window = make()
        if state in legal:
            step(window)
            continue
        with pytest.raises(IllegalTransition, match=f"window minutes#60#0003 cannot go from {state}"):
            step(window)
        assert window.state is state


@pytest.mark.parametrize("write", [Obligation.ARM, Obligation.ACCOUNT])
def test_what_is_written_comes_before_what_is_sent(write: Obligation) -> None:
    window = read_with(write, Obligation.SEND)
    assert window.state is WindowState.PLANNED
    window.settles(write)
    assert window.state is WindowState.SENDING
    window.settles(Obligation.SEND)
    assert window.state is WindowState.SETTLED


def test_what_is_sent_before_a_write_is_durable_lets_it_skip_sending() -> None:
    window = read_with(Obligation.ARM, Obligation.SEND)
    window.settles(Obligation.SEND)
    assert window.state is WindowState.PLANNED
    window.settles(Obligation.ARM)
    assert window.state is WindowState.SETTLED


def test_obligations_are_settled_one_by_one_and_while_pages_are_read() -> None:
    window = of_slot()
    window.opens(Obligation.SEND, 3)
    window.settles(Obligation.SEND)
    window.settles(Obligation.SEND)
    window.read(3)
    assert window.state is WindowState.SENDING
    assert window.owes(Obligation.SEND)
    window.settles(Obligation.SEND)
    assert window.state is WindowState.SETTLED
    assert not window.owes(Obligation.SEND)


@pytest.mark.parametrize(
    ("obligation", "state"),
    [
        (Obligation.ARM, WindowState.PLANNED),
        (Obligation.SEND, WindowState.SENDING),
        (None, WindowState.SETTLED),  # it stands for nothing any more; the slot is read yet once more
    ],
)
def test_a_straggler_brings_a_retiring_window_back(obligation: Obligation | None, state: WindowState) -> None:
    window = retiring()
    if obligation is not None:
        window.opens(obligation)
    window.read(1)
    assert window.state is state


def test_a_settled_window_waits_for_its_slots_time_to_be_over() -> None:
    window = settled()
    assert window.waits_for_its_end(ENDS_MS - 1)
    assert not window.is_over(ENDS_MS - 1)
    assert window.is_over(ENDS_MS)
    assert not window.waits_for_its_end(ENDS_MS)
    for state in set(WindowState) - {WindowState.SETTLED}:
        other = IN_STATE[state]()
        assert not other.is_over(ENDS_MS)
        assert not other.waits_for_its_end(0)


def test_an_entry_of_the_late_slot_is_retired_as_soon_as_it_is_settled() -> None:
    window = of_late_entry()
    window.read(1)
    with pytest.raises(IllegalTransition, match="late#0#0003 cannot go from settled to retiring"):
        window.retires()
    window.retired()
    assert window.state is WindowState.RETIRED


def test_a_slot_is_not_retired_before_a_cursor_has_passed_it() -> None:
    with pytest.raises(IllegalTransition, match="from settled to retired"):
        settled().retired()


def test_the_earlier_of_two_entries_of_a_generation_covers_the_later() -> None:
    window = of_slot()
    first, later, other = (ScheduleEntry("t", "j", *rest) for rest in ((1, 5, 5), (1, 6, 6), (2, 6, 6)))
    assert window.is_new(later)
    assert window.is_new(first)
    assert not window.is_new(later)
    assert not window.is_new(first)
    assert window.is_new(other)
