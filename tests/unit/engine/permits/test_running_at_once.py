"""How many executions of a tenant run at once, by its plan: hard, changed while it runs, and told to who waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.admission_bench import OK, Bench
from tests.support.memory_stack import TENANT, MemoryStack, every
from tests.support.world_examples import a_tenant
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.executions.decisions.steps import TakePermit
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.permits.permit import EVERYONE, Permit, limit_of
from tidewheel.domain.quotas.limit import Limit
from tidewheel.engine.common.tenant_cache import KEPT_MS
from tidewheel.ports import Call, Throttled

RUNNING = Limit.RUNNING_AT_ONCE


@pytest.mark.parametrize(
    ("deployment", "of_plan", "expected"),
    [
        ({}, None, None),
        ({}, 5, 5),
        ({TENANT: 3}, 5, 3),
        ({TENANT: 9}, 5, 5),
        ({EVERYONE: 3}, 5, 3),
        ({EVERYONE: 3, TENANT: 9}, None, 9),
        ({"other": 1}, None, None),
    ],
)
def test_the_lower_of_plan_and_setting_holds(
    deployment: dict[str, int], of_plan: float | None, expected: int | None
) -> None:
    assert limit_of(deployment, TENANT, of_plan) == expected


class Most:
    """A target that runs the next message while it is called; it counts how many calls overlap."""

    def __init__(self, bench: Bench, messages: int) -> None:
        self._bench, self._left = bench, messages
        self.now = self.most = 0

    def __call__(self, _: Call) -> Answer:
        self.now += 1
        self.most = max(self.most, self.now)
        if self._left:
            self._left -= 1
            self._bench.handle(self._left + 1)
        self.now -= 1
        return OK


def limited(bench: Bench, most: int | None, version: int = 1) -> None:
    """Gives the tenant a limit of its own, or takes it away."""
    limits = {} if most is None else {RUNNING: most}
    assert bench.stack.tenants.swap(replace(a_tenant(TENANT, plan="default", limits=limits), version=version)) is None


def running(bench: Bench, count: int, waiting: int) -> list[Permit]:
    """So many run, on workers of which nothing is heard, and so many wait; the answer is the permits of the former."""
    bench.stack.clock.advance(20 * SECOND_MS)
    held: list[Permit] = []
    for number in range(count):
        dispatch = bench.dispatch(number)
        claim = claimed(dispatch.blank(), 1, f"h{number}", bench.now_ms, received_ms=bench.now_ms)
        made = bench.admission.open(dispatch, f"{claim.id}#{claim.holder}")
        permit = made.take_permit(TakePermit(1, 0, claim.lease_until_ms, granted=False), bench.now_ms)
        assert permit is not None
        held.append(permit)
    assert [bench.handle(number) for number in range(count, count + waiting)] == ["waiting"] * waiting
    return held


def test_a_tenant_whose_plan_says_two_never_runs_three() -> None:
    bench = Bench()
    limited(bench, 2)
    most = Most(bench, 6)
    bench.answers(most)
    bench.handle(0)
    while woken := bench.woken():
        for dispatch in woken:
            bench.runner.handle(dispatch)
    assert (most.most, bench.calls, bench.line) == (2, 7, [])


def test_a_tenant_without_such_a_limit_takes_no_permit() -> None:
    bench = Bench()
    limited(bench, None)
    bench.handle(0)
    assert (bench.permits.asked, bench.lines.asked) == ([], [])


def test_a_lowered_limit_holds_for_who_waits_already() -> None:
    """The line was announced under the former one, and nobody comes any more who could say better."""
    bench = Bench()
    limited(bench, 3)
    seen = running(bench, 3, 3)
    limited(bench, 1, version=2)
    bench.stack.clock.advance(KEPT_MS)
    for permit in seen:
        bench.admission.limiter.give_back(permit, void=False)
    bench.guard.look()
    bench.guard.look()
    assert len(bench.woken()) == 1


def test_a_raised_limit_is_given_to_who_waits_already() -> None:
    bench = Bench()
    limited(bench, 1)
    running(bench, 1, 4)
    limited(bench, 3, version=2)
    bench.stack.clock.advance(KEPT_MS)
    bench.guard.look()
    assert len(bench.woken()) == 2


def test_a_limit_that_is_taken_away_lets_who_waits_go_on() -> None:
    bench = Bench()
    limited(bench, 1)
    (permit,) = running(bench, 1, 1)
    limited(bench, None, version=2)
    bench.stack.clock.advance(KEPT_MS)
    bench.admission.limiter.give_back(permit, void=False)
    bench.guard.look()
    (woken,) = bench.woken()
    assert bench.runner.handle(woken).why == "succeeded"
    assert bench.line == []


@pytest.mark.parametrize(
    ("setting", "of_plan", "limit", "limited_by"),
    [
        ({}, 1, 1, "running_at_once"),
        ({TENANT: 1}, None, 1, "tenant_concurrency"),
        ({TENANT: 1}, 2, 1, "tenant_concurrency"),
        ({TENANT: 2}, 1, 1, "running_at_once"),
    ],
)
def test_who_waits_is_told_which_limit_it_waits_for(
    setting: dict[str, int], of_plan: int | None, limit: int, limited_by: str
) -> None:
    bench = Bench()
    bench.stack.tenant_concurrency = setting
    bench.admission, bench.guard = bench.another(), bench.fresh_guard()
    limited(bench, of_plan)
    running(bench, limit, 1)
    waiting = bench.line[0].execution
    record, place = bench.stack.api.executions.placed(TENANT, waiting)
    assert place is not None
    assert (place.limit, place.limited_by, place.position) == (limit, limited_by, 1)
    assert record.reason == f"waits until fewer than {limit} executions of its tenant run ({limited_by}); 1 in line"


def test_usage_says_how_many_run() -> None:
    bench = Bench()
    limited(bench, 3)
    held = running(bench, 2, 0)
    used = {use.limit: use.used for use in bench.stack.api.limits.usage(TENANT)}
    assert used[RUNNING] == 2
    bench.admission.limiter.give_back(held[0], void=False)
    used = {use.limit: use.used for use in bench.stack.api.limits.usage(TENANT)}
    assert used[RUNNING] == 1


def test_what_a_plan_limits_is_on_the_ledger_in_time_order_and_nothing_is_lost() -> None:
    stack = MemoryStack(plans={"default": {RUNNING: 1}})
    job = stack.create(every(SECOND_MS))
    stack.turn_for(30 * SECOND_MS)
    assert len(stack.effects()) >= 25
    report = stack.api.ledger.report(TENANT, job.id, stack.clock.now_ms() - 20_000, stack.clock.now_ms() - 5_000)
    assert report.missing == 0


def test_a_tenant_that_was_never_read_waits() -> None:
    bench = Bench()

    def away(_id: str) -> Tenant | None:
        raise Throttled("tenants.get", TENANT, "slow down")

    bench.stack.tenants.get = away  # type: ignore[method-assign]
    bench.admission = bench.another()
    with pytest.raises(Throttled):
        bench.handle(0)
    assert bench.calls == 0
