"""Outages of what the scheduler depends on: it backs off, nothing is sent again and again, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain.executions.states import State
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.ports import PortError

DOWN_MS = START_MS + 30_000
UP_MS = DOWN_MS + 3 * MINUTE_MS


class _Outage:
    """Wraps a call that fails for three minutes; counts what was tried meanwhile."""

    def __init__(self, stack: MemoryStack, real: Any) -> None:
        self.stack, self.real = stack, real
        self.tried: list[int] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        now = self.stack.clock.now_ms()
        if DOWN_MS <= now < UP_MS:
            self.tried.append(now)
            raise PortError("outage", "-", "down")
        return self.real(*args, **kwargs)


def test_a_queue_that_is_down_is_asked_seldom_and_then_given_everything_once() -> None:
    stack = MemoryStack(shards=1)
    sends: Counter[str] = Counter()
    real = stack.queue.send

    def counted(route, dispatches, delays_s=()):
        sends.update(dispatch.execution for dispatch in dispatches)
        return real(route, dispatches)

    outage = stack.queue.send = _Outage(stack, counted)  # type: ignore[method-assign,assignment]
    jobs = [stack.create(every(SECOND_MS, START_MS + 20_000 + n), end=START_MS + 5 * MINUTE_MS) for n in range(5)]
    stack.turn_for(6 * MINUTE_MS)
    named = {n + at for n in range(5) for at in range(START_MS + 20_000, START_MS + 5 * MINUTE_MS, SECOND_MS)}
    named = {at for at in named if at < START_MS + 5 * MINUTE_MS}
    assert {call.nominal_ms for _, call in stack.caller.calls} == named
    assert len(stack.caller.calls) == len(named) == len(sends)
    assert set(sends.values()) == {1}
    assert 180_000 // 5_000 <= len(outage.tried) <= 180_000 // 2_500 + 8  # not 1,800 ticks, not 900 dispatches
    gaps = [later - before for before, later in zip(outage.tried, outage.tried[1:], strict=False)]
    assert gaps[0] < SECOND_MS
    assert max(gaps) <= 5_000 + 2 * 100
    resumed = min(called for called, call in stack.caller.calls if called >= UP_MS)
    assert resumed - UP_MS <= 5_000 + 2 * 100
    assert stack.telemetry.counts["route_closed"] == len(outage.tried)
    assert not stack.world.missed  # what was loaded in time fires late, whatever its grace
    assert {answer.state for answer in stack.world.executions.values()} == {State.SUCCEEDED}
    assert len(jobs) == 5


def test_while_a_cursor_cannot_be_written_only_its_write_is_repeated() -> None:
    stack = MemoryStack(shards=1)
    sends: Counter[str] = Counter()
    loads: Counter[Any] = Counter()
    send, load = stack.queue.send, stack.wheel.load

    def counted_send(route, dispatches, delays_s=()):
        sends.update(dispatch.execution for dispatch in dispatches)
        return send(route, dispatches)

    def counted_load(slot, *rest):
        loads[slot, *rest] += slot.start_ms > 0  # the late slot is read every second
        return load(slot, *rest)

    stack.queue.send, stack.wheel.load = counted_send, counted_load  # type: ignore[method-assign]
    outage = _Outage(stack, MemoryControl.advance)

    class Stuck(MemoryControl):
        def advance(self, shard, epoch, cursors):
            outage(self, shard, epoch, cursors)

    stack.control = Stuck()
    stack.create(every(7_000, START_MS + 10_000), end=START_MS + 5 * MINUTE_MS)
    stack.turn_for(6 * MINUTE_MS)
    named = list(range(START_MS + 10_000, START_MS + 5 * MINUTE_MS, 7_000))
    assert stack.caller.nominal == named
    assert set(sends.values()) == {1}
    assert set(loads.values()) <= {0, 1}
    assert 10 < len(outage.tried) <= 180_000 // 2_500 + 8
    holding = stack.control.holding(0)
    assert holding is not None
    assert min(holding.cursors.values()) > UP_MS
    assert not any(stack.world.singles.values())
