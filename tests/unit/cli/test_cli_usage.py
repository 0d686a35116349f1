"""What ``tidewheel usage`` shows."""

from __future__ import annotations

from tests.support.api_bench import NOW_MS
from tests.support.world_examples import a_tenant
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.domain.quotas.limit import Limit, window_at


def test_the_limits_that_there_are_come_first_with_what_is_used(run, api_bench):
    assert api_bench.ports.tenants.swap(a_tenant(DEFAULT_TENANT, limits={"executions_per_day": 100})) is None
    api_bench.ports.counters.take(DEFAULT_TENANT, window_at(Limit.EXECUTIONS_PER_DAY, NOW_MS), 7, 100)
    done = run("usage")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()]
    limits = [row for row in rows if row and row[0] in set(Limit)]
    assert limits[0][:3] == ["executions_per_day", "7", "100"]
    assert all("any" in row for row in limits[1:])
    assert len(limits) == len(Limit)
