"""``ports.Counters``: leases of a window's tokens, by many at once, with lost answers and a store that is too busy."""

from __future__ import annotations

import threading

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.limits import DAY_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit, window_at
from tidewheel.domain.quotas.tokens import Taken
from tidewheel.engine.common.token_leaser import TokenLeaser

DAY = Limit.EXECUTIONS_PER_DAY
TODAY, TOMORROW = window_at(DAY, NOW_MS), window_at(DAY, NOW_MS + DAY_MS)


def test_a_counter_that_nobody_wrote(backend: Backend) -> None:
    assert backend.counters.used(TENANT, [TODAY, TOMORROW]) == {TODAY: 0, TOMORROW: 0}
    assert backend.counters.used(TENANT, []) == {}


def test_tokens_are_leased_until_none_is_left(backend: Backend) -> None:
    answers = [backend.counters.take(TENANT, TODAY, amount, 10) for amount in (4, 4, 4, 4)]
    assert answers == [Taken(4, 4), Taken(4, 8), Taken(2, 10), Taken(0, 10)]
    assert backend.counters.used(TENANT, [TODAY]) == {TODAY: 10}


def test_windows_limits_and_tenants_are_counted_apart(backend: Backend) -> None:
    minute = window_at(Limit.EXECUTIONS_PER_MINUTE, TODAY.from_ms)
    for tenant, window in ((TENANT, TODAY), (TENANT, TOMORROW), (TENANT, minute), (f"{TENANT}2", TODAY)):
        assert backend.counters.take(tenant, window, 1, 1) == Taken(1, 1)


def test_a_limit_of_nothing_lets_nothing_pass(backend: Backend) -> None:
    assert backend.counters.take(TENANT, TODAY, 5, 0) == Taken(0, 0)


def test_a_limit_that_was_lowered_below_what_is_used(backend: Backend) -> None:
    backend.counters.take(TENANT, TODAY, 8, 10)
    assert backend.counters.take(TENANT, TODAY, 1, 5) == Taken(0, 8)
    assert backend.counters.take(TENANT, TODAY, 7, 5) == Taken(0, 8)
    assert backend.counters.take(TENANT, TODAY, 7, 9) == Taken(1, 9)


def test_of_many_writers_no_two_get_the_same_token(backend: Backend) -> None:
    granted: list[int] = []

    def take() -> None:
        for _ in range(10):
            granted.append(backend.counters.take(TENANT, TODAY, 3, 50).granted)  # noqa: PERF401 - threads share it

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 50
    assert backend.counters.used(TENANT, [TODAY]) == {TODAY: 50}


@pytest.mark.parametrize("limit", [3, 40])
def test_processes_over_one_counter_pass_the_limit_and_no_more(backend: Backend, limit: int) -> None:
    leasers = [TokenLeaser(backend.counters, SettableClock(NOW_MS)) for _ in range(3)]
    answers = [leasers[turn % 3].charge(TENANT, {DAY: limit}, [DAY]) for turn in range(3 * limit + 3)]
    refused = [answer for answer in answers if isinstance(answer, Exceeded)]
    assert len(answers) - len(refused) == limit
    assert set(refused) == {Exceeded(DAY, limit, limit, TODAY.until_ms)}
