"""The watchdog's handler: it starts a scheduler where none is alive, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.watchdog import handler as watchdog
from tidewheel.adapters.memory import MemoryControl, RecordingTelemetry, SettableClock
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.names import Env
from tidewheel.settings import SettingsError, WatchdogSettings

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "eventbridge_minute.json").read_text())
ENVIRONMENT = {
    Env.CONTROL_TABLE: "control",
    Env.SCHEDULER_FUNCTION: "scheduler",
    Env.CODE_VERSION: "v2",
    Env.SCHEDULERS: "1",
    Env.DEPLOYMENT: "t",
}


class Clock(SettableClock):
    """Time in which others live on."""

    def __init__(self) -> None:
        super().__init__(0)
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, duration_ms: int) -> None:
        super().sleep(duration_ms)
        self.meanwhile()


@dataclass
class Bench(RecordingTelemetry):
    """The watchdog's surroundings."""

    control: MemoryControl = field(default_factory=MemoryControl)
    clock: Clock = field(default_factory=Clock)
    launched: int = 0
    flushed: int = 0
    settings: WatchdogSettings | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def launch(self, instance: int) -> None:
        self.launched += 1

    def flush(self) -> None:
        self.flushed += 1

    def watch(self, settings: WatchdogSettings) -> Watchdog:
        self.settings = settings
        return Watchdog(self.control, self, self.clock, self, settings.code_version, settings.schedulers)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watchdog, "watchdog", bench.watch)
    return bench


def test_it_starts_the_first_scheduler(bench: Bench) -> None:
    assert watchdog.handler(EVENT, None) == {"started": 1}
    assert (bench.launched, bench.flushed) == (1, 1)
    assert bench.settings == WatchdogSettings("control", "scheduler", "v2", 1, "t")


def test_it_leaves_a_living_scheduler_alone(bench: Bench) -> None:
    lease = bench.control.take(None, "one", "v2")
    assert lease is not None
    bench.clock.meanwhile = lambda: bench.control.renew(lease)
    assert watchdog.handler(EVENT, None) == {"started": 0}
    assert (bench.launched, bench.flushed) == (0, 1)


def test_it_replaces_a_silent_scheduler(bench: Bench) -> None:
    bench.control.take(None, "one", "v2")
    assert watchdog.handler(EVENT, None) == {"started": 1}
    assert bench.launched == 1


def test_it_replaces_a_scheduler_that_gave_up(bench: Bench) -> None:
    lease = bench.control.take(None, "one", "v2")
    assert lease is not None
    bench.control.release(lease)
    assert watchdog.handler(EVENT, None) == {"started": 1}


def test_it_replaces_older_code_that_lives(bench: Bench) -> None:
    lease = bench.control.take(None, "one", "v1")
    assert lease is not None
    bench.clock.meanwhile = lambda: bench.control.renew(lease)
    assert watchdog.handler(EVENT, None) == {"started": 1}
    assert bench.launched == 1


def test_it_waits_out_a_change_of_hands(bench: Bench) -> None:
    """Whoever took over while it watched is alive, though the counter went back."""
    seen = bench.control.take(None, "one", "v2")
    assert seen is not None
    silent = iter(range(30))

    def meanwhile() -> None:
        if next(silent, None) is None:
            lease = bench.control.lease()
            assert lease is not None
            taken = bench.control.take(lease, "two", "v2") if lease.owner == "one" else lease
            assert taken is not None
            bench.control.renew(taken)

    bench.clock.meanwhile = meanwhile
    assert watchdog.handler(EVENT, None) == {"started": 0}


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_missing_setting_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=missing):
        watchdog.handler(EVENT, None)
    assert bench.launched == 0
