"""Whatever answers come, a right clock is never called wrong, and a wrong one is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.fleet.skew import KEPT, QUICK_MS, QUORUM, Deviation, Sighting, Standing, deviation, sighted
from tidewheel.domain.limits import SECOND_MS, SKEW_REFUSED_MS

_EPOCH_MS = 1_795_000_000_000
_TRIP_MS = 300

TRIPS = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(0, _TRIP_MS), st.integers(0, _TRIP_MS)), min_size=1, max_size=30
)
"""Calls: how long after the one before it was sent, its way there, and its way back, in ms."""
AHEAD = st.integers(-100_000, 100_000)


def heard(trips: list[tuple[int, int, int]], ahead_ms: int) -> tuple[tuple[Sighting, ...], int]:
    """What a clock that is ahead hears of honest answers, and what it shows at the end."""
    sightings: tuple[Sighting, ...] = ()
    true_ms = now_ms = _EPOCH_MS
    for pause, there, back in trips:
        true_ms += pause
        stamped = true_ms + there
        now_ms = max(now_ms, stamped + back + ahead_ms)
        date_ms = stamped - stamped % SECOND_MS
        sightings = sighted(sightings, date_ms, true_ms + ahead_ms, stamped + back + ahead_ms)
    return sightings, now_ms


@given(TRIPS, AHEAD)
def test_honest_answers_never_prove_more_than_is_so(trips: list[tuple[int, int, int]], ahead_ms: int) -> None:
    found = deviation(*heard(trips, ahead_ms))
    assert abs(found.ms) <= abs(ahead_ms)
    assert found.ms * ahead_ms >= 0


@given(TRIPS, st.integers(-SKEW_REFUSED_MS, SKEW_REFUSED_MS))
def test_a_clock_within_the_bound_is_never_refused(trips: list[tuple[int, int, int]], ahead_ms: int) -> None:
    assert deviation(*heard(trips, ahead_ms)).standing not in {Standing.OFF, Standing.DOUBTFUL}


@given(TRIPS, AHEAD)
def test_what_is_proven_lacks_a_second_and_a_trip_at_most(trips: list[tuple[int, int, int]], ahead_ms: int) -> None:
    sightings, _ = heard(trips, ahead_ms)
    found = deviation(sightings, sightings[-1].last_ms)
    assert abs(found.ms) >= abs(ahead_ms) - SECOND_MS - _TRIP_MS


@given(
    st.lists(st.integers(0, SECOND_MS - 1), min_size=KEPT - 2, max_size=KEPT - 2),
    st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, QUICK_MS)), min_size=0, max_size=2),
    st.randoms(use_true_random=False),
)
def test_two_false_answers_of_five_stop_nobody(honest: list[int], false: list[tuple[int, int]], chance) -> None:
    answers = [(_EPOCH_MS + n * SECOND_MS, _EPOCH_MS + n * SECOND_MS + at, 0) for n, at in enumerate(honest)]
    answers += [(_EPOCH_MS + lie * 10 + 7, _EPOCH_MS + 900, trip) for lie, trip in false]
    chance.shuffle(answers)
    sightings: tuple[Sighting, ...] = ()
    for date_ms, sent_ms, trip in answers:
        sightings = sighted(sightings, date_ms, sent_ms, sent_ms + trip)
    found = deviation(sightings, _EPOCH_MS + 10 * SECOND_MS)
    assert (found.ms, found.standing) == (0, Standing.FIT)


@given(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=KEPT))
def test_few_answers_never_refuse(proven: list[int]) -> None:
    sightings = tuple(Sighting(n, 0, 0, ms, ms) for n, ms in enumerate(proven))
    found = deviation(sightings, 0)
    assert found.sightings == len(proven)
    if len(proven) < QUORUM:
        assert found.standing in {Standing.FIT, Standing.DOUBTFUL}
    assert found == Deviation(found.ms, len(proven))
    assert sum(abs(ms) >= abs(found.ms) for ms in proven) >= len(proven) / 2
