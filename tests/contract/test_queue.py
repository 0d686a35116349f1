"""``ports.Queue``: what is sent is there to receive, as often as it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, ROUTE, TENANT, dispatch
from tidewheel.adapters.memory import MemoryQueue, SettableClock
from tidewheel.domain.expansion import Dispatch
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.limits import HOUR_MS, MAX_SEND_DELAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.route import ROUTES, Route
from tidewheel.ports import SEND_BATCH, PortError
from tidewheel.wire.message import load

NOWHERE = Route("moon", "normal")
TEN = [dispatch(number) for number in range(SEND_BATCH)]


def received(backend: Backend, route: Route = ROUTE) -> dict[str, Dispatch]:
    """What can be received: messages stay visible, so that a few looks see all."""
    found: dict[str, Dispatch] = {}
    for _ in range(10):
        for _receipt, body in backend.receive(route):
            found[body] = load(body)
    return found


def test_one_arrives(backend: Backend) -> None:
    assert list(backend.queue.send(ROUTE, [dispatch()])) == [True]
    assert list(received(backend).values()) == [dispatch()]


def test_ten_in_one_request(backend: Backend) -> None:
    assert list(backend.queue.send(ROUTE, TEN)) == [True] * SEND_BATCH
    assert sorted(received(backend).values(), key=lambda found: found.execution) == TEN


def test_a_message_says_everything(backend: Backend) -> None:
    id = str(ExecutionId(dispatch().execution.partition("-")[0], NOW_MS, Origin.RUN, "0abc"))
    full = Dispatch(TENANT, id, 7, 12, NOW_MS + 345, recorded=True)
    backend.queue.send(ROUTE, [full])
    assert list(received(backend).values()) == [full]


def test_the_same_twice_is_there_twice(backend: Backend) -> None:
    """Doubles are the worker's to find, by the execution's record."""
    assert list(backend.queue.send(ROUTE, [dispatch(), dispatch()])) == [True, True]
    receipts = {receipt for _ in range(10) for receipt, _ in backend.receive(ROUTE)}
    assert len(receipts) >= 2


def test_a_delayed_message_is_hidden_and_its_neighbours_are_not(backend: Backend) -> None:
    dispatches = [dispatch(1), dispatch(2), dispatch(3)]
    assert list(backend.queue.send(ROUTE, dispatches, [0, 60, MAX_SEND_DELAY_MS // SECOND_MS])) == [True] * 3
    assert list(received(backend).values()) == [dispatch(1)]


def test_a_delay_ends() -> None:
    """Where time can be moved; that SQS keeps its own promise is not ours to test."""
    clock = SettableClock(NOW_MS)
    queue = MemoryQueue(clock, visibility_ms=0)
    queue.send(ROUTE, [dispatch()], [60])
    clock.advance(59_999)
    assert not queue.take(ROUTE)
    clock.advance(1)
    assert [message.dispatch for message in queue.take(ROUTE)] == [dispatch()]


def test_each_has_its_delay_or_none_has(backend: Backend) -> None:
    with pytest.raises(ValueError, match="zip"):
        backend.queue.send(ROUTE, [dispatch(1), dispatch(2)], [5])


def test_tenants_share_a_queue(backend: Backend) -> None:
    both = [dispatch(), replace(dispatch(2), tenant="other")]
    assert list(backend.queue.send(ROUTE, both)) == [True, True]
    assert sorted(found.tenant for found in received(backend).values()) == [TENANT, "other"]


def test_routes_are_apart(backend: Backend) -> None:
    for number, route in enumerate(ROUTES):
        backend.queue.send(route, [dispatch(number)])
    for number, route in enumerate(ROUTES):
        assert list(received(backend, route).values()) == [dispatch(number)]


@pytest.mark.parametrize("delay_ms", [MINUTE_MS, 1_500, 12 * HOUR_MS, 30 * HOUR_MS])
def test_a_postponed_message_is_hidden_and_its_neighbour_is_not(backend: Backend, delay_ms: int) -> None:
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    receipts = {load(body): receipt for _ in range(10) for receipt, body in backend.receive(ROUTE)}
    backend.queue.postpone(ROUTE, receipts[dispatch(1)], delay_ms)
    seen = set(received(backend).values())
    assert dispatch(2) in seen
    assert delay_ms < MINUTE_MS or dispatch(1) not in seen  # a second and a half may pass while one looks


def test_a_message_postponed_by_nothing_is_there_at_once(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch()])
    ((receipt, _body),) = backend.receive(ROUTE)
    backend.queue.postpone(ROUTE, receipt, MINUTE_MS)
    assert not received(backend)
    backend.queue.postpone(ROUTE, receipt, 0)
    assert list(received(backend).values()) == [dispatch()]


def test_a_route_that_is_not_deployed(backend: Backend) -> None:
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.send(NOWHERE, [dispatch()])
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.postpone(NOWHERE, "receipt", MINUTE_MS)
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.waiting(NOWHERE)


def test_what_waits_is_counted_by_route_and_what_is_hidden_is_not(backend: Backend) -> None:
    assert backend.queue.waiting(ROUTE) == 0
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    assert backend.queue.waiting(ROUTE) == 2
    assert backend.queue.waiting(ROUTES[0]) == 0
    ((receipt, _body), *_) = backend.receive(ROUTE)
    backend.queue.postpone(ROUTE, receipt, MINUTE_MS)
    assert backend.queue.waiting(ROUTE) == 1
