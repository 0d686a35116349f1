"""The keeper: holds on to what a worker runs. It renews leases, stores logs, and ends the calls that are to end."""

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
"""How often the keeper looks at what it holds."""
HIDDEN_MS = LEASE_MS + TAKEOVER_GRACE_MS
"""For how long a message stays hidden while its execution is held: if its worker dies it shows again just when another
may take over."""


@dataclass(slots=True)
class HeldLease:
    """One call that is under way.

    Args:
        record: The execution as it was stored last, as far as is known here.
        progress: The line to the call.
        message: What brought it, or None if no queue did.
        until_ms: When its time-out is over.
        heartbeat_ms: How long it may be silent; 0: for ever.
        renew_ms: When its lease is renewed next.
        parts: How many parts of its log are stored.
        renewals: What is extended before its lease is, and so ends no sooner: each is told until when (ms), and
            answers whether it is still the call's own.
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


class LeaseRenewer:
    """One per process. ``watch`` runs on a thread of its own; in virtual time ``tick`` is called instead."""

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
        """Begins to hold an execution whose call starts now."""
        now = self._clock.now_ms()
        progress = OpenCallProgress(self._clock, claim.checkpoint)
        heartbeat_ms = job.definition.heartbeat_ms
        held = HeldLease(claim, progress, message, now + timeout_ms, heartbeat_ms, now + RENEW_MS)
        with self._changing:
            self._held_leases[id(held)] = held
            self._some.set()
        if self._draining or now >= claim.lease_until_ms - STOP_MS:
            progress.stop(Stop.DRAINED)  # one that was suspended since its claim does not even begin, and hands over:
        self._judge(held, now)  # its message may be gone, dropped by whoever got it before the claim landed
        return held

    def release(self, held: HeldLease) -> None:
        """Lets go: the call has returned. A renewal that is on its way finds its version gone, or is found."""
        with self._changing:  # or who begins to hold between the look and the clearing would not be watched
            self._held_leases.pop(id(held), None)
            if not self._held_leases:
                self._some.clear()

    def drain(self) -> None:
        """Tells every call to end so that another worker goes on, those that are yet to begin as well."""
        self._draining = True
        for held in list(self._held_leases.values()):
            held.progress.stop(Stop.DRAINED)

    @property
    def held(self) -> int:
        """How many calls are under way."""
        return len(self._held_leases)

    def watch(self) -> None:
        """Ticks while anything is held; for ever."""
        while True:
            self._some.wait()
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end every lease of this worker
                self._telemetry.error("unexpected error in the lease renewer", problem=str(error))
            self._clock.sleep(TICK_MS)

    def tick(self) -> None:
        """Looks at each call: whether it may go on, and whether its lease is to be renewed."""
        now = self._clock.now_ms()
        for held in list(self._held_leases.values()):
            self._judge(held, now)
            if now >= held.renew_ms and not held.renewing:
                held.renewing = True
                self._executor.submit(self._renew, held)

    def _judge(self, held: HeldLease, now: int) -> None:
        progress = held.progress
        if now >= held.record.lease_until_ms - STOP_MS:
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
        except Exception as error:  # noqa: BLE001 - nobody looks at what this thread raises
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
        elif is_held_by(standing, record):  # someone wrote a wish on it: it is renewed again, from there
            held.record, held.renew_ms = standing, now
        else:
            held.progress.stop(Stop.LEASE_LOST)
        if held.record.cancel:
            held.progress.stop(Stop.CANCELLED)

    def _hide(self, held: HeldLease) -> None:
        """Keeps the message from others; if that fails, they find the execution busy."""
        message = held.message
        if message is None or held.progress.stopping is Stop.LEASE_LOST:
            return
        try:
            self._queue.hide(message.route, [message.receipt], HIDDEN_MS)
        except PortError as error:
            self._telemetry.info("a message may come back early", message_id=message.id, problem=str(error))

    def store_log(self, held: HeldLease, *, last: bool) -> None:
        """Stores what the call has written since; a failure costs that part, and never the run."""
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
