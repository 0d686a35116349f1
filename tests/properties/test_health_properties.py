"""Health: worse signals are never judged better, nothing flaps, and all is well again once it is measured so."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.fleet.health import (
    MEASURES,
    NOTHING,
    SILENT,
    Health,
    HealthState,
    Measured,
    Signals,
    Switch,
    Threshold,
    in_force,
    judge,
    together,
)
from tidewheel.domain.limits import HEALTH_DWELL_MS, HEALTH_STALE_MS

NOW_MS = 1_795_000_000_000
NUMBERS = [field.name for field in fields(Signals) if field.name != "route"]

_numbers = st.one_of(st.just(0), st.integers(0, 60_000))
_signals = st.builds(Signals, **dict.fromkeys(NUMBERS, _numbers), route=st.just("lambda-normal"))
_steps = st.lists(st.tuples(_signals, st.integers(0, 2 * HEALTH_DWELL_MS)), max_size=20)


def judged(steps: list[tuple[Signals, int]]) -> tuple[list[Health], int]:
    """The healths one after another, and the time of the last."""
    now_ms, found = NOW_MS, [Health(since_ms=NOW_MS - HEALTH_DWELL_MS)]
    for signals, pause_ms in steps:
        now_ms += pause_ms
        found.append(judge(found[-1], signals, now_ms))
    return found, now_ms


def test_thresholds_are_in_order() -> None:
    """What leaves a state does not enter it, and what is overloaded is busy."""
    for measure in MEASURES:
        found = [measure.thresholds[state] for state in HealthState if state in measure.thresholds]
        assert all(0 < one.leave < one.enter for one in found), measure.id
        assert found == sorted(found, key=lambda one: (one.enter, one.leave)), measure.id


@given(_steps, _signals, st.integers(0, 60_000))
def test_each_state_has_its_reasons_and_its_time(
    steps: list[tuple[Signals, int]], signals: Signals, pause_ms: int
) -> None:
    healths, now_ms = judged([*steps, (signals, pause_ms)])
    for before, after in pairwise(healths):
        assert bool(after.reasons) == (after.state is not HealthState.NORMAL)
        if after.state is before.state:
            assert after.since_ms == before.since_ms
    assert healths[-1].since_ms <= now_ms


@given(_steps, _signals, st.sampled_from(NUMBERS), st.integers(1, 60_000), st.integers(0, 60_000))
def test_worse_signals_are_never_judged_better(
    steps: list[tuple[Signals, int]], signals: Signals, name: str, more: int, pause_ms: int
) -> None:
    healths, now_ms = judged(steps)
    worse = replace(signals, **{name: getattr(signals, name) + more})
    after = judge(healths[-1], signals, now_ms + pause_ms)
    assert judge(healths[-1], worse, now_ms + pause_ms).state.reaches(after.state)


@given(_steps)
def test_nothing_gets_better_before_its_time(steps: list[tuple[Signals, int]]) -> None:
    healths, _ = judged(steps)
    for before, after in pairwise(healths):
        if not after.state.reaches(before.state):
            assert after.since_ms - before.since_ms >= HEALTH_DWELL_MS


@given(_steps, _signals)
def test_the_same_signals_change_it_no_more_once_it_has_settled(
    steps: list[tuple[Signals, int]], signals: Signals
) -> None:
    healths, now_ms = judged(steps)
    health = healths[-1]
    for _ in range(4):
        now_ms += HEALTH_DWELL_MS
        health = judge(health, signals, now_ms)
    for _ in range(4):
        now_ms += HEALTH_DWELL_MS
        assert judge(health, signals, now_ms) == health


@given(_steps)
def test_all_is_well_again_once_nothing_is_amiss(steps: list[tuple[Signals, int]]) -> None:
    healths, now_ms = judged(steps)
    health = judge(healths[-1], NOTHING, now_ms + HEALTH_DWELL_MS)
    assert (health.state, health.reasons) == (HealthState.NORMAL, ())


@given(st.data())
def test_a_value_about_a_threshold_switches_nothing_on_and_off(data: st.DataObject) -> None:
    name = {"queue-age": "queue_age_ms", "behind": "behind_ms", "store": "failed"}
    measure = data.draw(st.sampled_from(MEASURES))
    state, threshold = data.draw(st.sampled_from(sorted(measure.thresholds.items())))
    assert isinstance(threshold, Threshold)
    field = name.get(measure.id, measure.id)
    entered = judge(Health(since_ms=NOW_MS), replace(NOTHING, **{field: threshold.enter}), NOW_MS)
    assert entered.state is state
    higher = [one.enter for of, one in measure.thresholds.items() if of.reaches(state) and of is not state]
    between = st.integers(threshold.leave, min([threshold.enter + 10, *higher]) - 1)
    health, now_ms = entered, NOW_MS
    for value in data.draw(st.lists(between, max_size=20)):
        now_ms += HEALTH_DWELL_MS
        health = judge(health, replace(NOTHING, **{field: value}), now_ms)
        assert (health.state, health.since_ms) == (state, NOW_MS)


@given(st.lists(_signals, max_size=4))
def test_of_several_schedulers_the_longest_waits_and_the_sums_count(signals: list[Signals]) -> None:
    found = together(signals)
    for name in NUMBERS:
        values = [getattr(one, name) for one in signals]
        assert getattr(found, name) == (max(values, default=0) if name.endswith("_ms") else sum(values))


# --- what callers meet ------------------------------------------------------------------------------------

BUSY = judge(Health(since_ms=NOW_MS), replace(NOTHING, throttled=100), NOW_MS)
OVERLOADED = judge(Health(since_ms=NOW_MS), replace(NOTHING, throttled=1_000), NOW_MS)
READ_ONLY = judge(Health(since_ms=NOW_MS), replace(NOTHING, failed=1_000), NOW_MS)


def test_what_a_state_refuses() -> None:
    found = [(one.holds_back, one.creates, one.writes) for one in (Health(), BUSY, OVERLOADED, READ_ONLY)]
    assert found == [(False, True, True), (True, True, True), (True, False, True), (True, False, False)]


@pytest.mark.parametrize("health", [BUSY, OVERLOADED, READ_ONLY])
def test_what_nobody_measures_any_more_refuses_nothing(health: Health) -> None:
    measured = Measured(health, NOW_MS)
    assert in_force(measured, None, NOW_MS + HEALTH_STALE_MS - 1) == health
    stale = in_force(measured, None, NOW_MS + HEALTH_STALE_MS)
    assert stale.writes
    assert stale.creates
    assert [reason.id for reason in stale.reasons] == [SILENT]
    assert [reason.id for reason in in_force(None, None, NOW_MS).reasons] == [SILENT]


@pytest.mark.parametrize("measured", [None, Measured(Health(), NOW_MS), Measured(OVERLOADED, 0)])
def test_an_operators_switch_outranks_what_is_measured(measured: Measured | None) -> None:
    health = in_force(measured, Switch("key:1", "upkeep of the table", NOW_MS - 5), NOW_MS)
    assert not health.writes
    assert health.since_ms == NOW_MS - 5
    assert "upkeep of the table" in health.reasons[0].text
    assert "key:1" not in health.reasons[0].text
