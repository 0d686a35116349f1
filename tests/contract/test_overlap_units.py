"""What overlap costs on AWS, each case a line of its own; a job that allows it pays as if there were no such thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest

from tests.support.billing import Bill
from tests.support.calls import a_keeper, an_admission
from tests.support.tables import drop_tables, make_tables
from tests.support.world import Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.adapters.memory import CountedEntropy, RecordingTelemetry, SettableClock
from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.expansion import Dispatch
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.overlap import Overlap
from tidewheel.engine.layouts import Layouts
from tidewheel.engine.run import Run
from tidewheel.ports import Call

Cost = tuple[float, float, float]
"""Write units of Executions and of Wheel, and read units of Executions."""

OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")


class Till:
    """A worker whose every message has its price."""

    def __init__(self, endpoint: str) -> None:
        dynamodb, sqs = (boto3.client(kind, endpoint_url=endpoint) for kind in ("dynamodb", "sqs"))
        self.cloud = Cloud(dynamodb, sqs, make_tables(dynamodb))
        self.backend = cloud_backend("ministack", self.cloud)
        self.clock = SettableClock(NOW_MS)
        self.bill = Bill()
        self.bill.watch(dynamodb)
        self.answer: Callable[[], Answer] = lambda: OK
        layouts = Layouts(self.backend.control, self.clock, 1)
        layouts.now()
        self.run = Run(
            self.backend.jobs,
            self.backend.executions,
            self.backend.wheel,
            {"http": self},
            self.clock,
            CountedEntropy(),
            RecordingTelemetry(),
            layouts,
            self.backend.locks,
            a_keeper(self.backend.executions, self.clock, RecordingTelemetry()),
            an_admission(self.backend.executions, self.clock, RecordingTelemetry()),
        )

    def call(self, _call: Call) -> Answer:
        return self.answer()

    def job(self, overlap: Overlap) -> None:
        self.made = a_job(overlap=overlap)
        assert self.backend.jobs.create(self.made, None, None)

    def pays(self, number: int, *, attempt: int = 1, recorded: bool = False) -> tuple[str, Cost]:
        """What becomes of a run's message, and for how much."""
        nominal = NOW_MS + number * MINUTE_MS
        id = str(ExecutionId(self.made.id, nominal))
        self.clock.sleep_until(nominal)
        before = self._spent()
        handled = self.run.handle(Dispatch(TENANT, id, attempt, 1, nominal, recorded=recorded))
        spent = self._spent()
        return handled.why, tuple(round(now - then, 1) for now, then in zip(spent, before, strict=True))  # type: ignore[return-value]

    def _spent(self) -> Cost:
        reads = sum(units for (table, _), units in self.bill.reads.items() if table == "executions")
        return self.bill.written("executions"), self.bill.written("wheel"), reads


@pytest.fixture
def till(ministack_endpoint: str) -> Iterator[Till]:
    made = Till(ministack_endpoint)
    yield made
    drop_tables(made.cloud.dynamodb, made.cloud.tables)


def during(till: Till, work: Callable[[], object], answer: Answer = OK) -> list[object]:
    """While the target is called for the first time, this is done."""
    seen: list[object] = []

    def called() -> Answer:
        till.answer = lambda: OK
        seen.append(work())
        return answer

    till.answer = called
    return seen


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("overlap", "cost"),
    [(Overlap.ALLOW, (2, 0, 0)), *((policy, (4, 0, 2)) for policy in Overlap if policy is not Overlap.ALLOW)],
)
def test_an_undisturbed_run(till: Till, overlap: Overlap, cost: Cost) -> None:
    """Claim and finish; and beside them the lock, read and taken, read and freed."""
    till.job(overlap)
    till.pays(0)
    assert till.pays(1) == ("succeeded", cost)


@pytest.mark.ministack
def test_a_run_that_is_skipped(till: Till) -> None:
    """Its record; the lock and two records are read."""
    till.job(Overlap.SKIP)
    seen = during(till, lambda: till.pays(1))
    till.pays(0)
    assert seen == [("skipped", (1, 0, 3))]


@pytest.mark.ministack
def test_a_run_that_waits(till: Till) -> None:
    """To wait costs its record, an entry and the lock; each look in vain an entry; to be called one more."""
    till.job(Overlap.QUEUE)
    till.answer = lambda: FAILED
    assert till.pays(0) == ("retrying", (3, 1, 1))
    assert till.pays(1) == ("queued", (2, 1, 3))
    assert till.pays(1, recorded=True) == ("queued", (0, 1, 3))
    till.answer = lambda: OK
    assert till.pays(0, attempt=2, recorded=True) == ("succeeded", (3, 1, 3))
    assert till.pays(1, recorded=True) == ("succeeded", (3, 0, 3))


@pytest.mark.ministack
def test_a_run_that_replaces(till: Till) -> None:
    """One that waits for its retry is ended at once; one that is called is called off, which writes to its record."""
    till.job(Overlap.REPLACE)
    till.answer = lambda: FAILED
    assert till.pays(0) == ("retrying", (3, 1, 2))
    till.answer = lambda: OK
    assert till.pays(1) == ("succeeded", (5, 0, 7))
    seen = during(till, lambda: till.pays(3))
    assert till.pays(2)[0] == "succeeded"
    assert seen == [("queued", (3, 1, 4))]
