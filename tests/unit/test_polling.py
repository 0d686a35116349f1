"""Waiting follows the machine, and still ends where nothing goes on."""

from __future__ import annotations

import itertools

import pytest

from tests.support import machine, polling
from tests.support.polling import Patience, until
from tidewheel.adapters.memory import SettableClock


@pytest.fixture
def clock(monkeypatch):
    """Time passes by waiting alone."""
    settable = SettableClock(0)
    monkeypatch.setattr(polling, "SystemClock", lambda: settable)
    return settable


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(machine, "slowness", lambda: 1.0)
    monkeypatch.setattr(machine, "measured", lambda: 5.0)


def test_what_does_not_come_is_told_after_the_bound_of_this_machine(clock, slow):
    with pytest.raises(AssertionError, match=r"a fire: not within 50 s; seen last: None"):
        until(lambda: None, "a fire", within_s=10)
    assert 50_000 < clock.now_ms() <= 50_100


def test_on_a_slow_machine_it_may_take_longer(clock, slow):
    assert until(lambda: clock.now_ms() > 45_000, "a fire", within_s=10)


def test_what_progresses_is_waited_for(clock, slow):
    assert until(lambda: clock.now_ms() > 900_000, "a count", within_s=10, progress=lambda: clock.now_ms() // 40_000)


def test_what_stops_to_progress_is_given_up(clock, slow):
    with pytest.raises(AssertionError, match="a count"):
        until(lambda: None, "a count", within_s=10, progress=lambda: min(clock.now_ms(), 100_000))
    assert clock.now_ms() < 155_000


def test_a_quick_machine_is_not_measured_before_its_bound_is_past(clock):
    calls = itertools.count(1)
    patience = Patience(10, lambda: next(calls))
    clock.advance(9_000)
    assert not patience.over()
    assert next(calls) == 1


def test_a_session_goes_by_what_it_was_told(monkeypatch):
    monkeypatch.setenv(machine.VARIABLE, "3.50")
    machine.slowness.cache_clear()
    assert machine.slowness() == 3.5
    machine.slowness.cache_clear()


def test_no_machine_is_quicker_than_quick_or_slower_than_the_most(monkeypatch):
    monkeypatch.setattr(machine, "spun_ms", lambda: 0.1)
    assert machine.measured() == 1.0
    monkeypatch.setattr(machine, "spun_ms", lambda: 1e9)
    assert machine.measured() == machine.MOST
