"""Jobs of every kind reach their targets, at their instants, and say who they are."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tidewheel.domain.ids import ExecutionId
from tidewheel.wire.values import format_instant, from_ms, to_ms

SECOND_MS = 1_000


def instant(ms):
    return format_instant(from_ms(ms))


def test_a_job_without_a_schedule_runs_now_and_once(client, jobs, new_target, metronome):
    target = new_target()
    job = jobs.create(target=target.spec(body={"hello": "world"}, headers={"X-Team": "billing"}))
    (execution,) = jobs.ended(job.id)
    (arrival,) = target.arrivals()
    assert json.loads(arrival.body) == {"hello": "world"}
    assert arrival.headers["x-team"] == "billing"
    assert (execution.state, execution.origin, execution.output) == ("succeeded", "run", "ok")
    metronome.await_nominal(arrival.nominal_ms + 3 * SECOND_MS)
    assert len(target.arrivals()) == 1
    assert client.job(job.id).state == "completed"


def test_a_request_carries_what_makes_a_repeat_harmless(jobs, new_target):
    target = new_target()
    job = jobs.create(target=target.spec())
    (execution,) = jobs.ended(job.id)
    (arrival,) = target.arrivals()
    assert arrival.key == execution.id
    assert (arrival.nominal_ms, arrival.due_ms) == (to_ms(execution.nominal_at), to_ms(execution.due_at))
    assert (arrival.attempt, arrival.headers["tidewheel-fencing-token"]) == (1, "1")


@pytest.mark.parametrize(
    ("ahead_ms", "precision"), [(300, "high"), (300, "normal"), (4_300, "high"), (4_300, "normal"), (2_300, "low")]
)
def test_an_instant_fires_once_and_not_before(jobs, new_target, clock, ahead_ms, precision):
    target = new_target()
    lead_ms = jobs.lead_ms(1, ahead_ms)
    at_ms = clock.now_ms() + lead_ms
    job = jobs.create(schedule={"at": instant(at_ms)}, target=target.spec(), precision=precision)
    (execution,) = jobs.ended(job.id)
    assert target.nominals() == [at_ms]
    assert str(ExecutionId(job.id, at_ms)) == execution.id
    assert execution.lateness_ms == to_ms(execution.started_at) - at_ms
    assert execution.lateness_ms >= 0


@pytest.mark.parametrize("precision", ["high", "normal"])
def test_an_interval_counts_from_its_anchor_and_misses_nothing(client, jobs, new_target, clock, precision):
    target = new_target()
    lead_ms = jobs.lead_ms(1, 2_345)
    anchor = clock.now_ms() // SECOND_MS * SECOND_MS + lead_ms
    job = jobs.create(
        schedule={"every": "1s", "anchor": instant(anchor)},
        end=instant(anchor + 6 * SECOND_MS),
        target=target.spec(),
        precision=precision,
    )
    executions = jobs.ended(job.id, 6)
    assert target.nominals() == [anchor + n * SECOND_MS for n in range(6)]
    assert [to_ms(one.nominal_at) for one in executions] == target.nominals()
    assert (client.job(job.id).state, client.job(job.id).next_fire_at) == ("completed", None)


@pytest.mark.parametrize(("asked", "after_ms"), [({}, 3 * SECOND_MS), ({"immediate": True}, 1)])
def test_an_interval_without_an_anchor_counts_from_the_creation(jobs, new_target, asked, after_ms):
    target = new_target()
    job = jobs.create(schedule={"every": "3s", **asked}, target=target.spec())
    arrivals = target.await_count(3)
    first = to_ms(job.created_at) + after_ms
    assert sorted(one.nominal_ms for one in arrivals)[:3] == [first, first + 3 * SECOND_MS, first + 6 * SECOND_MS]


def test_cron_fires_by_the_second_in_its_zone(client, jobs, new_target, clock):
    target = new_target()
    lead_ms = jobs.lead_ms(1, 2 * SECOND_MS)
    begin = clock.now_ms() + lead_ms
    job = jobs.create(
        schedule={"cron": "*/2 * * * * *", "timezone": "Europe/Paris"},
        start=instant(begin),
        end=instant(begin + 6 * SECOND_MS),
        target=target.spec(),
    )
    jobs.ended(job.id, 3)
    assert target.nominals() == [ms for ms in range(begin, begin + 6 * SECOND_MS) if ms % (2 * SECOND_MS) == 0]
    assert client.job(job.id).schedule.timezone == "Europe/Paris"


def test_jitter_moves_the_due_time_and_never_the_nominal(jobs, new_target, clock):
    target = new_target()
    lead_ms = jobs.lead_ms(1, 2 * SECOND_MS)
    anchor = clock.now_ms() + lead_ms
    schedule = {"every": "1s", "anchor": instant(anchor)}
    job = jobs.create(schedule=schedule, end=instant(anchor + 4 * SECOND_MS), jitter="900ms", target=target.spec())
    jobs.ended(job.id, 4)
    assert target.nominals() == [anchor + n * SECOND_MS for n in range(4)]
    delays = [one.due_ms - one.nominal_ms for one in target.arrivals()]
    assert all(0 <= delay < 900 for delay in delays)
    assert len(set(delays)) > 1


def test_many_jobs_of_one_instant_all_fire(jobs, new_target, clock):
    target = new_target()
    lead_ms = jobs.lead_ms(25, 5 * SECOND_MS)
    at_ms = clock.now_ms() + lead_ms
    made = [jobs.create(schedule={"at": instant(at_ms)}, target=target.spec()).id for _ in range(25)]
    arrivals = target.await_count(25)
    assert {ExecutionId.parse(one.key).job for one in arrivals} == set(made)
    assert {one.nominal_ms for one in arrivals} == {at_ms}


def test_a_lambda_target_is_invoked_and_its_answer_kept(stack, jobs, clock):
    lead_ms = jobs.lead_ms(1, 3 * SECOND_MS)
    at_ms = clock.now_ms() + lead_ms
    target = {"kind": "lambda", "function": stack.outputs.echo_function_arn, "payload": {"a": [1, None]}}
    job = jobs.create(schedule={"at": instant(at_ms)}, target=target)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempts[0].status) == ("succeeded", 200)
    told = execution.output
    assert '"payload": {"a": [1, null]}' in told
    assert execution.id in told


def test_executions_are_listed_newest_first_and_shown(client, jobs, new_target, metronome):
    target = new_target()
    job = jobs.create(schedule={"every": "1s"}, target=target.spec())
    jobs.ended(job.id, 3)
    client.pause_job(job.id)
    metronome.await_nominal(target.nominals()[-1] + 3 * SECOND_MS)
    by_pages = list(client.executions(job.id, page=2))
    assert [one.id for one in by_pages] == [one.id for one in client.executions(job.id)]
    assert all(newer.nominal_at > older.nominal_at for newer, older in pairwise(by_pages))
    assert client.execution(by_pages[0].id) == by_pages[0]
    attempt = by_pages[0].attempts[0]
    assert (attempt.number, attempt.result, attempt.status) == (1, "succeeded", 200)
