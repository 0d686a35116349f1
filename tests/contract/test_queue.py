"""``ports.Queue``: what is sent is there to receive, as often as it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, ROUTE, TENANT, dispatch
from tidewheel.adapters.aws import clients
from tidewheel.adapters.memory import MemoryQueue, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.ids import DEFAULT_TENANT, ExecutionId, Origin
from tidewheel.domain.limits import HOUR_MS, MAX_SEND_DELAY_MS, MAX_WAIT_MS, MINUTE_MS, SECOND_MS
from tidewheel.ports import SEND_BATCH, PortError, Received, Refused
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


def test_messages_of_several_tenants_in_one_request(backend: Backend) -> None:
    """Each is of its tenant's message group, ``default`` too, as fair queues want it."""
    sent = [replace(dispatch(number), tenant=tenant) for number, tenant in enumerate((DEFAULT_TENANT, TENANT, "bert"))]
    assert list(backend.queue.send(ROUTE, sent)) == [True] * len(sent)
    assert sorted(received(backend).values(), key=lambda found: found.execution) == sent


def test_a_tenants_messages_are_received_side_by_side(backend: Backend) -> None:
    """A message group of a standard queue orders nothing: one that is not done yet holds up no other."""
    backend.queue.send(ROUTE, TEN)
    found: dict[str, Received] = {}
    for _ in range(30):
        found |= {one.body: one for one in backend.queue.receive(ROUTE, 1, MINUTE_MS)}
    assert len(found) == SEND_BATCH


def test_ten_in_one_request(backend: Backend) -> None:
    assert list(backend.queue.send(ROUTE, TEN)) == [True] * SEND_BATCH
    assert sorted(received(backend).values(), key=lambda found: found.execution) == TEN


def test_a_message_says_everything(backend: Backend) -> None:
    id = str(ExecutionId(dispatch().execution.partition("-")[0], NOW_MS, Origin.RUN, "0abc"))
    full = Dispatch(TENANT, id, 7, 12, NOW_MS + 345, recorded=True)
    backend.queue.send(ROUTE, [full])
    assert list(received(backend).values()) == [full]


def test_the_same_twice_is_there_twice(backend: Backend) -> None:
    """The worker finds duplicates, by the execution's record."""
    assert list(backend.queue.send(ROUTE, [dispatch(), dispatch()])) == [True, True]
    receipts = {receipt for _ in range(10) for receipt, _ in backend.receive(ROUTE)}
    assert len(receipts) >= 2


def test_a_delayed_message_is_hidden_and_its_neighbours_are_not(backend: Backend) -> None:
    dispatches = [dispatch(1), dispatch(2), dispatch(3)]
    assert list(backend.queue.send(ROUTE, dispatches, [0, 60, MAX_SEND_DELAY_MS // SECOND_MS])) == [True] * 3
    assert list(received(backend).values()) == [dispatch(1)]


def test_a_delay_ends() -> None:
    """Only on backends whose time can be moved: what SQS itself promises is not tested."""
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
def test_a_message_to_retry_later_is_hidden_and_its_neighbour_is_not(backend: Backend, delay_ms: int) -> None:
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    receipts = {load(body): receipt for _ in range(10) for receipt, body in backend.receive(ROUTE)}
    backend.queue.retry_later(ROUTE, receipts[dispatch(1)], delay_ms)
    seen = set(received(backend).values())
    assert dispatch(2) in seen
    assert delay_ms < MINUTE_MS or dispatch(1) not in seen  # a second and a half may pass while one looks


def test_a_message_to_retry_after_no_delay_is_there_at_once(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch()])
    ((receipt, _body),) = backend.receive(ROUTE)
    backend.queue.retry_later(ROUTE, receipt, MINUTE_MS)
    assert not received(backend)
    backend.queue.retry_later(ROUTE, receipt, 0)
    assert list(received(backend).values()) == [dispatch()]


def test_a_route_that_is_not_deployed(backend: Backend) -> None:
    with pytest.raises(Refused, match="moon-normal") as refused:
        backend.queue.send(NOWHERE, [dispatch()])
    assert refused.value.mendable
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.retry_later(NOWHERE, "receipt", MINUTE_MS)
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.waiting(NOWHERE)


def test_what_waits_is_counted_by_route_and_what_is_hidden_is_not(backend: Backend) -> None:
    assert backend.queue.waiting(ROUTE) == 0
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    assert backend.queue.waiting(ROUTE) == 2
    assert backend.queue.waiting(ROUTES[0]) == 0
    ((receipt, _body), *_) = backend.receive(ROUTE)
    backend.queue.retry_later(ROUTE, receipt, MINUTE_MS)
    assert backend.queue.waiting(ROUTE) == 1


# --- received ---------------------------------------------------------------------------------------------------


def taken(backend: Backend, limit: int = SEND_BATCH, hidden_ms: int = MINUTE_MS) -> list[Received]:
    """What a few looks take: one look of SQS may miss some."""
    found: list[Received] = []
    for _ in range(5):
        if len(found) < limit:
            found += backend.queue.receive(ROUTE, limit - len(found), hidden_ms)
    return found


def test_a_received_message_is_hidden_and_says_whence_and_how_often(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch()])
    (message,) = taken(backend)
    assert (load(message.body), message.route, message.times) == (dispatch(), ROUTE, 1)
    assert message.sent_ms is not None
    assert message.id
    assert not taken(backend)


def test_no_more_are_received_than_were_asked_for(backend: Backend) -> None:
    backend.queue.send(ROUTE, TEN)
    first = backend.queue.receive(ROUTE, 3, MINUTE_MS)
    assert 1 <= len(first) <= 3
    rest = taken(backend, SEND_BATCH - len(first))
    assert sorted((load(message.body) for message in (*first, *rest)), key=lambda found: found.execution) == TEN


def test_an_empty_queue_gives_nothing(backend: Backend) -> None:
    assert not backend.queue.receive(ROUTE, 10, MINUTE_MS)
    assert not backend.queue.receive(ROUTE, 10, MINUTE_MS, wait_ms=SECOND_MS)


def test_what_waits_is_received_by_one_who_would_wait(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch()])
    (message,) = backend.queue.receive(ROUTE, 10, MINUTE_MS, wait_ms=20 * SECOND_MS)
    assert load(message.body) == dispatch()


def test_what_is_hidden_for_nothing_is_there_for_the_next(backend: Backend) -> None:
    """Several in one request; it is the second time then."""
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    messages = taken(backend, 2)
    backend.queue.hide(ROUTE, [message.receipt for message in messages], 0)
    again = taken(backend, 2)
    assert {message.times for message in again} == {2}
    assert {message.body for message in again} == {message.body for message in messages}


def test_what_is_hidden_anew_stays_away(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2)])
    first, second = taken(backend, 2)
    backend.queue.hide(ROUTE, [first.receipt, second.receipt], MINUTE_MS)
    assert not taken(backend)


def test_deleted_messages_are_gone_and_their_neighbour_stays(backend: Backend) -> None:
    backend.queue.send(ROUTE, [dispatch(1), dispatch(2), dispatch(3)])
    *gone, kept = taken(backend, 3)
    backend.queue.delete(ROUTE, [message.receipt for message in gone])
    backend.queue.hide(ROUTE, [kept.receipt], 0)
    assert [message.body for message in taken(backend)] == [kept.body]


def test_what_is_gone_can_be_hidden_and_deleted_again(backend: Backend) -> None:
    """A double delivery, or a renewal that comes after the end: no failure."""
    backend.queue.send(ROUTE, [dispatch()])
    (message,) = taken(backend)
    backend.queue.delete(ROUTE, [message.receipt])
    backend.queue.delete(ROUTE, [message.receipt])
    backend.queue.hide(ROUTE, [message.receipt], MINUTE_MS)
    assert not taken(backend)


def test_a_route_that_is_not_deployed_gives_nothing_back(backend: Backend) -> None:
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.receive(NOWHERE, 1, MINUTE_MS)
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.hide(NOWHERE, ["receipt"], MINUTE_MS)
    with pytest.raises(PortError, match="moon-normal"):
        backend.queue.delete(NOWHERE, ["receipt"])


def test_a_clients_time_to_read_outlasts_the_longest_wait() -> None:
    """And no other client's does: their bound is what the wheel's margins rest on."""
    longest = clients.receiving().meta.config
    assert longest.read_timeout * SECOND_MS > MAX_WAIT_MS
    assert longest.retries["total_max_attempts"] == 1
    assert clients.sqs().meta.config.read_timeout == 3
