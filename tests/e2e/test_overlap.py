"""Runs of a job whose target is slower than its schedule, on the deployed stack."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from localstack.receiver import Reply
from tidewheel.wire.values import format_instant, from_ms

SLOW_MS = 2_500
RUNS = 8


@pytest.mark.parametrize("overlap", ["skip", "queue", "replace"])
def test_no_two_runs_are_called_side_by_side(client, jobs, new_target, clock, overlap):
    target = new_target(Reply(delay_ms=SLOW_MS))
    client.job(jobs.create(target=new_target().spec()).id)  # a cold API would create the job after its first instants
    lead_ms = jobs.lead_ms(1, 3_000)
    anchor = (clock.now_ms() + lead_ms) // 1_000 * 1_000
    job = jobs.create(
        schedule={"every": "1s", "anchor": format_instant(from_ms(anchor))},
        end=format_instant(from_ms(anchor + RUNS * 1_000)),
        target=target.spec(),
        overlap=overlap,
        misfire={"policy": "all", "grace": "1m"},  # nor is what a cold scheduler delays this test's business
    )
    ended = jobs.ended(job.id, RUNS)
    arrivals = target.arrivals()
    gaps = [later.arrived_ms - earlier.arrived_ms for earlier, later in pairwise(arrivals)]
    assert min(gaps) >= SLOW_MS
    states = Counter(one.state for one in ended)
    left_out = "cancelled" if overlap == "replace" else "skipped"
    assert states == {"succeeded": len(arrivals), left_out: RUNS - len(arrivals)}
    assert all(job.id in one.reason for one in ended if one.state == left_out)
    newest = max(one.nominal_ms for one in arrivals)
    assert overlap != "replace" or newest == anchor + (RUNS - 1) * 1_000
