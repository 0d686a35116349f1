"""Targets that fail: what is tried again, what is not, and what the history tells."""

from __future__ import annotations

from localstack.receiver import Reply

QUICK = {"max_attempts": 3, "strategy": "fixed", "base": "100ms"}


def test_a_failing_target_is_tried_again_until_it_is_dead(client, jobs, new_target):
    target = new_target(Reply(500, body=b"sorry"))
    job = jobs.create(target=target.spec(), retry=QUICK)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempt, execution.reason) == ("dead", 3, "HTTP 500")
    assert [(one.number, one.result, one.status) for one in execution.attempts] == [
        (number, "failed", 500) for number in (1, 2, 3)
    ]
    assert execution.output == "sorry"
    arrivals = target.arrivals()
    assert [one.attempt for one in arrivals] == [1, 2, 3]
    assert {one.key for one in arrivals} == {execution.id}
    assert client.execution(execution.id) == execution


def test_a_target_that_recovers_ends_well(jobs, new_target):
    target = new_target(Reply(503), Reply(429), Reply())
    job = jobs.create(target=target.spec(), retry=QUICK)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.reason) == ("succeeded", "")
    assert [one.status for one in execution.attempts] == [503, 429, 200]


def test_a_refusal_is_final(jobs, new_target):
    target = new_target(Reply(404, body=b"no such hook"))
    job = jobs.create(target=target.spec(), retry=QUICK)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempt, execution.reason) == ("failed", 1, "HTTP 404")
    assert execution.output == "no such hook"
    assert len(target.arrivals()) == 1


def test_a_target_that_does_not_answer_in_time_times_out(jobs, new_target):
    target = new_target(Reply(delay_ms=20_000))
    job = jobs.create(target=target.spec(), timeout="1s", retry={"max_attempts": 1})
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempts[0].result) == ("timed_out", "timed_out")
    told = {
        "no answer within 1000 ms",
        "its time was over",
    }  # the call's clock or the lease renewer's, whichever is first
    assert execution.reason in told


def test_nobody_at_home_is_tried_again(jobs):
    job = jobs.create(target={"kind": "http", "url": "http://127.0.0.1:9/"}, retry={**QUICK, "max_attempts": 2})
    (execution,) = jobs.ended(job.id)
    assert (execution.state, len(execution.attempts)) == ("dead", 2)
    assert "Connect" in execution.reason


def test_a_function_that_is_not_there_fails_at_once(jobs):
    job = jobs.create(target={"kind": "lambda", "function": "target-none"}, retry=QUICK)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, len(execution.attempts)) == ("failed", 1)


def test_a_retry_of_a_deleted_job_ends_cancelled(client, jobs, new_target):
    target = new_target(Reply(500))
    job = jobs.create(target=target.spec(), retry={**QUICK, "base": "3s"})
    target.await_count(1)
    client.delete_job(job.id)
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempt) == ("cancelled", 1)
    assert len(target.arrivals()) == 1
