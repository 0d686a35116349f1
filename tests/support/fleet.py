"""Several schedulers side by side on one virtual clock, each with a clock of its own."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.support.memory_stack import MemoryStack
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.scheduler.term import End, Steps
from tidewheel.ports import Clock, Fenced, PortError

FOR_EVER = 10**12


class Skewed:
    """A clock whose wall time is off by a constant; its monotonic time is right."""

    def __init__(self, clock: Clock, ahead_ms: int) -> None:
        self.clock, self.ahead_ms = clock, ahead_ms
        self._true_ms = clock.now_ms
        self.monotonic_ms = clock.monotonic_ms

    def now_ms(self) -> int:
        return self._true_ms() + self.ahead_ms

    def sleep_until(self, instant_ms: int) -> None:
        self.clock.sleep_until(instant_ms - self.ahead_ms)

    def sleep(self, duration_ms: int) -> None:
        self.clock.sleep(duration_ms)

    def true_of(self, instant_ms: int) -> int:
        """When it shows the instant, by the true clock."""
        return instant_ms - self.ahead_ms


class Told(Skewed):
    """A clock whose wall time is a function of the true time: never faster than it, sometimes set back."""

    def __init__(self, clock: Clock, shows: Callable[[int], int]) -> None:
        super().__init__(clock, 0)
        self.shows = shows

    def now_ms(self) -> int:
        return self.shows(self._true_ms())

    def sleep_until(self, instant_ms: int) -> None:
        self.clock.sleep_until(self.true_of(instant_ms))

    def true_of(self, instant_ms: int) -> int:
        """When it shows the instant for the first time from now on."""
        true_ms = self._true_ms()
        while (left := instant_ms - self.shows(true_ms)) > 0:
            true_ms += left
        return true_ms


@dataclass
class Fleet:
    """Schedulers that run side by side on one virtual clock."""

    stack: MemoryStack
    instances: int = 2
    outfit: Callable[[SchedulerLoop], SchedulerLoop] = lambda scheduler_loop: scheduler_loop
    ends: dict[int, End | str] = field(default_factory=dict)
    _queue: list[tuple[int, int, int]] = field(default_factory=list)
    _steps: dict[int, Steps] = field(default_factory=dict)
    _clocks: dict[int, Skewed] = field(default_factory=dict)
    _instance_of: dict[int, int] = field(default_factory=dict)
    _count: itertools.count[int] = field(default_factory=itertools.count)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def start(
        self,
        instance: int,
        version: str = "v1",
        remaining: Callable[[], int] = lambda: FOR_EVER,
        skew_ms: int = 0,
        clock: Skewed | None = None,
    ) -> int:
        """Starts a scheduler with a clock of its own, or one that is ahead by the skew; the answer is its number."""
        number = next(self._count)
        scheduler_loop = self.outfit(self.stack.scheduler_loop(version, instance, self.instances))
        self._clocks[number], self._instance_of[number] = clock or Skewed(self.stack.clock, skew_ms), instance
        self._steps[number] = replace(scheduler_loop, clock=self._clocks[number]).steps(remaining)
        heapq.heappush(self._queue, (self.stack.clock.now_ms(), next(self._order), number))
        return number

    @property
    def running(self) -> list[int]:
        """The numbers of those that have not ended."""
        return list(self._steps)

    def at(self, instance: int) -> int:
        """How many of the running ones have or want an instance."""
        return sum(self._instance_of[number] == instance for number in self._steps)

    def kill(self, number: int) -> None:
        """Kills one between two of its steps."""
        self._steps.pop(number).close()

    def suspend(self, number: int, duration_ms: int) -> None:
        """Suspends one (ms), as a frozen process is, while the others go on."""
        self._queue = [(at + duration_ms if n == number else at, order, n) for at, order, n in self._queue]
        heapq.heapify(self._queue)

    def run_until(self, instant_ms: int) -> None:
        """Lets all run."""
        while self._queue and self._queue[0][0] <= instant_ms:
            at, _, number = heapq.heappop(self._queue)
            if number in self._steps:
                self.stack.clock.sleep_until(at)
                self._step(number)
        self.stack.clock.sleep_until(instant_ms)

    def _step(self, number: int) -> None:
        try:
            until = next(self._steps[number])
        except StopIteration as stop:
            self.ends[number] = stop.value
        except (Fenced, PortError) as error:
            self.ends[number] = type(error).__name__.lower()
        else:
            at = max(self._clocks[number].true_of(until), self.stack.clock.now_ms() + 1)
            heapq.heappush(self._queue, (at, next(self._order), number))
            return
        del self._steps[number]

    def holders(self) -> list[int | None]:
        """The instance that holds each shard."""
        found = [self.stack.control.holding(shard) for shard in range(self.stack.layouts.latest.numbers)]
        return [holding.instance if holding else None for holding in found]
