"""A worker on a cloud whose every call is billed: what one message costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3

from tests.support.billing import Bill
from tests.support.calls import a_lease_renewer, an_admission
from tests.support.runners import a_runner
from tests.support.tables import drop_tables, make_tables
from tests.support.world import Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.adapters.memory import CountedEntropy, MemoryQueue, RecordingTelemetry, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.ids import ExecutionId
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.ports import Call

Cost = tuple[float, float, float]
"""Write units of Executions and of Wheel, and read units of Executions."""

OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")


class BilledWorker:
    """A worker, and what each message costs it.

    Args:
        cloud: Where everything is kept.
        apart_ms: The time (ms) between two of the job's runs.
    """

    limiter: ConcurrencyLimiter
    queue: MemoryQueue

    def __init__(self, cloud: Cloud, apart_ms: int) -> None:
        self.backend = cloud_backend("ministack", cloud)
        self.clock = SettableClock(NOW_MS)
        self.telemetry = RecordingTelemetry()
        self.bill = Bill()
        self.bill.watch(cloud.dynamodb)
        self.answer: Callable[[], Answer] = lambda: OK
        self.layouts = LayoutCache(self.backend.layouts, self.clock, 1)
        self.layouts.now()
        self._apart_ms = apart_ms
        self.starts(an_admission(self.clock, self.telemetry))

    def starts(self, admission: AdmissionControl) -> None:
        """Another worker process."""
        self.runner = a_runner(
            self.backend.jobs,
            self.backend.executions,
            self.backend.wheel,
            self.backend.queue,
            {"http": self},
            self.clock,
            CountedEntropy(),
            self.telemetry,
            self.layouts,
            self.backend.locks,
            a_lease_renewer(self.backend.executions, self.clock, self.telemetry),
            admission,
        )

    def call(self, _call: Call) -> Answer:
        return self.answer()

    def job(self, **fields: object) -> None:
        """Defines the job whose runs these are."""
        self.made = a_job(**fields)
        assert self.backend.jobs.create(self.made, None, None)

    def pays(self, number: int, *, attempt: int = 1, recorded: bool = False) -> tuple[str, Cost]:
        """Runs a message; the answer is why it was acknowledged or comes back, and what that cost."""
        nominal = NOW_MS + number * self._apart_ms
        id = str(ExecutionId(self.made.id, nominal))
        self.clock.sleep_until(nominal)
        return self.handles(Dispatch(TENANT, id, attempt, 1, nominal, recorded=recorded))

    def handles(self, dispatch: Dispatch) -> tuple[str, Cost]:
        """Runs a message as it is."""
        before = self._units()
        disposition = self.runner.handle(dispatch)
        after = self._units()
        return disposition.why, tuple(round(now - then, 1) for now, then in zip(after, before, strict=True))  # type: ignore[return-value]

    def _units(self) -> Cost:
        reads = sum(units for (table, _), units in self.bill.reads.items() if table == "executions")
        return self.bill.written("executions"), self.bill.written("wheel"), reads


@contextmanager
def billed_worker_at(endpoint: str, apart_ms: int) -> Iterator[BilledWorker]:
    """One on a local cloud, with tables of its own for so long."""
    dynamodb, sqs = (boto3.client(kind, endpoint_url=endpoint) for kind in ("dynamodb", "sqs"))
    tables = make_tables(dynamodb)
    try:
        yield BilledWorker(Cloud(dynamodb, sqs, tables), apart_ms)
    finally:
        drop_tables(dynamodb, tables)
