"""Which idle connections are kept, for how long, and who gets which."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from tidewheel.adapters.memory import SettableClock
from tidewheel.adapters.targets.web.connection import Connection
from tidewheel.adapters.targets.web.pool import Pool, Pools
from tidewheel.adapters.targets.web.url import Origin
from tidewheel.domain.limits import CA_BUNDLES, CONNECTIONS, KEEP_ALIVE_MS

HERE, THERE = Origin("http", "a.example", 80), Origin("http", "b.example", 80)


class Idle(Connection):
    """A connection whose server is a socket of the test's."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair()
        super().__init__(self.mine)

    @property
    def closed(self) -> bool:
        return self.mine.fileno() < 0

    def done(self) -> None:
        self.mine.close()
        self.theirs.close()


@pytest.fixture
def idle():
    made = [Idle() for _ in range(CONNECTIONS + 3)]
    yield iter(made)
    for one in made:
        one.done()


@pytest.fixture
def clock():
    return SettableClock(0)


@pytest.fixture
def pool(clock):
    return Pool(clock, ssl.create_default_context)


def test_the_one_that_was_given_back_last_is_taken_first(pool, idle):
    old, new, other = (next(idle) for _ in range(3))
    for origin, connection in ((HERE, old), (HERE, new), (THERE, other)):
        pool.give(origin, connection)
    assert [pool.take(HERE) for _ in range(3)] == [new, old, None]
    assert [pool.take(THERE) for _ in range(2)] == [other, None]


@pytest.mark.parametrize(
    "origin", [HERE._replace(scheme="https"), HERE._replace(port=81), HERE._replace(host="sub.a.example")]
)
def test_another_origins_connections_are_not_taken(pool, idle, origin):
    pool.give(HERE, next(idle))
    assert pool.take(origin) is None


def test_one_that_was_idle_too_long_is_closed(pool, idle, clock):
    old, new = next(idle), next(idle)
    pool.give(HERE, old)
    clock.advance(KEEP_ALIVE_MS)
    pool.give(HERE, new)
    assert (old.closed, new.closed) == (False, False)
    clock.advance(1)
    assert [pool.take(HERE), pool.take(HERE)] == [new, None]
    assert old.closed


def test_no_more_are_kept_than_there_may_be_and_the_oldest_go_first(pool, idle):
    made = list(idle)
    for number, connection in enumerate(made):
        pool.give(HERE if number % 2 else THERE, connection)
    assert [one.closed for one in made] == [True] * 3 + [False] * CONNECTIONS


@pytest.mark.parametrize("end", [lambda one: one.theirs.close(), lambda one: one.theirs.send(b"x")])
def test_one_that_its_server_has_closed_or_spoken_on_is_not_taken(pool, idle, end):
    good, spoiled = next(idle), next(idle)
    pool.give(HERE, good)
    pool.give(HERE, spoiled)
    end(spoiled)
    assert [pool.take(HERE), pool.take(HERE)] == [good, None]
    assert spoiled.closed


def test_a_closed_pool_keeps_none(pool, idle):
    before, after = next(idle), next(idle)
    pool.give(HERE, before)
    pool.close()
    pool.give(HERE, after)
    assert (before.closed, after.closed, pool.take(HERE)) == (True, True, None)


def test_no_two_take_the_same(pool, idle):
    made = [next(idle) for _ in range(10)]
    for connection in made:
        pool.give(HERE, connection)
    begin, taken = threading.Barrier(50), []

    def take():
        begin.wait(30)
        taken.append(pool.take(HERE))

    threads = [threading.Thread(target=take) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(id, filter(None, taken))) == sorted(map(id, made))


def test_a_connection_without_tls_needs_no_cas(clock):
    def never():
        raise AssertionError("nobody asked")

    assert Pool(clock, never).context(HERE) is None


def test_each_set_of_cas_has_its_own_and_the_least_used_are_closed(clock, idle):
    pools = Pools(clock)
    assert pools.under(None) is pools.under(None)
    bundles = [f"bundle {number}" for number in range(CA_BUNDLES + 1)]
    kept = [next(idle) for _ in bundles]
    for bundle, connection in zip(bundles[:-1], kept, strict=False):
        pools.under(bundle).give(HERE, connection)
    first = pools.under(bundles[0])
    pools.under(bundles[-1]).give(HERE, kept[-1])
    assert pools.under(bundles[0]) is first
    assert [one.closed for one in kept] == [False, True, *[False] * (CA_BUNDLES - 1)]
    pools.close()
    assert all(one.closed for one in kept)
