"""What overlap policies cost on AWS; a job that allows overlap pays nothing for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.billed_worker import FAILED, OK, BilledWorker, Cost, billed_worker_at
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import MINUTE_MS


@pytest.fixture
def billing(ministack_endpoint: str) -> Iterator[BilledWorker]:
    with billed_worker_at(ministack_endpoint, MINUTE_MS) as made:
        yield made


def during(billing: BilledWorker, work: Callable[[], object], answer: Answer = OK) -> list[object]:
    """While the target is called for the first time, this is done."""
    seen: list[object] = []

    def called() -> Answer:
        billing.answer = lambda: OK
        seen.append(work())
        return answer

    billing.answer = called
    return seen


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("overlap", "cost"),
    [(Overlap.ALLOW, (2, 0, 0)), *((policy, (4, 0, 2)) for policy in Overlap if policy is not Overlap.ALLOW)],
)
def test_an_undisturbed_run(billing: BilledWorker, overlap: Overlap, cost: Cost) -> None:
    """Claim and finish, and the lock: read and taken, read and freed."""
    billing.job(overlap=overlap)
    billing.pays(0)
    assert billing.pays(1) == ("succeeded", cost)


@pytest.mark.ministack
def test_a_run_that_is_skipped(billing: BilledWorker) -> None:
    """It writes its record, and reads the lock and two records."""
    billing.job(overlap=Overlap.SKIP)
    seen = during(billing, lambda: billing.pays(1))
    billing.pays(0)
    assert seen == [("skipped", (1, 0, 3))]


@pytest.mark.ministack
def test_a_run_that_waits(billing: BilledWorker) -> None:
    """To wait costs its record, its place among what waits, an entry and the lock; each further wait an entry; the
    transfer one write more. Whoever stops waiting, pays for the place once more."""
    billing.job(overlap=Overlap.QUEUE)
    billing.answer = lambda: FAILED
    assert billing.pays(0) == ("retrying", (4, 1, 1))
    assert billing.pays(1) == ("queued", (3, 1, 3))
    assert billing.pays(1, recorded=True) == ("queued", (0, 1, 3))
    billing.answer = lambda: OK
    assert billing.pays(0, attempt=2, recorded=True) == ("succeeded", (4, 1, 3))
    assert billing.pays(1, recorded=True) == ("succeeded", (4, 0, 3))


@pytest.mark.ministack
def test_a_run_that_replaces(billing: BilledWorker) -> None:
    """One that waits for its retry is ended at once; one that is called is asked to end, which writes to its record."""
    billing.job(overlap=Overlap.REPLACE)
    billing.answer = lambda: FAILED
    assert billing.pays(0) == ("retrying", (4, 1, 2))
    billing.answer = lambda: OK
    assert billing.pays(1) == ("succeeded", (6, 0, 6))
    seen = during(billing, lambda: billing.pays(3))
    assert billing.pays(2)[0] == "succeeded"
    assert seen == [("queued", (4, 1, 4))]
