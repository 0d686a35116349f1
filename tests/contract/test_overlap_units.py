"""What overlap costs on AWS, each case a line of its own; a job that allows it pays as if there were no such thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.till import FAILED, OK, Cost, Till, till_at
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import MINUTE_MS


@pytest.fixture
def till(ministack_endpoint: str) -> Iterator[Till]:
    with till_at(ministack_endpoint, MINUTE_MS) as made:
        yield made


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
    till.job(overlap=overlap)
    till.pays(0)
    assert till.pays(1) == ("succeeded", cost)


@pytest.mark.ministack
def test_a_run_that_is_skipped(till: Till) -> None:
    """Its record; the lock and two records are read."""
    till.job(overlap=Overlap.SKIP)
    seen = during(till, lambda: till.pays(1))
    till.pays(0)
    assert seen == [("skipped", (1, 0, 3))]


@pytest.mark.ministack
def test_a_run_that_waits(till: Till) -> None:
    """To wait costs its record, an entry and the lock; each look in vain an entry; to be called one more."""
    till.job(overlap=Overlap.QUEUE)
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
    till.job(overlap=Overlap.REPLACE)
    till.answer = lambda: FAILED
    assert till.pays(0) == ("retrying", (3, 1, 2))
    till.answer = lambda: OK
    assert till.pays(1) == ("succeeded", (5, 0, 7))
    seen = during(till, lambda: till.pays(3))
    assert till.pays(2)[0] == "succeeded"
    assert seen == [("queued", (3, 1, 4))]
