"""What circuits and caps cost on AWS, each case a line of its own; without a cap nothing is paid for caps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest

from tests.support.billing import Bill
from tests.support.calls import a_keeper
from tests.support.tables import drop_tables, make_tables
from tests.support.world import Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.adapters.memory import CountedEntropy, RecordingTelemetry, SettableClock
from tidewheel.domain.circuit import Tolerance
from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.expansion import Dispatch
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.place import Place
from tidewheel.domain.retry import RetryPolicy
from tidewheel.engine.admission import Admission
from tidewheel.engine.breaker import Breaker
from tidewheel.engine.caps import Caps
from tidewheel.engine.layouts import Layouts
from tidewheel.engine.run import Run
from tidewheel.engine.shelf import Shelf
from tidewheel.ports import Call

Cost = tuple[float, float, float]
"""Write units of Executions and of Wheel, and read units of Executions."""

OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")
PLAIN = (2, 0, 0)
"""Claim and finish."""


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
        self.layouts = Layouts(self.backend.control, self.clock, 1)
        self.layouts.now()
        self.made = a_job(retry=RetryPolicy(max_attempts=1))
        assert self.backend.jobs.create(self.made, None, None)
        self.starts()

    def starts(self, cap: int | None = None) -> None:
        """Another worker process."""
        backend, telemetry = self.backend, RecordingTelemetry()
        admission = Admission(
            backend.executions,
            Breaker(backend.circuits, self.clock, telemetry, Tolerance(failures=2)),
            Caps(backend.places, self.clock, telemetry, {} if cap is None else {TENANT: cap}),
            self.clock,
            telemetry,
            Shelf(backend.wheel, self.layouts).put,
        )
        self.run = Run(
            backend.jobs,
            backend.executions,
            backend.wheel,
            {"http": self},
            self.clock,
            CountedEntropy(),
            telemetry,
            self.layouts,
            backend.locks,
            a_keeper(backend.executions, self.clock, telemetry),
            admission,
        )

    def call(self, _call: Call) -> Answer:
        return self.answer()

    def pays(self, number: int, *, recorded: bool = False) -> tuple[str, Cost]:
        """What becomes of a run's message, and for how much; runs are a second apart."""
        nominal = NOW_MS + number * SECOND_MS
        self.clock.sleep_until(nominal)
        before = self._spent()
        id = str(ExecutionId(self.made.id, nominal))
        handled = self.run.handle(Dispatch(TENANT, id, 1, 1, nominal, recorded=recorded))
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


@pytest.mark.ministack
def test_a_target_that_works(till: Till) -> None:
    """Half a read unit in five seconds, and never a write."""
    assert [till.pays(number)[1] for number in range(7)] == [
        (2, 0, 0.5),
        PLAIN,
        PLAIN,
        PLAIN,
        PLAIN,
        (2, 0, 0.5),
        PLAIN,
    ]


@pytest.mark.ministack
def test_a_target_that_fails(till: Till) -> None:
    """A write for each failure (and one for the list of dead letters), and for the success that undoes them."""
    till.answer = lambda: FAILED
    assert till.pays(0) == ("dead", (4, 0, 0.5))
    till.answer = lambda: OK
    assert till.pays(1) == ("succeeded", (3, 0, 0))
    assert till.pays(2) == ("succeeded", PLAIN)


@pytest.mark.ministack
def test_what_waits_for_a_circuit(till: Till) -> None:
    """Its record and an entry, whose deletion costs a unit later; what comes back in vain an entry alone."""
    till.answer = lambda: FAILED
    assert [till.pays(number)[1] for number in range(2)] == [(4, 0, 0.5), (4, 0, 0)]
    assert till.pays(2) == ("waiting", (1, 1, 0))
    assert till.pays(2, recorded=True) == ("waiting", (0, 1, 1))
    till.clock.advance(10 * MINUTE_MS)
    till.answer = lambda: OK
    assert till.pays(2, recorded=True) == ("succeeded", (4, 0, 1.5))  # probe sent, and closed
    assert till.pays(3) == ("succeeded", PLAIN)


@pytest.mark.ministack
def test_a_run_under_a_cap(till: Till) -> None:
    """Its place, taken and left. The first that a process takes is looked for, all of the tenant's in one query."""
    till.starts(cap=50)
    assert till.pays(0) == ("succeeded", (4, 0, 1))  # half a unit for the circuit, and half for the places
    assert [till.pays(number) for number in range(1, 4)] == [("succeeded", (4, 0, 0))] * 3


@pytest.mark.ministack
@pytest.mark.parametrize(("cap", "looked"), [(5, 0.5), (50, 0.5), (1_000, 12)])
def test_a_run_that_waits_for_a_place(till: Till, cap: int, looked: float) -> None:
    """Its record and an entry, and the query; within the second nobody looks again."""
    rows = [Place(TENANT, number, f"{till.made.id}-000000000-s#00000000", NOW_MS + MINUTE_MS) for number in range(cap)]
    for row in rows:
        assert till.backend.places.take(row, NOW_MS)
    till.starts(cap=cap)
    why, (writes, entries, reads) = till.pays(0)
    assert (why, writes, entries) == ("waiting", 1, 1)
    assert 0.5 + 0.5 <= reads <= 0.5 + looked
    assert till.pays(0, recorded=True) == ("waiting", (0, 1, 1))
