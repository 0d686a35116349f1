"""I/O beside the loop: calls run on other threads, and their results are delivered on the loop's thread."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tidewheel.domain.limits import MENDABLE_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.health.failures import Failures
from tidewheel.ports import Clock, Fenced, PortError, Refused, Telemetry

T = TypeVar("T")
OnRefusal = Callable[[Refused], None]


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with what becomes of its result.

    Args:
        work: The call.
        done: Takes its result.
        refused: Takes the refusal of what the call says, if there is something else to do then.
        tries: How often it has failed.
        refused_ms: When it was first refused, on the monotonic clock (ms); None if the last failure was no refusal.
    """

    work: Callable[[], Any]
    done: Callable[[Any], None]
    refused: OnRefusal | None
    tries: int = 0
    refused_ms: int | None = None


class BackgroundIO:
    """Runs calls until they succeed; each of them must be harmless to repeat.

    A call that raises a ``PortError`` is counted and tried again, later each time (see ``Backoff``). One that is
    refused for what it says is not repeated if its caller knows what to do instead. One that goes on being refused for
    ``limits.MENDABLE_MS`` ends the loop: nothing that this process could do would mend it. So do ``Fenced``, and any
    error that is no ``PortError``: ``collect`` raises them.

    Args:
        executor: Runs the calls.
        clock: Time.
        telemetry: Counts and log events.
        backoff: How long to wait before a call is tried again.
        failures: Counts those that fail; several may share it.
    """

    def __init__(
        self,
        executor: Executor,
        clock: Clock,
        telemetry: Telemetry,
        backoff: Backoff,
        failures: Failures | None = None,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._telemetry = telemetry
        self._backoff = backoff
        self.failures = failures or Failures(clock)
        self._running: dict[Future[Any], _Call] = {}
        self._waiting: list[tuple[int, int, _Call]] = []
        self._order = itertools.count()

    def start(self, work: Callable[[], T], done: Callable[[T], None], refused: OnRefusal | None = None) -> None:
        """Begins ``work`` on another thread; ``done`` gets its result on the thread that collects.

        Args:
            work: The call.
            done: Takes its result.
            refused: Takes, on the same thread, the refusal of a call for what it says; without it such a call is
                repeated like any other.
        """
        self._start(_Call(work, done, refused))

    def _start(self, call: _Call) -> None:
        self._running[self._executor.submit(call.work)] = call

    def collect(self) -> None:
        """Delivers what has finished since the last call, and starts again what has waited long enough.

        Raises:
            Fenced: Another owner has taken over.
            Refused: A call was refused for too long, and there is nothing else to do.
        """
        now = self._clock.monotonic_ms()
        while self._waiting and self._waiting[0][0] <= now:
            self._start(heapq.heappop(self._waiting)[-1])
        for future in [future for future in self._running if future.done()]:
            call = self._running.pop(future)
            try:
                result = future.result()
            except Fenced:
                raise
            except Refused as error:
                self._was_refused(call, error, now)
            except PortError as error:
                self._try_again(replace(call, refused_ms=None), error, now)
            else:
                call.done(result)

    def _was_refused(self, call: _Call, error: Refused, now: int) -> None:
        self._telemetry.count("background_io_refused", operation=error.operation)
        if call.refused is not None and not error.mendable:
            call.refused(error)
            return
        since = now if call.refused_ms is None else call.refused_ms
        if now - since >= MENDABLE_MS:
            self._telemetry.error(
                "background I/O was refused for good", operation=error.operation, problem=str(error), for_ms=now - since
            )
            raise error
        self._try_again(replace(call, refused_ms=since), error, now)

    def _try_again(self, call: _Call, error: PortError, now: int) -> None:
        self.failures.count(error)
        delay = self._backoff.delay_ms(call.tries)
        self._telemetry.count("background_io_failed", operation=error.operation)
        self._telemetry.info(
            "background I/O failed and will be tried again",
            operation=error.operation,
            problem=str(error),
            delay_ms=delay,
        )
        heapq.heappush(self._waiting, (now + delay, next(self._order), replace(call, tries=call.tries + 1)))

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
