"""A mark covers nothing that a backlog still holds: entries on their way down, or in a coarse slot not read yet."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, MemoryStack
from tidewheel.adapters.memory import MemoryControl, MemoryWheel
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.span import EVERYTHING
from tidewheel.ports import PortError

DUE_MS = START_MS + 2 * HOUR_MS + 10 * MINUTE_MS
LATER_MS = DUE_MS + 20 * MINUTE_MS
"""In the same hour, but not among the minutes that a new owner loads first."""


class Ailing(MemoryWheel):
    """Refuses what it is told to."""

    refuses_packs = False
    refuses_hours = False

    def put_pack(self, slot, key, entries):
        if self.refuses_packs:
            raise PortError("wheel.put_pack", slot.key, "throttled")
        super().put_pack(slot, key, entries)

    def load(self, slot, span=EVERYTHING):
        if self.refuses_hours and slot.level is Level.HOURS:
            raise PortError("wheel.load", slot.key, "throttled")
        return super().load(slot, span)


class Stuck(MemoryControl):
    """Moves no cursor while it is stuck."""

    __slots__ = ()
    stuck: ClassVar[bool] = False

    def advance(self, shard, epoch, cursors):
        if self.stuck:
            raise PortError("control.advance", str(shard), "throttled")
        super().advance(shard, epoch, cursors)


@pytest.fixture
def stack() -> MemoryStack:
    stack = MemoryStack(shards=1)
    stack.wheel.__class__ = Ailing
    for due_ms in (DUE_MS, DUE_MS, LATER_MS, LATER_MS):
        stack.create(At(due_ms))
    stack.turn_for(MINUTE_MS)
    stack.clock.advance(5 * HOUR_MS)
    return stack


def owner_in_trouble(stack: MemoryStack) -> Fleet:
    """One that came after the outage, and died."""
    fleet = Fleet(stack, instances=1)
    first = fleet.start(0)
    fleet.run_until(stack.clock.now_ms() + 20_000)
    fleet.kill(first)
    return fleet


def taken_over(stack: MemoryStack, fleet: Fleet) -> int:
    """How many jobs ran after another came, for whom all goes well."""
    stack.wheel.refuses_packs = stack.wheel.refuses_hours = False
    fleet.start(0)
    fleet.run_until(stack.clock.now_ms() + 5 * MINUTE_MS)
    stack.pump()
    return len(set(stack.effects()))


def test_a_slot_that_waits_for_what_is_armed_into_it_is_not_planned(stack: MemoryStack) -> None:
    stack.wheel.refuses_packs = True
    assert taken_over(stack, owner_in_trouble(stack)) == 4


def test_an_hour_that_could_not_be_read_is_not_planned(stack: MemoryStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.control.__class__ = Stuck
    stack.wheel.refuses_hours = True
    with monkeypatch.context() as patch:
        patch.setattr(Stuck, "stuck", True)
        dead = owner_in_trouble(stack)
    assert taken_over(stack, dead) == 4
