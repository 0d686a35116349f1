"""Renews the leases of a worker's calls, stores their logs, and stops those whose time or lease is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from tidewheel.domain.executions.claiming import is_held_by
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.executions.transitions import renewed
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import LEASE_MS, RENEW_MS, SECOND_MS, STOP_MS, TAKEOVER_GRACE_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Clock, Executions, Fenced, Logs, PortError, Queue, Received, Telemetry

TICK_MS = 250
"""How often the held leases are checked."""
HIDDEN_MS = LEASE_MS + TAKEOVER_GRACE_MS
"""For how long a message is hidden with each renewal: if its worker dies, it is visible again when another worker may
take its execution over."""


@dataclass(slots=True)
class HeldLease:
    """A running call and its lease. Instants are ms since the epoch.

    Args:
        record: The record of the execution as this worker wrote or read it last.
        progress: The progress of the call.
        message: The message of the execution; None without a queue.
        until_ms: The end of the attempt's time-out.
        heartbeat_ms: How long (ms) the call may be silent; 0 for any time.
        renew_ms: When the lease is renewed next.
        parts: How many parts of the log are stored.
        renewing: Whether a renewal is running.
        renewals: What is extended before the lease, and so ends no sooner, such as the permit. Each gets the end
            of the lease and returns False if it is not held any more.
        storing: Held while a part of the log is stored, so that parts stay in order.
    """

    record: Execution
    progress: OpenCallProgress
    message: Received | None
    until_ms: int
    heartbeat_ms: int
    renew_ms: int
    parts: int = 0
    renewing: bool = False
    renewals: list[Callable[[int], bool]] = field(default_factory=list)
    storing: threading.Lock = field(default_factory=threading.Lock)

    def is_over(self, now_ms: int) -> bool:
        """Whether the lease is over, or so nearly that what is told to stop may stop after its end."""
        return now_ms >= self.record.lease_until_ms - STOP_MS


class LeaseRenewer:
    """One per process. ``watch`` runs on a thread of its own; tests with virtual time call ``tick`` instead.

    Args:
        executions: The records.
        queue: Where messages are hidden.
        logs: Where logs are stored.
        clock: Reads the time and waits.
        telemetry: Counts and logs.
        executor: Runs the renewals, so that a slow store delays no other call.
    """

    def __init__(
        self,
        executions: Executions,
        queue: Queue,
        logs: Logs,
        clock: Clock,
        telemetry: Telemetry,
        executor: Executor,
    ) -> None:
        self._executions = executions
        self._queue = queue
        self._logs = logs
        self._clock = clock
        self._telemetry = telemetry
        self._executor = executor
        self._held_leases: dict[int, HeldLease] = {}
        self._some = threading.Event()
        self._changing = threading.Lock()
        self._draining = False

    def hold(self, claim: Execution, job: Job, message: Received | None, timeout_ms: int) -> HeldLease:
        """Starts to renew the lease of an execution whose call starts now; its time-out is ``timeout_ms``."""
        now = self._clock.now_ms()
        progress = OpenCallProgress(self._clock, claim.checkpoint)
        heartbeat_ms = job.definition.heartbeat_ms
        renew_ms = min(now, claim.lease_until_ms - LEASE_MS) + RENEW_MS  # its permit's lease may have begun long ago
        held = HeldLease(claim, progress, message, now + timeout_ms, heartbeat_ms, renew_ms)
        with self._changing:
            self._held_leases[id(held)] = held
            self._some.set()
        if self._draining or held.is_over(now):
            # Suspended since its claim: it hands over, since its message may be deleted already, by a worker that
            # received it before the claim was stored.
            progress.stop(Stop.DRAINED)
        self._check(held, now)
        return held

    def release(self, held: HeldLease) -> None:
        """Stops renewing, since the call has returned. A renewal under way competes with the finish by its version."""
        with self._changing:  # else a lease that is held between the check and ``clear`` would not be watched
            self._held_leases.pop(id(held), None)
            if not self._held_leases:
                self._some.clear()

    def drain(self) -> None:
        """Stops every call, and each one that starts later, so that another worker continues them."""
        self._draining = True
        for held in list(self._held_leases.values()):
            held.progress.stop(Stop.DRAINED)

    @property
    def held(self) -> int:
        """How many calls are running."""
        return len(self._held_leases)

    def watch(self) -> None:
        """Calls ``tick`` every ``TICK_MS`` while a lease is held. Never returns."""
        while True:
            self._some.wait()
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end every lease of this worker
                self._telemetry.error("unexpected error in the lease renewer", problem=str(error))
            self._clock.sleep(TICK_MS)

    def tick(self) -> None:
        """Stops calls whose time or lease is over, and starts the renewals that are due."""
        now = self._clock.now_ms()
        for held in list(self._held_leases.values()):
            self._check(held, now)
            if now >= held.renew_ms and not held.renewing:
                held.renewing = True
                self._executor.submit(self._renew, held)

    def _check(self, held: HeldLease, now: int) -> None:
        progress = held.progress
        if held.is_over(now):
            progress.stop(Stop.LEASE_LOST)
        elif now >= held.until_ms:
            progress.stop(Stop.TIMED_OUT)
        elif held.heartbeat_ms and progress.silent_ms >= held.heartbeat_ms:
            progress.stop(Stop.SILENT)

    def _renew(self, held: HeldLease) -> None:
        try:
            self._extend(held)
            self.store_log(held, last=False)
            self._hide(held)
        except Exception as error:  # noqa: BLE001 - nobody reads the future
            self._telemetry.error(
                "unexpected error while renewing a lease", execution=held.record.id, problem=str(error)
            )
        finally:
            held.renewing = False

    def _extend(self, held: HeldLease) -> None:
        record, now = held.record, self._clock.now_ms()
        held.renew_ms = now + SECOND_MS
        try:
            if not all(renew(now + LEASE_MS) for renew in held.renewals):
                held.progress.stop(Stop.LEASE_LOST)
                return
            new = renewed(record, held.progress.restored, now)
            standing = self._executions.swap(new, record.version)
        except Fenced:
            held.progress.stop(Stop.LEASE_LOST)
            return
        except PortError as error:
            self._telemetry.count("lease_renewal_failed")
            self._telemetry.info("a lease could not be renewed yet", execution=record.id, problem=str(error))
            return
        if standing is None:
            held.record, held.renew_ms = new, now + RENEW_MS
        elif is_held_by(standing, record):  # a cancel was requested meanwhile: renewed again over that version
            held.record, held.renew_ms = standing, now
        else:
            held.progress.stop(Stop.LEASE_LOST)
        if held.record.cancel:
            held.progress.stop(Stop.CANCELLED)

    def _hide(self, held: HeldLease) -> None:
        """Hides the message again; if the queue fails, a worker that receives it finds the execution busy."""
        message = held.message
        if message is None or held.progress.stopping is Stop.LEASE_LOST:
            return
        try:
            self._queue.hide(message.route, [message.receipt], HIDDEN_MS)
        except PortError as error:
            self._telemetry.info("a message may come back early", message_id=message.id, problem=str(error))

    def store_log(self, held: HeldLease, *, last: bool) -> None:
        """Stores what the call has logged since the last part. If the store fails, that part is lost and counted."""
        with held.storing:
            data = held.progress.take_log(last=last)
            if not data:
                return
            record = held.record
            try:
                self._logs.append(record.tenant, record.id, record.attempt, held.parts, data)
            except PortError as error:
                self._telemetry.count("log_lost")
                self._telemetry.error("a part of a log is lost", execution=record.id, problem=str(error))
            held.parts += 1
