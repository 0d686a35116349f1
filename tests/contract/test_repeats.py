"""Requests that reach the service twice, as when an answer is lost and the SDK sends the same bytes again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from moto.core.botocore_stubber import BotocoreStubber

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, asked, execution, minute, schedule_entry
from tidewheel.adapters.aws.transport.sender import Sender
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.lease import Holding, Lease
from tidewheel.domain.jobs.job import Generation, JobState
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import Level, late
from tidewheel.domain.wheel.span import SINGLES

pytestmark = pytest.mark.needs("requests")
JOB = a_job()
_SENDERS: dict[str, tuple[type[Any], str]] = {
    "moto": (BotocoreStubber, "process_request"),
    "ministack": (Sender, "send"),
}
"""What takes a request and gives its answer, by backend."""


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def lost_answers(backend: Backend) -> Iterator[list[str]]:
    """Every request is sent twice, and the first answer never seen; gives the operations."""
    assert backend.cloud is not None
    place, name = _SENDERS[backend.name]
    send, sent = getattr(place, name), []

    def twice(sender: Any, request: Any, *more: Any) -> Any:
        sent.append(_text(request.headers["x-amz-target"]).rpartition(".")[2])
        send(sender, request, *more)
        return send(sender, request, *more)

    with patch.object(place, name, twice):
        yield sent


def repeated(backend: Backend, work: Callable[[], Any]) -> Any:
    with lost_answers(backend) as sent:
        answer = work()
    assert sent
    assert len(sent) == len(set(sent))  # nothing is sent a third time
    return answer


@pytest.mark.needs("tokens")
def test_a_transaction_is_applied_once_and_succeeds(backend: Backend) -> None:
    entry, queued = asked(JOB)
    assert repeated(backend, lambda: backend.jobs.create(JOB, entry, queued)) is True
    new = JOB.edited(JOB.definition, JobState.PAUSED, NOW_MS + 1)
    assert repeated(backend, lambda: backend.jobs.replace(new, JOB, None)) is True
    again = asked(JOB, NOW_MS + 1)
    assert repeated(backend, lambda: backend.jobs.enqueue(*again, "key")) is None
    last = Generation.of(new.edited(new.definition, JobState.DELETED, NOW_MS + 2))
    assert repeated(backend, lambda: backend.jobs.delete(new, 2, last)) is True
    assert list(backend.jobs.generations(TENANT, JOB.id, 1)) == [1, 2, 3]
    assert len(backend.wheel.load(late(0)).singles) == 2


def test_a_swap_succeeds(backend: Backend) -> None:
    first = execution(JOB)
    second = replace(first, version=2, state=State.RUNNING, attempt=1, holder="me")
    assert repeated(backend, lambda: backend.executions.swap(first, None)) is None
    assert repeated(backend, lambda: backend.executions.swap(second, 1)) is None
    assert backend.executions.get(TENANT, first.id) == second


def test_a_lock_is_taken_once(backend: Backend) -> None:
    taken = Lock(TENANT, JOB.id).given(execution(JOB).id, NOW_MS)
    assert repeated(backend, lambda: backend.locks.swap(taken)) is None
    assert repeated(backend, lambda: backend.locks.swap(taken.given("", NOW_MS))) is None
    assert backend.locks.get(TENANT, JOB.id) == taken.given("", NOW_MS)


def test_the_wheel_keeps_one_of_each(backend: Backend) -> None:
    repeated(backend, lambda: backend.wheel.put(Placed(minute(), schedule_entry(JOB))))
    repeated(backend, lambda: backend.wheel.put_pack(minute(), "p#1", [schedule_entry(a_job(2))]))
    load = backend.wheel.load(minute())
    assert (len(load.singles), len(load.packed)) == (1, 1)
    repeated(backend, lambda: backend.wheel.remove(minute(), list(load.singles)))
    assert not backend.wheel.load(minute(), SINGLES).singles


def test_a_lease_is_taken_once(backend: Backend) -> None:
    lease = repeated(backend, lambda: backend.leases.take(None, "one", "v1"))
    assert lease == Lease("one", 1, 0, "v1")
    assert repeated(backend, lambda: backend.leases.announce(lease, "v2")) is True
    assert repeated(backend, lambda: backend.leases.renew(lease)).epoch == 1
    repeated(backend, lambda: backend.leases.release(lease))
    seen = backend.leases.lease()
    assert repeated(backend, lambda: backend.leases.take(seen, "two", "v1")) == Lease("two", 2, 0, "v1")


def test_cursors_move_once(backend: Backend) -> None:
    assert repeated(backend, lambda: backend.ownership.claim(3, None, 0, 1)) == Holding(1, 0, 1)
    repeated(backend, lambda: backend.ownership.advance(3, 1, {Level.MINUTES: NOW_MS}))
    repeated(backend, lambda: backend.ownership.vacate(3, 1))
    vacant = Holding(1, None, 1, {Level.MINUTES: NOW_MS})
    assert backend.ownership.holding(3) == vacant
    claimed = repeated(backend, lambda: backend.ownership.claim(3, vacant, 1, 4))
    assert claimed == Holding(2, 1, 4, {Level.MINUTES: NOW_MS})
