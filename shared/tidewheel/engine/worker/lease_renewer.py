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
from tidewheel.engine.worker.call_progress import OpenProgress
from tidewheel.ports import Clock, Executions, Logs, Lost, PortError, Queue, Received, Telemetry

TICK_MS = 250
"""How often the keeper looks at what it holds."""
HIDDEN_MS = LEASE_MS + TAKEOVER_GRACE_MS
"""For how long a message stays hidden while its execution is held: if its worker dies it shows again just when another
may take over."""


@dataclass(slots=True)
class Tenure:
    """One call that is under way.

    Args:
        record: The execution as it was stored last, as far as is known here.
        progress: The line to the call.
        message: What brought it, or None if no queue did.
        until_ms: When its time-out is over.
        heartbeat_ms: How long it may be silent; 0: for ever.
        renew_ms: When its lease is renewed next.
        parts: How many parts of its log are stored.
        renewals: What is drawn out before its lease is, and so ends no sooner: each is told until when (ms), and
            answers whether it is still the call's own.
    """

    record: Execution
    progress: OpenProgress
    message: Received | None
    until_ms: int
    heartbeat_ms: int
    renew_ms: int
    parts: int = 0
    renewing: bool = False
    renewals: list[Callable[[int], bool]] = field(default_factory=list)
    storing: threading.Lock = field(default_factory=threading.Lock)


class Keeper:
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
        self._tenures: dict[int, Tenure] = {}
        self._some = threading.Event()
        self._changing = threading.Lock()
        self._draining = False

    def hold(self, claim: Execution, job: Job, message: Received | None, timeout_ms: int) -> Tenure:
        """Begins to hold an execution whose call starts now."""
        now = self._clock.now_ms()
        progress = OpenProgress(self._clock, claim.checkpoint)
        heartbeat_ms = job.definition.heartbeat_ms
        tenure = Tenure(claim, progress, message, now + timeout_ms, heartbeat_ms, now + RENEW_MS)
        with self._changing:
            self._tenures[id(tenure)] = tenure
            self._some.set()
        if self._draining or now >= claim.lease_until_ms - STOP_MS:
            progress.stop(Stop.DRAINED)  # one that was suspended since its claim does not even begin, and hands over:
        self._judge(tenure, now)  # its message may be gone, dropped by whoever got it before the claim landed
        return tenure

    def release(self, tenure: Tenure) -> None:
        """Lets go: the call has returned. A renewal that is on its way finds its version gone, or is found."""
        with self._changing:  # or who begins to hold between the look and the clearing would not be watched
            self._tenures.pop(id(tenure), None)
            if not self._tenures:
                self._some.clear()

    def drain(self) -> None:
        """Tells every call to end so that another worker goes on, those that are yet to begin as well."""
        self._draining = True
        for tenure in list(self._tenures.values()):
            tenure.progress.stop(Stop.DRAINED)

    @property
    def held(self) -> int:
        """How many calls are under way."""
        return len(self._tenures)

    def watch(self) -> None:
        """Ticks while anything is held; for ever."""
        while True:
            self._some.wait()
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end every lease of this worker
                self._telemetry.alarm("the keeper met an unexpected fault", problem=str(error))
            self._clock.sleep(TICK_MS)

    def tick(self) -> None:
        """Looks at each call: whether it may go on, and whether its lease is to be renewed."""
        now = self._clock.now_ms()
        for tenure in list(self._tenures.values()):
            self._judge(tenure, now)
            if now >= tenure.renew_ms and not tenure.renewing:
                tenure.renewing = True
                self._executor.submit(self._renew, tenure)

    def _judge(self, tenure: Tenure, now: int) -> None:
        progress = tenure.progress
        if now >= tenure.record.lease_until_ms - STOP_MS:
            progress.stop(Stop.LOST)
        elif now >= tenure.until_ms:
            progress.stop(Stop.TIMED_OUT)
        elif tenure.heartbeat_ms and progress.silent_ms >= tenure.heartbeat_ms:
            progress.stop(Stop.SILENT)

    def _renew(self, tenure: Tenure) -> None:
        try:
            self._draw_out(tenure)
            self.store_log(tenure, last=False)
            self._hide(tenure)
        except Exception as error:  # noqa: BLE001 - nobody looks at what this thread raises
            self._telemetry.alarm("a renewal met an unexpected fault", execution=tenure.record.id, problem=str(error))
        finally:
            tenure.renewing = False

    def _draw_out(self, tenure: Tenure) -> None:
        record, now = tenure.record, self._clock.now_ms()
        tenure.renew_ms = now + SECOND_MS
        try:
            if not all(renew(now + LEASE_MS) for renew in tenure.renewals):
                tenure.progress.stop(Stop.LOST)
                return
            new = renewed(record, tenure.progress.restored, now)
            standing = self._executions.swap(new, record.version)
        except Lost:
            tenure.progress.stop(Stop.LOST)
            return
        except PortError as error:
            self._telemetry.count("renewal_failed")
            self._telemetry.note("a lease could not be renewed yet", execution=record.id, problem=str(error))
            return
        if standing is None:
            tenure.record, tenure.renew_ms = new, now + RENEW_MS
        elif is_held_by(standing, record):  # someone wrote a wish on it: it is renewed again, from there
            tenure.record, tenure.renew_ms = standing, now
        else:
            tenure.progress.stop(Stop.LOST)
        if tenure.record.cancel:
            tenure.progress.stop(Stop.CANCELLED)

    def _hide(self, tenure: Tenure) -> None:
        """Keeps the message from others; if that fails, they find the execution busy."""
        message = tenure.message
        if message is None or tenure.progress.stopping is Stop.LOST:
            return
        try:
            self._queue.hide(message.route, [message.receipt], HIDDEN_MS)
        except PortError as error:
            self._telemetry.note("a message may come back early", message_id=message.id, problem=str(error))

    def store_log(self, tenure: Tenure, *, last: bool) -> None:
        """Stores what the call has written since; a failure costs that part, and never the run."""
        with tenure.storing:
            data = tenure.progress.take_log(last=last)
            if not data:
                return
            record = tenure.record
            try:
                self._logs.append(record.tenant, record.id, record.attempt, tenure.parts, data)
            except PortError as error:
                self._telemetry.count("log_lost")
                self._telemetry.alarm("a part of a log is lost", execution=record.id, problem=str(error))
            tenure.parts += 1
