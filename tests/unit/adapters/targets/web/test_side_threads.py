"""What cannot be interrupted is left behind, and does not pile up."""

from __future__ import annotations

import threading

import pytest

from tests.support.polling import until
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.targets.web.countdown import Countdown, Stopped, TimedOut
from tidewheel.adapters.targets.web.side_threads import SideThreads


@pytest.fixture
def threads():
    made = SideThreads(2)
    yield made
    made.close()


@pytest.fixture
def free():
    event = threading.Event()
    yield event
    event.set()


def countdown(timeout_ms=60_000):
    return Countdown(SystemClock(), timeout_ms)


def wait_at(barrier, event):
    barrier.wait(30)
    event.wait(30)


def test_a_result_and_an_error_are_the_functions(threads):
    assert threads.result(countdown(), lambda number: number + 1, 2) == 3
    with pytest.raises(OSError, match=r"^no$"):
        threads.result(countdown(), lambda: (_ for _ in ()).throw(OSError("no")))


def test_the_time_out_does_not_wait_for_the_function(threads, free):
    with pytest.raises(TimedOut):
        threads.result(countdown(20), free.wait, 30)


def test_nor_does_a_call_that_is_told_to_end(threads, free):
    time = countdown()

    def started():
        time.stop()
        free.wait(30)

    with pytest.raises(Stopped):
        threads.result(time, started)


def test_a_call_that_was_told_to_end_begins_none(threads):
    time = countdown()
    time.stop()
    started = []
    with pytest.raises(Stopped):
        threads.result(time, started.append, 1)
    assert started == []


def test_what_nobody_waits_for_any_more_is_never_begun(threads, free):
    """However many calls meet a silent name server, there are as many threads as before, and then there is room."""
    silent = threading.Barrier(3)
    callers = [threading.Thread(target=threads.result, args=(countdown(), wait_at, silent, free)) for _ in range(2)]
    for caller in callers:
        caller.start()
    silent.wait(30)
    started = []
    for number in range(20):
        with pytest.raises(TimedOut):
            threads.result(countdown(5), started.append, number)
    free.set()
    assert threads.result(countdown(), lambda: "room") == "room"
    assert started == []
    for caller in callers:
        caller.join()


def test_a_late_stop_ends_nothing(threads):
    time = countdown()
    ends = []
    assert threads.result(time, lambda: 1) == 1
    time.hold(lambda: ends.append("held"))
    time.let_go()
    time.stop()
    assert ends == []


def test_a_stop_between_two_waits_ends_the_next():
    time = countdown()
    ends = []
    time.stop()
    time.hold(lambda: ends.append("too late to be told"))
    with pytest.raises(Stopped):
        time.left_ms()
    assert ends == []


def test_whoever_holds_is_told_by_any_thread():
    time, told = countdown(), threading.Event()
    time.hold(told.set)
    threading.Thread(target=time.stop).start()
    until(told.is_set, "the end")
