"""Leased tokens: never beyond the limit, whatever happens to whom; little is lost, and few leases are made."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidewheel.adapters.memory import MemoryCounters, SettableClock, World
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import COUNTED, Limit, Window, shown, tokens_of, window_at
from tidewheel.domain.quotas.tokens import (
    LEFT_SHARE,
    REQUEST_LEFT_SHARE,
    REQUESTS_AT_LEAST,
    SHARE,
    Allowance,
    lease_size,
)
from tidewheel.engine.common.token_leaser import Charge, TokenLeaser
from tidewheel.ports import PortError

DAY = Limit.EXECUTIONS_PER_DAY
NOON_MS = 1_800_000_000_000 - 1_800_000_000_000 % DAY_MS + DAY_MS // 2
instants = st.integers(0, 4_000_000_000_000)
processes = st.integers(1, 12)


class Fleet:
    """Processes that share a counter, each with a clock of its own."""

    def __init__(self, size: int, now_ms: int = NOON_MS) -> None:
        self.world = World()
        self.counters = MemoryCounters(self.world)
        self.asked = 0
        self.failing = False
        self.clocks = [SettableClock(now_ms) for _ in range(size)]
        self.leasers = [TokenLeaser(self, clock) for clock in self.clocks]

    def take(self, tenant, window, amount, total):
        self.asked += 1
        taken = self.counters.take(tenant, window, amount, total)
        if self.failing:
            raise PortError("counters.take", tenant, "applied, then reported as failed")
        return taken

    def used(self, tenant, windows):
        return self.counters.used(tenant, windows)

    def replace(self, process: int) -> None:
        self.leasers[process] = TokenLeaser(self, self.clocks[process])

    def tries(self, process: int, limit: Limit, value: float) -> bool | Exceeded:
        try:
            answer = self.leasers[process].charge("acme", {limit: value}, COUNTED)
        except PortError:
            return False
        return answer if isinstance(answer, Exceeded) else True


@given(st.sampled_from(COUNTED), instants)
def test_each_instant_lies_in_one_window_and_windows_touch(limit, now_ms) -> None:
    window = window_at(limit, now_ms)
    assert window.holds(now_ms)
    assert window_at(limit, window.from_ms) == window_at(limit, window.until_ms - 1) == window
    assert window_at(limit, window.until_ms).from_ms == window.until_ms


@given(instants)
def test_a_month_begins_on_its_first_day_in_utc(now_ms) -> None:
    window = window_at(Limit.DOLLARS_PER_MONTH, now_ms)
    assert window.from_ms % DAY_MS == 0
    assert 28 <= (window.until_ms - window.from_ms) // DAY_MS <= 31


@given(st.sampled_from(COUNTED), st.integers(0, 10**9))
def test_what_is_shown_is_what_the_plan_says(limit, value) -> None:
    assert shown(limit, tokens_of(limit, value)) == pytest.approx(value, rel=1e-3, abs=1e-5)


moves = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.sampled_from(["spend", "spend", "spend", "spend", "give back", "kill", "lose an answer", "wait"]),
        st.integers(1, 30),
    ),
    max_size=120,
)


@given(processes, st.integers(0, 300), moves)
def test_never_more_passes_than_the_limit_whoever_dies_and_whatever_is_lost(size, limit, played) -> None:
    fleet = Fleet(size)
    passed: dict[Window, int] = {}
    for at, move, times in played:
        process = at % size
        match move:
            case "kill":
                fleet.replace(process)
            case "wait":
                fleet.clocks[process].advance(times * SECOND_MS)
            case "lose an answer":
                fleet.failing = True
                fleet.tries(process, DAY, limit)
                fleet.failing = False
            case "give back":
                if fleet.tries(process, DAY, limit) is True:
                    window = window_at(DAY, fleet.clocks[process].now_ms())
                    fleet.leasers[process].give_back(Charge("acme", (window,)))
            case _:
                for _ in range(times):
                    if fleet.tries(process, DAY, limit) is True:
                        window = window_at(DAY, fleet.clocks[process].now_ms())
                        passed[window] = passed.get(window, 0) + 1
    assert all(count <= limit for count in passed.values())
    assert all(used <= limit for used in fleet.world.counted.values())


@given(processes, st.integers(0, 3_000), st.integers(0, 2**32))
def test_with_nobody_lost_all_but_a_share_for_each_process_passes(size, limit, seed) -> None:
    """And where one process alone serves the tenant, or the limit is small, exactly the limit does."""
    fleet, passed = Fleet(size), 0
    for turn in range(3 * limit + 100):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        passed += fleet.tries((seed >> 33) % size if turn < 2 * limit else 0, DAY, limit) is True
    most = max(1, limit // SHARE)
    assert passed <= limit
    assert passed >= limit - (size - 1) * (most - 1)
    assert sum(fleet.world.counted.values()) == limit


@pytest.mark.parametrize(("size", "limit"), [(1, 10_000), (12, 10_000), (5, 30_000)])
def test_a_counter_is_written_far_less_often_than_it_counts(size, limit) -> None:
    fleet = Fleet(size)
    for turn in range(limit + 1_000):
        fleet.tries(turn % size, DAY, limit)
    assert fleet.asked < 2 * SHARE + 16 * LEFT_SHARE + 20 * size


def test_requests_are_counted_at_less_than_a_write_for_three() -> None:
    fleet, limit = Fleet(1), Limit.REQUESTS_PER_SECOND
    passed = 0
    for _ in range(100):
        for _ in range(100):  # all that ten a second allows
            passed += fleet.tries(0, limit, 10) is True
        fleet.clocks[0].advance(10 * SECOND_MS)
    assert passed == 100 * 100
    assert fleet.asked < passed / 2.5


def test_a_used_up_window_is_asked_for_once_and_ends_by_itself() -> None:
    fleet = Fleet(1)
    minute = Limit.EXECUTIONS_PER_MINUTE
    assert [fleet.tries(0, minute, 2) is True for _ in range(4)] == [True, True, False, False]
    asked = fleet.asked
    refusal = fleet.tries(0, minute, 2)
    assert refusal == Exceeded(minute, 2, 2, NOON_MS + MINUTE_MS)
    assert fleet.asked == asked
    fleet.clocks[0].advance(MINUTE_MS)
    assert fleet.tries(0, minute, 2) is True


def test_tokens_of_a_window_are_gone_when_it_ends() -> None:
    fleet = Fleet(1)
    for _ in range(4):
        fleet.tries(0, DAY, 1_000)
    [before] = fleet.leasers[0].held("acme", {DAY: 1_000}, COUNTED)
    assert before.left > 0
    fleet.clocks[0].advance(DAY_MS)
    fleet.tries(0, DAY, 1_000)
    [after] = fleet.leasers[0].held("acme", {DAY: 1_000}, COUNTED)
    assert after.used <= after.size


def test_a_raised_limit_holds_at_once() -> None:
    fleet = Fleet(1)
    assert fleet.tries(0, DAY, 1) is True
    assert isinstance(fleet.tries(0, DAY, 1), Exceeded)
    assert fleet.tries(0, DAY, 2) is True


def test_what_one_limit_refuses_costs_no_token_of_another() -> None:
    fleet = Fleet(1)
    limits = {DAY: 10, Limit.EXECUTIONS_PER_MINUTE: 1}
    answers = [fleet.leasers[0].charge("acme", limits, COUNTED) for _ in range(3)]
    assert [isinstance(answer, Charge) for answer in answers] == [True, False, False]
    limits = {DAY: 1, Limit.EXECUTIONS_PER_MINUTE: 5}
    fleet.clocks[0].advance(MINUTE_MS)
    for _ in range(3):
        refused = fleet.leasers[0].charge("acme", limits, COUNTED)
        assert isinstance(refused, Exceeded)
    [minute] = fleet.leasers[0].held("acme", limits, [Limit.EXECUTIONS_PER_MINUTE])
    assert minute.left == minute.used


def test_a_clock_that_is_put_back_goes_on_in_the_window_that_has_begun() -> None:
    fleet = Fleet(1)
    fleet.tries(0, DAY, 100)
    fleet.clocks[0].advance(-DAY_MS)
    fleet.tries(0, DAY, 100)
    assert list(fleet.world.counted) == [("acme", window_at(DAY, NOON_MS))]


def test_a_tenant_without_limits_asks_for_nothing() -> None:
    fleet = Fleet(1)
    assert fleet.leasers[0].charge("acme", {}, COUNTED) == Charge("acme")
    assert fleet.asked == 0


@given(
    st.sampled_from(COUNTED), st.integers(0, 10**7), st.integers(1, 10**6), st.integers(0, 10**7), st.integers(0, 10**6)
)
def test_a_lease_is_a_small_share(limit, total, size, used, waited_ms) -> None:
    window = window_at(limit, NOON_MS)
    assume(used <= total)
    before = Allowance(window, total, 0, size, NOON_MS, used, is_out=False)
    found = lease_size(before, window, total, NOON_MS + waited_ms)
    requests = limit is Limit.REQUESTS_PER_SECOND
    most = max(1, total // SHARE, REQUESTS_AT_LEAST if requests else 0)
    assert 1 <= found <= most
    assert found == 1 or found <= (total - used) // (REQUEST_LEFT_SHARE if requests else LEFT_SHARE)
