"""Has the machine of a pool's worker kept while it holds work: no scale-in must take it from under a long call.

Where the fleet is scaled by somebody who takes machines away, such as Amazon ECS, protection is asked for as soon as
work is held, renewed while it is, and given back when none was held for a while. A worker that is never without work
must not keep its machine for ever, since deployments wait for it too: after ``LONGEST_MS`` of protection, and for
``PAUSE_MS`` more, only work counts that is older than a drain would wait for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tidewheel.domain.limits import DRAIN_MS, MINUTE_MS, SECOND_MS
from tidewheel.ports import Clock, PortError, ScaleInProtection, Telemetry

PROTECTED_MS = 10 * MINUTE_MS
"""For how long protection is asked for: if the worker stands still, its machine may be taken after this time."""
RENEW_MS = PROTECTED_MS // 2
IDLE_MS = 30 * SECOND_MS
"""How long a worker without work keeps its protection: short calls one after another must not cost a request each."""
LONGEST_MS = 30 * MINUTE_MS
PAUSE_MS = 10 * MINUTE_MS
AGAIN_MS = 10 * SECOND_MS
"""How soon a request that failed is tried again."""
TICK_MS = SECOND_MS


@dataclass(slots=True)
class ScaleInGuard:
    """One per process. ``watch`` runs on a thread of its own; tests call ``tick`` instead.

    ``begin`` and ``end`` may be called from any thread.

    Args:
        protection: Asks whoever scales the fleet.
        clock: Reads the time and waits.
        telemetry: Counts and logs.
    """

    protection: ScaleInProtection
    clock: Clock
    telemetry: Telemetry
    _held: dict[str, int] = field(default_factory=dict)  # since when (monotonic ms), by message
    _some: threading.Event = field(default_factory=threading.Event)
    _since_ms: int | None = None  # since when it is protected without a pause
    _renew_ms: int = 0
    _worked_ms: int = 0  # when work was held last
    _again_ms: int = 0
    _paused_ms: int = 0  # until when only old work counts

    def begin(self, message: str) -> None:
        """Work is held from now on."""
        self._held[message] = self.clock.monotonic_ms()
        self._some.set()

    def end(self, message: str) -> None:
        """That work is held no more."""
        self._held.pop(message, None)

    def watch(self) -> None:
        """Calls ``tick`` every ``TICK_MS`` while work is held or the machine is protected. Never returns."""
        while True:
            self._some.wait()
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the protection for good
                self.telemetry.error("unexpected error while protecting the worker", problem=str(error))
            self.clock.sleep(TICK_MS)

    def tick(self) -> None:
        """Asks for protection, renews it or gives it back, if it is time to."""
        now = self.clock.monotonic_ms()
        wanted = self._is_wanted(now)
        if wanted:
            self._worked_ms = now
        if now < self._again_ms:
            return
        if wanted and (self._since_ms is None or now >= self._renew_ms):
            self._ask(now)
        elif not wanted and self._since_ms is None:
            self._rest()
        elif not wanted and (self._held or now >= self._worked_ms + IDLE_MS):
            self._give_back(now)

    def _is_wanted(self, now: int) -> bool:
        held = list(self._held.values())
        is_long = self._since_ms is not None and now >= self._since_ms + LONGEST_MS
        if is_long or now < self._paused_ms:
            held = [since for since in held if now >= since + DRAIN_MS]
        return bool(held)

    def _rest(self) -> None:
        self._some.clear()
        if self._held:  # it began meanwhile
            self._some.set()

    def _ask(self, now: int) -> None:
        try:
            self.protection.protect(PROTECTED_MS)
        except PortError as error:
            self._failed(error, now)
            return
        self._since_ms = now if self._since_ms is None else self._since_ms
        self._renew_ms = now + RENEW_MS

    def _give_back(self, now: int) -> None:
        try:
            self.protection.release()
        except PortError as error:
            self._failed(error, now)
            return
        self._since_ms = None
        if self._held:
            self._paused_ms = now + PAUSE_MS  # time for whoever waits for this machine

    def _failed(self, error: PortError, now: int) -> None:
        self.telemetry.count("scale_in_protection_failed")
        self.telemetry.info("protection from scale-in failed", problem=str(error))
        self._again_ms = now + AGAIN_MS
