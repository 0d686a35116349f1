"""A scheduler with nothing to do: how often it wakes and what it asks, and that it wakes in time for what is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.jobs.precision import Precision, release_ms
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.pace import LOOP, until_beat_ms
from tidewheel.ports import PortError

WARM_MS = 10 * SECOND_MS
BEATS = MINUTE_MS // HEARTBEAT_MS
DUE_MS = START_MS + 2 * MINUTE_MS + 17_300


class Counted(MemoryControl):
    """Counts the looks at other instances, and the renewals."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def lease(self, instance=0):
        self.counts["lease"] += 1
        return super().lease(instance)

    def renew(self, lease, mark=None, signals=None):
        self.counts["renew"] += 1
        return super().renew(lease, mark, signals)


def wakes(stack: MemoryStack) -> Iterator[int]:
    """Runs one scheduler on virtual time, and yields when it wakes (ms since the epoch)."""
    for until_ms in stack.scheduler_loop().steps(lambda: 1 << 40):
        stack.clock.sleep_until(until_ms)
        yield stack.clock.now_ms()


def wakes_until(stack: MemoryStack, until_ms: int) -> list[int]:
    found = []
    for at_ms in wakes(stack):
        found.append(at_ms)
        if at_ms >= until_ms:
            return found
    raise AssertionError("it ended")


def test_one_with_nothing_to_do_wakes_three_times_a_second_at_most() -> None:
    found = [at for at in wakes_until(MemoryStack(), START_MS + 2 * MINUTE_MS) if at >= START_MS + MINUTE_MS]
    assert len(found) <= 3 * MINUTE_MS // SECOND_MS + 2
    assert {*range(START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS, SECOND_MS)} <= {*found}


def test_two_of_them_look_at_each_other_as_often_as_they_beat() -> None:
    stack = MemoryStack()
    stack.control = control = Counted()
    stack.layouts = stack.fresh_layouts()
    stack.layouts.now()
    both = Fleet(stack, instances=2)
    both.start(0)
    both.start(1)
    both.run_until(START_MS + WARM_MS)
    control.counts.clear()
    both.run_until(START_MS + WARM_MS + MINUTE_MS)
    assert both.holders() == [0, 1]
    assert control.counts["renew"] == pytest.approx(2 * BEATS, abs=2)
    assert control.counts["lease"] <= 2 * BEATS + 4


@pytest.mark.parametrize("precision", list(Precision))
def test_it_wakes_when_an_occurrence_is_to_be_sent(precision: Precision) -> None:
    stack = MemoryStack()
    sent: list[int] = []
    send = stack.queue.send

    def noted(*args):
        sent.append(stack.clock.now_ms())
        return send(*args)

    stack.queue.send = noted  # type: ignore[method-assign]
    stack.create(At(DUE_MS), precision=precision)
    wakes_until(stack, DUE_MS + MINUTE_MS // 2)
    assert sent == [release_ms(DUE_MS, precision)]


def test_while_a_route_takes_nothing_it_ticks_as_often_as_before() -> None:
    stack = MemoryStack()
    send = stack.queue.send

    def broken(*_args):
        raise PortError("queue.send", "-", "down")

    stack.queue.send = broken  # type: ignore[method-assign]
    stack.create(At(DUE_MS))
    found = wakes_until(stack, DUE_MS + 10 * SECOND_MS)
    stack.queue.send = send  # type: ignore[method-assign]
    down = [at for at in found if at >= DUE_MS + SECOND_MS]
    assert {*range(DUE_MS + SECOND_MS, DUE_MS + 10 * SECOND_MS, LOOP.tick_ms)} <= {*down}


@pytest.mark.parametrize("phase_ms", [0, LOOP.tick_ms])
def test_what_recurs_each_second_is_due_in_the_tick_of_its_phase(phase_ms: int) -> None:
    for now_ms in range(START_MS, START_MS + 2 * SECOND_MS, 7):
        due_ms = now_ms + until_beat_ms(now_ms, phase_ms)
        assert due_ms <= now_ms + SECOND_MS
        tick_ms = -(-due_ms // LOOP.tick_ms) * LOOP.tick_ms
        assert tick_ms % SECOND_MS == phase_ms
