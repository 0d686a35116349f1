"""The circuit breaker: after several failures in a row a target is not called for a while. Pure.

After Nygard, "Release It!". A circuit is closed while calls succeed. So many failures in a row open it, and no calls
are made. When the open time is over it is half-open, and exactly one attempt, the probe, makes a call: its result
closes the circuit or opens it again.

A run that someone requested need not wait that long, for somebody wants to know whether the target works again: it is
a probe of the open circuit. However many are requested, such probes go one at a time, ``limits.CIRCUIT_PROBE_GAP_MS``
apart. An operator can close a circuit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import (
    CIRCUIT_PROBE_GAP_MS,
    CIRCUIT_RECHECK_MS,
    CIRCUIT_SPREAD_MS,
    MINUTE_MS,
    RETENTION_MS,
    TAKEOVER_GRACE_MS,
)

_LONGEST_LOOK_MS = MINUTE_MS
_SAYS_NOTHING = frozenset({Stop.CANCELLED, Stop.DRAINED, Stop.LEASE_LOST})
_CLIENT_ERRORS, _SERVER_ERRORS = range(400, 500), range(500, 600)
"""Classes of HTTP statuses (RFC 9110, 15)."""


class Sign(StrEnum):
    """What an attempt shows of the health of its target."""

    WORKS = "works"  # the call succeeded
    ANSWERS = "answers"  # it refused, as with any 4xx: the request is wrong, or there are too many
    FAILS = "fails"
    NOTHING = "nothing"  # no call was made, or it was told to end


def sign(answer: Answer | None, stop: Stop | None) -> Sign:
    """What an attempt shows of the health of its target.

    Args:
        answer: The adapter's answer; None if there is none.
        stop: Why the call was told to end, if it was.
    """
    if answer is None or (stop in _SAYS_NOTHING and answer.result is not Result.SUCCEEDED):
        return Sign.NOTHING
    if answer.result is Result.SUCCEEDED:
        return Sign.WORKS
    if stop is not None or answer.result is Result.TIMED_OUT or answer.status in _SERVER_ERRORS:
        return Sign.FAILS
    if answer.status in _CLIENT_ERRORS:
        return Sign.ANSWERS
    return Sign.FAILS if answer.retryable else Sign.NOTHING


@dataclass(frozen=True, slots=True)
class Tolerance:
    """When circuits open, and for how long.

    Args:
        failures: How many failures in a row open a circuit; 0: circuits never open.
        open_ms: How long it stays open (ms).
    """

    failures: int = 5
    open_ms: int = 10 * MINUTE_MS


class Phase(StrEnum):
    """The state of a circuit at some time."""

    CLOSED = "closed"  # calls are made
    OPEN = "open"  # no calls are made
    READY = "ready"  # the next attempt is the probe
    PROBED = "probed"  # the probe is under way


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit of one party that a tenant's jobs call.

    Args:
        tenant: The tenant whose jobs call it.
        key: ``<kind>:<party>``, as in ``http:example.com:443/orders``; see ``wire.targets.circuit_key``.
        failures: How many failures in a row were counted, also while it is open.
        open_until_ms: Until when no calls are made (ms); 0 while it is closed.
        probe: The claim that is the probe; empty if there is none.
        probe_until_ms: Until when the probe's lease lasts (ms).
        version: Raised by every write; 0 if there is no row yet.
        written_ms: When the row was last written (ms).
        since_ms: When the first of these failures was counted (ms).
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

    def phase(self, now_ms: int, *, requested: bool = False) -> Phase:
        """Its state at ``now_ms``.

        Args:
            now_ms: The time (ms).
            requested: Whether it is asked for by a run that someone requested, which may probe an open circuit.
        """
        if not self.open_until_ms:
            return Phase.CLOSED
        soon_ms = min(self.open_until_ms, self.written_ms + CIRCUIT_PROBE_GAP_MS)
        if now_ms < (soon_ms if requested else self.open_until_ms):
            return Phase.OPEN
        alive = self.probe and now_ms <= self.probe_until_ms + TAKEOVER_GRACE_MS
        return Phase.PROBED if alive else Phase.READY

    def probed(self, claim: str, until_ms: int, now_ms: int) -> Circuit:
        """The circuit with a probe, or with the probe's lease extended until ``until_ms``."""
        return self._written(now_ms, probe=claim, probe_until_ms=until_ms)

    def closed(self, now_ms: int) -> Circuit:
        """The circuit as an operator closes it.

        A probe under way stays in the row: its worker goes on to extend its lease here, and would end the call if it
        did not find it.
        """
        return self._written(now_ms, failures=0, open_until_ms=0)

    def after(self, seen: Sign, claim: str, tolerance: Tolerance, now_ms: int, worked_ms: int = 0) -> Circuit | None:
        """The circuit after an attempt; None if there is nothing to write.

        While it is not closed only the probe counts: other attempts that end then were started before it opened.

        Args:
            seen: What the attempt shows.
            claim: The attempt's claim.
            tolerance: When it opens.
            now_ms: The time (ms).
            worked_ms: When a call last succeeded, as far as the attempt's worker knows (ms). Successes are not stored;
                each worker remembers its own. One after the first failure ends the series of failures.
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
            case Sign.FAILS:  # a requested run that failed within the open time must not prolong it for the others
                again_ms = self.open_until_ms if now_ms < self.open_until_ms else now_ms + tolerance.open_ms
                return self._written(now_ms, open_until_ms=again_ms, probe="", probe_until_ms=0)
            case Sign.NOTHING:
                return self._written(now_ms, probe="", probe_until_ms=0)

    def _written(self, now_ms: int, **changes: Any) -> Circuit:
        return replace(self, version=self.version + 1, written_ms=now_ms, **changes)

    def come_back_ms(self, execution: str, now_ms: int, requested_ms: int | None = None) -> int:
        """When (ms) an execution is to try again that finds the circuit open or probed.

        The time is the same for all messages of an execution. Different executions are spread over a minute, so that
        the first of them is the probe, and a target that has just recovered is not called by all at once.

        Args:
            execution: Its id.
            now_ms: The time (ms).
            requested_ms: Since when it waits (ms), if it is a run that someone requested: it comes back soon, for it
                may be the next probe.
        """
        if requested_ms is not None or now_ms >= self.open_until_ms:
            since_ms = self.open_until_ms if requested_ms is None else requested_ms
            return recheck_ms(execution, since_ms, now_ms, _LONGEST_LOOK_MS)
        may_be_closed_ms = recheck_ms(execution, 0, now_ms, CIRCUIT_RECHECK_MS)
        return min(may_be_closed_ms, self.open_until_ms + stable_hash(execution) % CIRCUIT_SPREAD_MS)

    def expires_ms(self) -> int:
        """When the row may vanish (ms)."""
        return max(self.written_ms, self.open_until_ms) + RETENTION_MS
