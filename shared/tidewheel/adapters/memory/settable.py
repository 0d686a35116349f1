"""What a test controls: clock, randomness, threads; and a telemetry that can be read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from tidewheel.domain.fleet.skew import QUORUM, Deviation

P = ParamSpec("P")
T = TypeVar("T")


class SettableClock:
    """A clock that advances when a test or a sleeper says so."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Ms since the epoch, as set."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """The same."""
        return self._now_ms

    def advance(self, duration_ms: int) -> None:
        """Moves the clock on."""
        self._now_ms += duration_ms

    def sleep_until(self, instant_ms: int) -> None:
        """Moves the clock to the instant, never back."""
        self._now_ms = max(self._now_ms, instant_ms)

    def sleep(self, duration_ms: int) -> None:
        """Moves the clock on."""
        self.advance(duration_ms)


class SettableWatch:
    """``ports.ClockWatch`` with a set answer: by how much (ms) the clock is ahead, and by how many sightings."""

    def __init__(self, ahead_ms: int = 0, sightings: int = QUORUM) -> None:
        self.ahead_ms = ahead_ms
        self.sightings = sightings

    def deviation(self) -> Deviation:
        """See ``ports.ClockWatch``."""
        return Deviation(self.ahead_ms, self.sightings)


class CountedEntropy:
    """Bytes that count up: different for each call, the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def bytes(self, count: int) -> bytes:
        """The next number as bytes."""
        self._count += 1
        return self._count.to_bytes(count)


class InlineExecutor(Executor):
    """Runs what is submitted at once, on the caller's thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs ``fn`` and returns its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries whatever was raised to whoever asks for it
            future.set_exception(error)
        return future


class RecordingTelemetry:
    """``ports.Telemetry`` that keeps counts and log events."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.infos: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[tuple[str, dict[str, Any]]] = []

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Adds to the plain name and to the name with its dimensions, as in ``handled[outcome=dead]``."""
        self.counts[name] += value
        for key, detail in dimensions.items():
            self.counts[f"{name}[{key}={detail}]"] += value

    def info(self, message: str, **fields: object) -> None:
        """Keeps a log event of level info."""
        self.infos.append((message, fields))

    def error(self, message: str, **fields: object) -> None:
        """Keeps a log event of level error."""
        self.errors.append((message, fields))

    def flush(self) -> None:
        """Does nothing: counts are kept at once."""
