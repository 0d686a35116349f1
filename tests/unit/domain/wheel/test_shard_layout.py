"""The number of shards by time: who writes where, what is still read, and how a change is announced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryControl, RecordingTelemetry, SettableClock
from tidewheel.domain.limits import DAY_MS, LAYOUT_FRESH_MS, LAYOUT_NOTICE_MS, MINUTE_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.wheel.levels import RINGS, Level, Slot, late, place
from tidewheel.domain.wheel.shard_layout import Layout, Period
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import PortError

GROWN = Layout((Period(0, 4), Period(1_000_000_000, 16)))
SHRUNK = Layout((*GROWN.periods, Period(2_000_000_000, 4)))


@pytest.mark.parametrize(("now_ms", "shards"), [(-5, 4), (0, 4), (999_999_999, 4), (1_000_000_000, 16), (10**12, 16)])
def test_a_change_takes_effect_at_its_instant(now_ms: int, shards: int) -> None:
    assert GROWN.shards_at(now_ms) == shards
    assert 0 <= GROWN.shard_of(TENANT, "j", now_ms) < shards


def test_every_shard_that_ever_was_is_turned() -> None:
    assert (GROWN.numbers, GROWN.newest) == (16, 16)
    assert (SHRUNK.numbers, SHRUNK.newest) == (16, 4)


def test_a_shard_is_turned_from_its_birth_on() -> None:
    assert SHRUNK.born_ms(3) == -SKEW_MS
    assert SHRUNK.born_ms(4) == 1_000_000_000 - SKEW_MS


def test_a_change_is_announced_for_a_whole_minute_that_everybody_knows_of_before() -> None:
    announced = Layout.first(0, 4).reshaped(8, 1_234_567)
    from_ms = announced.periods[-1].from_ms
    assert from_ms % MINUTE_MS == 0
    assert LAYOUT_NOTICE_MS <= from_ms - 1_234_567 <= LAYOUT_NOTICE_MS + MINUTE_MS
    assert LAYOUT_NOTICE_MS > LAYOUT_FRESH_MS + WRITE_BOUND_MS + SKEW_MS
    assert announced.is_changing(from_ms - 1)
    assert not announced.is_changing(from_ms)
    assert not Layout.first(5, 4).is_changing(0)


def test_a_shard_in_force_may_hold_anything() -> None:
    for ring in RINGS:
        assert SHRUNK.may_hold(Slot(ring.level, 10**13, 3), 10**13)
    assert SHRUNK.may_hold(late(3), 10**13)


def test_what_rests_beyond_on_an_old_shard_is_read_whenever_it_is_due() -> None:
    assert SHRUNK.may_hold(Slot(Level.BEYOND, 2_000_000_000 + 4_000 * DAY_MS, 15), 0)


def test_the_late_slot_of_an_old_shard_is_live_until_all_know() -> None:
    assert SHRUNK.may_hold(late(15), 2_000_000_000)
    assert not SHRUNK.may_hold(late(15), 2_000_000_000 + LAYOUT_NOTICE_MS)


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(200_000, 90 * DAY_MS)), max_size=4),
    st.integers(0, 400 * DAY_MS),
    st.integers(0, LAYOUT_FRESH_MS),
    st.integers(0, 800 * DAY_MS),
)
def test_whatever_a_writer_writes_lies_where_it_is_read(
    changes: list[tuple[int, int]], written_ms: int, age_ms: int, ahead_ms: int
) -> None:
    """Also one whose knowledge is as old as it may be, whose clock is off and whose write takes as long as it may."""
    layout = Layout.first(0, 4)
    announcements = [(0, layout)]
    at = 0
    for shards, after_ms in changes:
        at = max(at + after_ms, layout.periods[-1].from_ms)
        layout = layout.reshaped(shards, at)
        announcements.append((at, layout))
    known = [seen for announced, seen in announcements if announced <= written_ms - age_ms] or [announcements[0][1]]
    shard = known[-1].shard_of(TENANT, "j7", written_ms + SKEW_MS)
    slot = place(written_ms + ahead_ms, written_ms, shard)
    assert shard < layout.numbers
    assert layout.may_hold(slot, written_ms + WRITE_BOUND_MS)
    assert layout.born_ms(shard) <= written_ms + SKEW_MS


# --- what a process knows ---------------------------------------------------------------------------------


class Counting(MemoryControl):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def layout(self) -> Layout | None:
        self.asked += 1
        return super().layout()


def test_the_layout_is_read_again_when_it_may_be_old() -> None:
    control, clock = Counting(), SettableClock(START_MS)
    layouts = LayoutCache(control, clock, 4)
    for _ in range(3):
        assert layouts.now() == Layout.first(START_MS, 4)
    clock.advance(LAYOUT_FRESH_MS - 1)
    layouts.now()
    assert control.asked == 1
    clock.advance(1)
    layouts.now()
    assert control.asked == 2


def test_old_knowledge_is_not_used_when_it_cannot_be_renewed() -> None:
    control, clock = MemoryControl(), SettableClock(START_MS)
    layouts = LayoutCache(control, clock, 4)
    layouts.now()
    clock.advance(LAYOUT_FRESH_MS)

    class Down(MemoryControl):
        def layout(self) -> Layout | None:
            raise PortError("control.layout", "layout", "down")

    layouts.store = Down()
    with pytest.raises(PortError):
        layouts.shard_of(TENANT, "j")


def test_the_first_process_says_how_many_shards_a_new_deployment_has() -> None:
    control, clock = MemoryControl(), SettableClock(START_MS)
    assert LayoutCache(control, clock, 4).now().newest == 4
    assert LayoutCache(control, clock, 9).now().newest == 4


def test_a_scheduler_announces_what_its_deployment_says_and_asks_again_if_another_change_is_under_way() -> None:
    control, clock, telemetry = MemoryControl(), SettableClock(START_MS), RecordingTelemetry()
    LayoutCache(control, clock, 4).adopt(telemetry)
    for shards in (16, 8):
        LayoutCache(control, clock, shards).adopt(telemetry)
    layout = control.layout()
    assert layout is not None
    assert [period.shards for period in layout.periods] == [4, 16]
    clock.advance(LAYOUT_NOTICE_MS + MINUTE_MS)
    LayoutCache(control, clock, 8).adopt(telemetry)
    layout = control.layout()
    assert layout is not None
    assert [period.shards for period in layout.periods] == [4, 16, 8]


def test_a_job_moves_to_its_new_shard_with_its_next_entry() -> None:
    stack = MemoryStack(shards=1)
    jobs = [stack.create(every(MINUTE_MS)) for _ in range(8)]
    stack.turn_for(MINUTE_MS)
    stack.shards = 8
    stack.turn_for(6 * MINUTE_MS, "v2")
    now = stack.clock.now_ms()
    resting = {
        (slot.shard, text.split("|")[2])
        for kept in (stack.world.singles, stack.world.packs)
        for slot, held in kept.items()
        if slot.level is Level.MINUTES and slot.start_ms > now
        for texts in held.values()
        for text in ([texts] if isinstance(texts, str) else texts)
    }
    layout = stack.layouts.now()
    assert resting == {(layout.shard_of(TENANT, job.id, now), job.id) for job in jobs}
    assert len({shard for shard, _ in resting}) > 2
