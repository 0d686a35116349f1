"""Threads for what cannot be interrupted: looking up names, and reading secrets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.domain.limits import LOOK_UPS

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SideThreads:
    """Runs functions on a bounded number of threads, so that a call can go on without the result.

    A function that was left behind keeps its thread until it returns, by the system's own time-outs. Further ones wait
    for a free thread, no longer than their calls do: one that has not begun by then never does. So neither threads nor
    waiting functions pile up, however long a name server is silent.

    Args:
        count: How many threads at most.
    """

    def __init__(self, count: int = LOOK_UPS) -> None:
        self._pool = ThreadPoolExecutor(count, "http-target")

    def result(self, countdown: Countdown, function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What a function returns or raises.

        Raises:
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        countdown.left_ms()
        done = threading.Event()
        future = self._pool.submit(function, *arguments, **named)
        future.add_done_callback(lambda _: done.set())
        countdown.hold(done.set)
        try:
            while not future.done():
                done.wait(countdown.left_s())
        finally:
            countdown.let_go()
            future.cancel()
        return future.result()

    def close(self) -> None:
        """Lets the threads end; waits for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)
