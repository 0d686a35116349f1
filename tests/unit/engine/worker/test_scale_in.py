"""A worker's machine is kept while it holds work, and not for ever."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.limits import DRAIN_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.engine.worker.scale_in import (
    AGAIN_MS,
    IDLE_MS,
    LONGEST_MS,
    PAUSE_MS,
    PROTECTED_MS,
    RENEW_MS,
    ScaleInGuard,
)
from tidewheel.ports import PortError


@dataclass
class Fleet:
    """Whoever scales the fleet: until when (monotonic ms) the machine is kept, by what was asked for."""

    clock: SettableClock
    until_ms: int = 0
    asked: list[str] = field(default_factory=list)
    refuses: bool = False

    def protect(self, duration_ms: int) -> None:
        self._note("protect")
        self.until_ms = self.clock.monotonic_ms() + duration_ms

    def release(self) -> None:
        self._note("release")
        self.until_ms = 0

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if self.refuses:
            raise PortError(f"task_protection.{what}", "the ECS agent", "no")


class Bench:
    def __init__(self) -> None:
        self.clock = SettableClock(0)
        self.fleet = Fleet(self.clock)
        self.telemetry = RecordingTelemetry()
        self.guard = ScaleInGuard(self.fleet, self.clock, self.telemetry)

    @property
    def kept(self) -> bool:
        return self.clock.monotonic_ms() < self.fleet.until_ms

    def go_on(self, duration_ms: int) -> set[bool]:
        """Ticks for so long; returns whether the machine was kept at all times, at some, or at none."""
        seen = set()
        for _ in range(duration_ms // SECOND_MS):
            self.guard.tick()
            seen.add(self.kept)
            self.clock.advance(SECOND_MS)
        return seen


def test_without_work_nothing_is_asked_for() -> None:
    bench = Bench()
    assert bench.go_on(HOUR_MS) == {False}
    assert bench.fleet.asked == []


def test_it_is_kept_as_soon_and_as_long_as_work_is_held() -> None:
    bench = Bench()
    bench.guard.begin("a")
    assert bench.go_on(11 * HOUR_MS) == {True}
    assert bench.fleet.asked.count("protect") <= 11 * HOUR_MS // RENEW_MS + 1
    bench.guard.end("a")
    assert bench.go_on(IDLE_MS - SECOND_MS) == {True}
    assert bench.go_on(MINUTE_MS) == {False}
    assert bench.fleet.asked[-1] == "release"


def test_short_calls_one_after_another_cost_no_request_each() -> None:
    bench = Bench()
    for number in range(60):
        bench.guard.begin(str(number))
        bench.go_on(2 * SECOND_MS)
        bench.guard.end(str(number))
        bench.go_on(3 * SECOND_MS)
    assert bench.fleet.asked == ["protect"]


def test_a_worker_that_stands_still_is_kept_for_a_bounded_time() -> None:
    bench = Bench()
    bench.guard.begin("a")
    bench.guard.tick()
    bench.clock.advance(PROTECTED_MS - 1)
    assert bench.kept
    bench.clock.advance(1)
    assert not bench.kept


def test_one_that_is_never_idle_can_be_taken_after_a_while_but_not_from_under_old_work() -> None:
    """Or a deployment, which waits for protected tasks, would never end."""
    bench = Bench()
    seen = []
    for number in range(LONGEST_MS // (10 * SECOND_MS) + 2):
        bench.guard.begin(str(number))
        seen.append(bench.go_on(10 * SECOND_MS))
        bench.guard.end(str(number))
    assert seen[:-2] == [{True}] * (len(seen) - 2)
    assert seen[-1] == {False}
    bench.guard.begin("long")
    assert bench.go_on(DRAIN_MS) == {False}  # a drain would wait for it
    assert bench.go_on(HOUR_MS) == {True}
    bench.guard.end("long")
    assert bench.go_on(2 * IDLE_MS) == {True, False}
    bench.go_on(PAUSE_MS)
    bench.guard.begin("next")
    assert bench.go_on(MINUTE_MS) == {True}


def test_what_is_refused_is_asked_for_again_and_counted() -> None:
    bench = Bench()
    bench.fleet.refuses = True
    bench.guard.begin("a")
    bench.go_on(2 * AGAIN_MS)
    assert bench.fleet.asked == ["protect"] * 2
    assert bench.telemetry.counts["scale_in_protection_failed"] == 2
    bench.fleet.refuses = False
    bench.go_on(AGAIN_MS)
    assert bench.kept
