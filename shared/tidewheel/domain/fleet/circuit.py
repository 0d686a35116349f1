"""The circuit breaker: a target that failed several times in a row is left alone for a while. Pure.

After Nygard, "Release It!": closed while the target works; open after so many failures in a row, and nobody calls;
half-open when that time is over, and exactly one, the probe, calls. How the probe ends decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import CIRCUIT_SPREAD_MS, MINUTE_MS, RETENTION_MS, TAKEOVER_GRACE_MS

_LONGEST_LOOK_MS = MINUTE_MS
_SAYS_NOTHING = frozenset({Stop.CANCELLED, Stop.DRAINED, Stop.LOST})
_THE_CALLERS_FAULT, _ITS_OWN_FAULT = range(400, 500), range(500, 600)
"""Classes of HTTP statuses (RFC 9110, 15)."""


class Sign(StrEnum):
    """What an attempt says of its target."""

    WORKS = "works"  # it did what it was asked to
    ANSWERS = "answers"  # it refused, as with any status of 4xx: the request is at fault, or there are too many
    FAILS = "fails"
    NOTHING = "nothing"  # the attempt did not get so far, or was told to end


def sign(answer: Answer | None, stop: Stop | None) -> Sign:
    """What an attempt says of its target.

    Args:
        answer: What the target's adapter answered; None if it never did.
        stop: Why the call was told to end, if it was.
    """
    if answer is None or (stop in _SAYS_NOTHING and answer.result is not Result.SUCCEEDED):
        return Sign.NOTHING
    if answer.result is Result.SUCCEEDED:
        return Sign.WORKS
    if stop is not None or answer.result is Result.TIMED_OUT or answer.status in _ITS_OWN_FAULT:
        return Sign.FAILS
    if answer.status in _THE_CALLERS_FAULT:
        return Sign.ANSWERS
    return Sign.FAILS if answer.retryable else Sign.NOTHING


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is borne of a target.

    Args:
        failures: So many in a row open its circuit; 0: none ever does.
        open_ms: For how long.
    """

    failures: int = 5
    open_ms: int = 10 * MINUTE_MS


class Phase(StrEnum):
    """How a circuit stands at some time."""

    CLOSED = "closed"  # whoever wants to may call
    OPEN = "open"  # nobody calls
    READY = "ready"  # half-open: whoever comes first is the probe
    PROBED = "probed"  # half-open: the probe is under way


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one party that a tenant's jobs call.

    Args:
        tenant: Whose jobs.
        key: Which party, as in ``circuit_key``.
        failures: How many failures in a row were counted; while it is open, what they were.
        open_until_ms: Until when nobody calls; 0 while it is closed.
        probe: The claim that calls while it is half-open; empty if none does.
        probe_until_ms: Until when that one's lease lasts.
        version: Raised by every write; 0 if there is no such row.
        written_ms: When it was written (ms).
        since_ms: When the first of those failures was counted (ms).
    """

    tenant: str
    key: str
    failures: int = 0
    open_until_ms: int = 0
    probe: str = ""
    probe_until_ms: int = 0
    version: int = 0
    written_ms: int = 0
    since_ms: int = 0

    def phase(self, now_ms: int) -> Phase:
        """How it stands."""
        if not self.open_until_ms:
            return Phase.CLOSED
        if now_ms < self.open_until_ms:
            return Phase.OPEN
        alive = self.probe and now_ms <= self.probe_until_ms + TAKEOVER_GRACE_MS
        return Phase.PROBED if alive else Phase.READY

    def probed(self, claim: str, until_ms: int, now_ms: int) -> Circuit:
        """The half-open circuit with a probe on its way, or with the probe's lease extended."""
        return self._written(now_ms, probe=claim, probe_until_ms=until_ms)

    def after(self, seen: Sign, claim: str, tolerance: Tolerance, now_ms: int, worked_ms: int = 0) -> Circuit | None:
        """The circuit after an attempt; None if there is nothing to write.

        While it is not closed the probe alone counts: whatever else ends then had begun before.

        Args:
            seen: What the attempt says of the target.
            claim: Whose attempt it was.
            tolerance: What is borne.
            now_ms: The time.
            worked_ms: When the target last worked as far as the attempt's worker knows (ms). Successes are written
                down by nobody; a failure's worker remembers its own, and those since the first failure end the row.
        """
        if self.open_until_ms:
            return self._after_probe(seen, tolerance, now_ms) if self.probe == claim else None
        if seen is Sign.FAILS:
            in_a_row = self.failures > 0 and worked_ms <= self.since_ms
            failures = self.failures + 1 if in_a_row else 1
            until_ms = now_ms + tolerance.open_ms if failures >= tolerance.failures else 0
            since_ms = self.since_ms if in_a_row else now_ms
            return self._written(now_ms, failures=failures, open_until_ms=until_ms, since_ms=since_ms)
        return self._written(now_ms, failures=0) if seen is Sign.WORKS and self.failures else None

    def _after_probe(self, seen: Sign, tolerance: Tolerance, now_ms: int) -> Circuit:
        match seen:
            case Sign.WORKS | Sign.ANSWERS:
                return self._written(now_ms, failures=0, open_until_ms=0, probe="", probe_until_ms=0)
            case Sign.FAILS:
                again_ms = now_ms + tolerance.open_ms
                return self._written(now_ms, open_until_ms=again_ms, probe="", probe_until_ms=0)
            case Sign.NOTHING:
                return self._written(now_ms, probe="", probe_until_ms=0)

    def _written(self, now_ms: int, **changes: Any) -> Circuit:
        return replace(self, version=self.version + 1, written_ms=now_ms, **changes)

    def come_back_ms(self, execution: str, now_ms: int) -> int:
        """When (ms) an execution comes back that finds it open, or probed.

        The same for all of an execution's messages; different executions come spread over a minute, so that the
        first of them is the probe, and the others do not meet all at once a target that has just come back.
        """
        if now_ms < self.open_until_ms:
            return self.open_until_ms + stable_hash(execution) % CIRCUIT_SPREAD_MS
        return recheck_ms(execution, self.open_until_ms, now_ms, _LONGEST_LOOK_MS)

    def expires_ms(self) -> int:
        """When the row may vanish (ms)."""
        return max(self.written_ms, self.open_until_ms) + RETENTION_MS
