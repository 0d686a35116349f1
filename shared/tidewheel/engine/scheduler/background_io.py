"""I/O beside the loop: calls run on other threads, and their results are delivered on the loop's thread."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from tidewheel.engine.common.backoff import Backoff
from tidewheel.ports import Clock, Fenced, PortError, Telemetry

T = TypeVar("T")


class BackgroundIO:
    """Runs calls until they succeed; each of them must be harmless to repeat.

    A call that raises a ``PortError`` is counted and tried again, later each time (see ``Backoff``). ``Fenced``, and
    any error that is no ``PortError``, end the loop: ``collect`` raises them.
    """

    def __init__(self, executor: Executor, clock: Clock, telemetry: Telemetry, backoff: Backoff) -> None:
        self._executor = executor
        self._clock = clock
        self._telemetry = telemetry
        self._backoff = backoff
        self._running: dict[Future[Any], tuple[Callable[[], Any], Callable[[Any], None], int]] = {}
        self._waiting: list[tuple[int, int, Callable[[], Any], Callable[[Any], None], int]] = []
        self._order = itertools.count()

    def start(self, work: Callable[[], T], done: Callable[[T], None], *, tries: int = 0) -> None:
        """Begins ``work`` on another thread; ``done`` gets its result on the thread that collects.

        Args:
            work: The call.
            done: Takes its result.
            tries: How often it has failed already.
        """
        self._running[self._executor.submit(work)] = (work, done, tries)

    def collect(self) -> None:
        """Delivers what has finished since the last call, and starts again what has waited long enough.

        Raises:
            Fenced: Another owner has taken over.
        """
        now = self._clock.monotonic_ms()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, work, done, tries = heapq.heappop(self._waiting)
            self.start(work, done, tries=tries)
        for future in [future for future in self._running if future.done()]:
            work, done, tries = self._running.pop(future)
            try:
                result = future.result()
            except Fenced:
                raise
            except PortError as error:
                self._try_again(work, done, tries, error, now)
            else:
                done(result)

    def _try_again(
        self, work: Callable[[], Any], done: Callable[[Any], None], tries: int, error: PortError, now: int
    ) -> None:
        delay = self._backoff.delay_ms(tries)
        self._telemetry.count("background_io_failed", operation=error.operation)
        self._telemetry.info(
            "background I/O failed and will be tried again",
            operation=error.operation,
            problem=str(error),
            delay_ms=delay,
        )
        heapq.heappush(self._waiting, (now + delay, next(self._order), work, done, tries + 1))

    def abandon(self) -> None:
        """Forgets every call: what has not begun never will, and what is under way delivers to nobody."""
        for future in self._running:
            future.cancel()
        self._running.clear()
        self._waiting.clear()

    @property
    def busy(self) -> int:
        """How many calls are running or waiting to be tried again."""
        return len(self._running) + len(self._waiting)
