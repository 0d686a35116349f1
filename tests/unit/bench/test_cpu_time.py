"""CPU time by role: what began, what ended, and what a system uses by itself."""

from __future__ import annotations

import os

import pytest

from tests.bench import cpu_time
from tests.bench.cpu_time import Used, beyond
from tidewheel.adapters.memory import SettableClock


def test_processes_of_a_role_are_added_up():
    before = {1: ("workers", 100), 2: ("workers", 50), 3: ("emulator", 1_000)}
    after = {1: ("workers", 130), 2: ("workers", 90), 3: ("emulator", 1_500)}
    used = Used.between(before, after)
    assert used.by_role_ms == {"emulator": 500, "workers": 70}
    assert used.each(10) == {"emulator": 50.0, "workers": 7.0, "in_all": 57.0}
    assert (used.started, used.ended) == (0, 0)


def test_a_process_that_began_counts_from_its_start_and_one_that_ended_is_told():
    used = Used.between({1: ("workers", 100)}, {2: ("workers", 40)})
    assert used == Used({"workers": 40}, started=1, ended=1)


def test_a_role_that_used_nothing_is_named():
    assert Used.between({1: ("workers", 5)}, {1: ("workers", 5)}).each(2) == {"workers": 0.0, "in_all": 0.0}


def test_of_no_run_there_is_no_figure():
    assert Used({"workers": 40}, 0, 0).each(0) == {}


def test_beyond_what_it_uses_by_itself():
    each, idle = {"emulator": 5.0, "receiver": 1.0, "in_all": 6.0}, {"emulator": 20.0, "in_all": 20.0}
    assert beyond(each, idle, seconds=10, count=100) == {"emulator": 3.0, "receiver": 1.0, "in_all": 4.0}


def test_idle_time_is_told_by_the_second(monkeypatch):
    clock = SettableClock(0)
    monkeypatch.setattr(cpu_time.processes, "cpu_ms", lambda pid: clock.now_ms() // 100)
    assert cpu_time.while_idle(lambda: {7: "emulator"}, clock, 4_000) == {"emulator": 10.0, "in_all": 10.0}


def test_what_has_ended_is_not_read(monkeypatch):
    monkeypatch.setattr(cpu_time.processes, "cpu_ms", {7: None, 8: 3}.get)
    assert cpu_time.read({7: "workers", 8: "workers"}) == {8: ("workers", 3)}


def test_this_process_has_used_something():
    ((role, used_ms),) = cpu_time.read({os.getpid(): "receiver"}).values()
    assert role == "receiver"
    assert used_ms == pytest.approx(sum(os.times()[:2]) * 1_000, abs=1_000)
