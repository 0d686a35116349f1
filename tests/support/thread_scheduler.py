"""Threads on virtual time: one runs at a time, and when it sleeps the one that wakes next runs."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from tidewheel.adapters.memory import SettableClock


class _Over(BaseException):
    """The simulation ends: a thread that sleeps does not wake any more."""


class ThreadScheduler(SettableClock):
    """A clock by which many threads sleep, and which wakes them, in an order that is the same in each run."""

    def __init__(self, now_ms: int) -> None:
        super().__init__(now_ms)
        self._sleepers: list[tuple[int, int, threading.Semaphore]] = []
        self._order = itertools.count()
        self._turn = threading.Semaphore(0)
        self._own = threading.local()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._over = False

    def start(self, work: Callable[[], None]) -> None:
        """Begins a thread, whose first turn is now."""
        baton = threading.Semaphore(0)

        def run() -> None:
            baton.acquire()
            self._own.baton = baton
            try:
                if not self._over:
                    work()
            except _Over:
                pass
            except BaseException as error:  # noqa: BLE001 - told to whoever drives
                self._failures.append(error)
            finally:
                self._turn.release()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        heapq.heappush(self._sleepers, (self._now_ms, next(self._order), baton))
        thread.start()

    def sleep_until(self, instant_ms: int) -> None:
        """Lets the others run until then."""
        baton = getattr(self._own, "baton", None)
        if baton is None or instant_ms <= self._now_ms:
            super().sleep_until(instant_ms)
            return
        heapq.heappush(self._sleepers, (instant_ms, next(self._order), baton))
        self._turn.release()
        baton.acquire()
        if self._over:
            raise _Over

    def sleep(self, duration_ms: int) -> None:
        """Lets the others run for so long."""
        self.sleep_until(self._now_ms + duration_ms)

    def run_until(self, instant_ms: int) -> None:
        """Lets all run; raises what one of them raised."""
        while self._sleepers and self._sleepers[0][0] <= instant_ms and not self._failures:
            self._wake()
        if self._failures:
            raise self._failures[0]
        self._now_ms = max(self._now_ms, instant_ms)

    def _wake(self) -> None:
        at_ms, _, baton = heapq.heappop(self._sleepers)
        self._now_ms = max(self._now_ms, at_ms)
        baton.release()
        self._turn.acquire()

    def end(self) -> None:
        """Ends all threads."""
        self._over = True
        while self._sleepers:
            self._wake()
        for thread in self._threads:
            thread.join()
