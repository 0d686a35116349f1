"""What one run costs on AWS, full history included: the design's figures, counted on an emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest

from tests.support.billing import Bill
from tests.support.billing_bench import Bench, minutely
from tests.support.tables import drop_queues, drop_tables, make_queues, make_tables
from tests.support.world import Cloud, cloud_backend, memory
from tests.support.world_examples import NOW_MS, a_job
from tidewheel.adapters.memory import MemoryQueue, SettableClock
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import LAYOUT_FRESH_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.every import Every

BASE = "control"
"""The table of heartbeats and cursors: a load of its own, the same with or without jobs."""

HALF_MS = MINUTE_MS // 2
RECEIVE_AND_DELETE = 2 / 10
"""SQS requests of Lambda's poller for each message, where its batches of ten are full."""


@pytest.fixture
def bill() -> Bill:
    return Bill()


@pytest.fixture
def bench(ministack_endpoint: str, bill: Bill) -> Iterator[Bench]:
    dynamodb, sqs = (boto3.client(kind, endpoint_url=ministack_endpoint) for kind in ("dynamodb", "sqs"))
    cloud = Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs))
    bill.watch(dynamodb)
    bill.watch(sqs)
    yield Bench(cloud_backend("ministack", cloud), bill, NOW_MS - 5 * SECOND_MS)
    drop_tables(dynamodb, cloud.tables)
    drop_queues(sqs, cloud.urls)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str, Bench], None]:
    """Shows the account (with ``-s``), and leaves it in the test's record."""

    def show(title: str, bench: Bench) -> None:
        text = "\n".join([f"\n{title}: {bench.fires} fires", *bench.account.lines(bench.fires)])
        print(text)  # noqa: T201
        record_property(title, text)

    return show


def turned(bench: Bench, jobs: int, minutes: int) -> None:
    """Every-minute jobs, from the middle of one minute to the middle of another: whole periods in steady state."""
    bench.create(minutely(jobs))
    begin = NOW_MS + 2 * MINUTE_MS + HALF_MS
    bench.turn(begin, begin + minutes * MINUTE_MS)
    assert bench.fires == jobs * minutes


def written(bench: Bench) -> float:
    """Write units of a fire, the base load apart."""
    return bench.account.written("wheel", "executions", "jobs") / bench.fires


def read(bench: Bench) -> float:
    """Read units of a fire: the base load's reads of empty slots are not counted."""
    return sum(units for (table, _), units in bench.account.found.items() if table != BASE) / bench.fires


@pytest.mark.ministack
def test_a_lone_job(bench: Bench, report: Callable[[str, Bench], None]) -> None:
    """Arm, claim, finish: three write units."""
    turned(bench, jobs=1, minutes=5)
    report("a lone job, every minute", bench)
    assert written(bench) <= 3.0
    assert read(bench) <= 1.5
    assert bench.account.writes["executions", "PutItem"] / bench.fires == 2.0
    assert bench.account.writes["wheel", "PutItem"] / bench.fires == 1.0
    assert bench.account.written("jobs") == 0


@pytest.mark.ministack
def test_a_hundred_jobs_in_a_slot(bench: Bench, report: Callable[[str, Bench], None]) -> None:
    """A pack of a dozen entries costs as much as one entry."""
    turned(bench, jobs=100, minutes=2)
    report("a hundred jobs in a slot, every minute", bench)
    assert written(bench) <= 2.3
    assert read(bench) <= 1.5
    assert bench.account.writes["executions", "PutItem"] / bench.fires == 2.0


@pytest.mark.ministack
def test_the_base_load_is_the_same_with_and_without_jobs(bench: Bench, report: Callable[[str, Bench], None]) -> None:
    """A heartbeat a second, the cursors once a minute: writes to Control alone; of reads that find anything, the layout
    when it may be old."""
    begin = NOW_MS + 2 * MINUTE_MS + HALF_MS
    account = bench.turn(begin, begin + 2 * MINUTE_MS)
    bench.fires = 1
    report("base load of one shard in two minutes", bench)
    assert account.written("wheel", "executions", "jobs") == 0
    assert account.written(BASE) <= 2 * 62
    found = {call: units for call, units in account.found.items() if units}
    assert found.keys() == {("control", "GetItem")}
    assert sum(found.values()) <= 2 * MINUTE_MS / LAYOUT_FRESH_MS


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("spread_ms", [0, 10], ids=["at once", "spread"])
def test_requests_at_a_hundred_fires_a_second(precision: Precision, spread_ms: int) -> None:
    """Each tier waits just long enough to fill its batches."""
    with memory() as backend:
        queue = MemoryQueue(SettableClock(NOW_MS))
        bench = Bench(backend, Bill(), NOW_MS - 5 * SECOND_MS, queue)
        timings = [Schedule(Every(SECOND_MS, NOW_MS + 30 * SECOND_MS + n * spread_ms)) for n in range(100)]
        bench.create([a_job(n, schedule=timing, precision=precision) for n, timing in enumerate(timings)])
        begin = NOW_MS + 2 * MINUTE_MS + HALF_MS
        marks: list[int] = []
        bench.at_window = lambda: marks.append(queue.requests)
        bench.turn(begin, begin + 20 * SECOND_MS)
    sent = (marks[1] - marks[0]) / bench.fires
    assert bench.fires == 2_000
    assert sent <= 0.1
    assert sent + RECEIVE_AND_DELETE <= 0.4
