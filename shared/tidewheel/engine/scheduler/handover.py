"""Handing over: when a scheduler calls its successor, and when it gives its instance up to it."""

from __future__ import annotations

from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import Launcher

HAND_OVER_MS = 20 * SECOND_MS
"""How long before its deadline instance 0 calls its successor."""
STAGGER_MS = 30 * SECOND_MS
"""How much earlier each further instance does, so that loops which began together do not end together."""
LAST_CALL_MS = 6 * SECOND_MS
"""How long before its deadline a scheduler gives its instance up even if no successor has come."""


class Handover:
    """The end of one scheduler's term.

    Args:
        launcher: Starts the successor.
        instance: The scheduler's instance.
        version: Its code version.
    """

    def __init__(self, launcher: Launcher, instance: int, version: str) -> None:
        self._launcher = launcher
        self._instance = instance
        self._version = version
        self._called = False

    def is_due(self, lease: Lease, remaining_ms: int, background: BackgroundIO) -> bool:
        """Whether the instance is to be given up now. Calls the successor, once, when the deadline nears.

        A successor that stands ready is yielded to when the deadline nears, or at once if its code version is another.

        Args:
            lease: As it was renewed last; it names the candidate.
            remaining_ms: How long (ms) this process may go on.
            background: Runs the call of the successor.
        """
        near = remaining_ms < HAND_OVER_MS + self._instance * STAGGER_MS
        if near and not self._called:
            self._called = True
            background.start(lambda: self._launcher.launch(self._instance), lambda _: None)
        candidate = lease.candidate
        awaited = candidate is not None and (near or candidate != self._version)
        return awaited or remaining_ms < LAST_CALL_MS
