"""The pace: what is placed is loaded in time, and what is delayed is neither early nor late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.limits import DAY_MS, MAX_SEND_DELAY_MS, SECOND_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.wheel.levels import CASCADES, FORMER_RINGS, RINGS, Level, place
from tidewheel.domain.wheel.pace import ECONOMY, LOOP, PACES, delay_s
from tidewheel.domain.wheel.ring_cursor import RingCursor

NOW = 1_795_000_000_000
RING = {ring.level: ring for ring in RINGS}


@given(release=st.integers(NOW - DAY_MS, NOW + MAX_SEND_DELAY_MS))
def test_a_held_message_shows_less_than_a_second_early_and_another_never_early(release: int) -> None:
    held, unheld = (NOW + delay_s(release, NOW, held=held) * SECOND_MS for held in (True, False))
    wanted = max(release, NOW)
    assert wanted - SECOND_MS < held <= wanted
    assert wanted <= unheld < wanted + SECOND_MS


@given(release=st.integers(NOW, NOW + 30 * DAY_MS), held=st.booleans())
def test_no_delay_is_longer_than_the_queue_takes(release: int, held: bool) -> None:
    assert 0 <= delay_s(release, NOW, held=held) * SECOND_MS <= MAX_SEND_DELAY_MS


@given(ahead=st.integers(0, 400 * DAY_MS), offset=st.integers(0, DAY_MS))
def test_what_a_writer_places_is_durable_before_a_run_loads_it(ahead: int, offset: int) -> None:
    now = NOW + offset
    slot = ECONOMY.place(now + ahead, now, 3)
    assert slot.level is not Level.SECONDS
    if slot.level is not Level.LATE:
        loaded = slot.start_ms - RING[slot.level].lead_ms - ECONOMY.ahead_ms
        assert now + WRITE_BOUND_MS + SKEW_MS < loaded


@given(ahead=st.integers(0, 400 * DAY_MS), offset=st.integers(0, DAY_MS))
def test_what_no_slot_takes_can_be_delayed_up_to_its_time(ahead: int, offset: int) -> None:
    now = NOW + offset
    if ECONOMY.place(now + ahead, now, 3).level is Level.LATE:
        assert ahead < MAX_SEND_DELAY_MS


@given(ahead=st.integers(-DAY_MS, 400 * DAY_MS), offset=st.integers(0, DAY_MS))
def test_the_loop_places_as_the_wheel_says(ahead: int, offset: int) -> None:
    now = NOW + offset
    assert LOOP.place(now + ahead, now, 3) == place(now + ahead, now, 3)


@given(instant=st.integers(NOW, NOW + 60 * DAY_MS))
def test_whoever_turns_the_former_rings_meets_every_slot_of_todays(instant: int) -> None:
    for ring, former in zip(RINGS, FORMER_RINGS, strict=True):
        start = ring.start_of(instant)
        assert (former.level, former.start_of(start), former.lead_ms) == (ring.level, start, ring.lead_ms)


@given(now=st.integers(0, 60 * DAY_MS), skew=st.integers(0, SKEW_MS))
def test_a_loop_resumes_where_the_last_one_stopped(now: int, skew: int) -> None:
    """Also just before a coarse slot begins, which is done by then: it is not cascaded once more."""
    for ring in RINGS:
        ring_cursor = RingCursor.resume(ring, NOW, NOW)
        while (slot_ms := ring_cursor.due_live(NOW + now)) is not None:
            ring_cursor.live_ms = max(slot_ms, ring.start_of(NOW + now)) + ring.slot_ms  # opened, as is all before it
        ended = ring.level in CASCADES
        cursor = ring_cursor.live_ms if ended else ring.start_of(NOW + now)
        assert LOOP.resumed_ms(ring, cursor, NOW + now - skew, 0) == cursor


@given(cursor=st.integers(-DAY_MS, DAY_MS), now=st.integers(0, DAY_MS), since=st.integers(0, DAY_MS))
def test_no_pace_resumes_a_ring_that_it_turns_later_than_its_cursor(cursor: int, now: int, since: int) -> None:
    """But for the seconds, which the economy leaves out once nobody writes there."""
    for pace in PACES.values():
        for ring in pace.rings:
            assert pace.resumed_ms(ring, NOW + cursor, NOW + now, NOW + min(since, now)) <= NOW + cursor
