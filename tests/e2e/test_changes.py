"""Edits, pauses and deletions: each instant belongs to the definition that was in force, and fires once."""

from __future__ import annotations

import pytest

from tests.support.polling import until
from tidewheel.domain.jobs.precision import CLAIM_EARLY_MS
from tidewheel.wire.values import format_instant, from_ms, to_ms

SECOND_MS = 1_000
AFTER_MS = 4 * SECOND_MS
HELD_MS = CLAIM_EARLY_MS + 100
"""High precision is claimed so long before it is due, an answer's way included; what was claimed before an edit
belongs to what was edited."""


def named(anchor, interval, low, high):
    """The instants of an interval from ``low`` on and before ``high``."""
    first = anchor + max(0, -(-(low - anchor) // interval)) * interval
    return list(range(first, high, interval))


def every(jobs, target, **more):
    job = jobs.create(schedule={"every": "1s"}, target=target.spec(), **more)
    target.await_count(2)
    return job, to_ms(job.created_at) + SECOND_MS  # its first instant


def check_fired(target, before_ms, *wanted, held=()):
    """Waits for what must come (queues keep no order), and sees that nothing else came for an earlier instant.

    Args:
        target: Where it comes.
        before_ms: Later instants are passed over.
        wanted: Instants that must come, once.
        held: Instants that may.
    """
    instants = {ms for part in wanted for ms in part}
    until(lambda: instants <= set(target.nominals()), f"fires of {target.tag} at {instants}")
    came = [ms for ms in target.nominals() if ms < before_ms]
    assert sorted(instants | (set(came) & set(held))) == came


@pytest.mark.parametrize("precision", ["high", "normal"])
def test_a_paused_job_is_silent_and_a_resumed_one_goes_on(client, jobs, new_target, metronome, precision):
    target = new_target()
    job, anchor = every(jobs, target, precision=precision)
    paused = client.pause_job(job.id)
    paused_ms = to_ms(paused.updated_at)
    assert (paused.state, paused.next_fire_at, paused.generation) == ("paused", None, 2)
    assert client.pause_job(job.id).generation == 2
    metronome.await_nominal(paused_ms + AFTER_MS)
    resumed = client.resume_job(job.id)
    resumed_ms = to_ms(resumed.updated_at)
    assert (resumed.state, resumed.generation) == ("active", 3)
    end = target.await_nominal(resumed_ms + 2 * SECOND_MS).nominal_ms
    metronome.await_nominal(end + 2 * SECOND_MS)
    before, after = named(anchor, SECOND_MS, anchor, paused_ms), named(anchor, SECOND_MS, resumed_ms, end)
    held = named(anchor, SECOND_MS, paused_ms, paused_ms + HELD_MS) if precision == "high" else ()
    check_fired(target, end, before, after, held=held)


def test_a_deleted_job_fires_no_more(client, jobs, new_target, metronome, clock):
    target = new_target()
    job, anchor = every(jobs, target)
    came = target.nominals()  # what still waits in a queue when the job is deleted does not run any more
    client.delete_job(job.id)
    deleted_ms = clock.now_ms()
    metronome.await_nominal(deleted_ms + AFTER_MS)
    fired = target.nominals()
    assert set(came) <= set(fired) <= set(named(anchor, SECOND_MS, anchor, deleted_ms))
    assert len(set(fired)) == len(fired)
    assert {one.id for one in client.executions(job.id)} == {one.key for one in target.arrivals()}


def test_a_deleted_job_that_was_to_come_never_fires(client, jobs, new_target, metronome, clock):
    target = new_target()
    lead_ms = jobs.lead_ms(2, 4 * SECOND_MS)
    at_ms = clock.now_ms() + lead_ms
    job = jobs.create(schedule={"at": format_instant(from_ms(at_ms))}, target=target.spec())
    client.delete_job(job.id)
    metronome.await_nominal(at_ms + 2 * SECOND_MS)
    assert not target.arrivals()


def test_an_edited_schedule_takes_over_at_the_edit(client, jobs, new_target, metronome):
    target = new_target()
    job, anchor = every(jobs, target)
    other = anchor + 500
    schedule = {"every": "2s", "anchor": format_instant(from_ms(other))}
    edited_ms = to_ms(client.edit_job(job.id, {"schedule": schedule}, match=1).updated_at)
    metronome.await_nominal(edited_ms + AFTER_MS + SECOND_MS)
    end = edited_ms + AFTER_MS
    before, after = named(anchor, SECOND_MS, anchor, edited_ms), named(other, 2 * SECOND_MS, edited_ms, end)
    check_fired(target, end, before, after)


def test_an_edit_to_another_kind_of_schedule(client, jobs, new_target, metronome):
    target = new_target()
    job, anchor = every(jobs, target)
    body = {"name": "e2e", "schedule": {"cron": "*/3 * * * * *"}, "target": target.spec()}
    edited_ms = to_ms(client.replace_job(job.id, body).updated_at)
    end = edited_ms + AFTER_MS + 2 * SECOND_MS
    metronome.await_nominal(end + SECOND_MS)
    before, after = named(anchor, SECOND_MS, anchor, edited_ms), named(0, 3 * SECOND_MS, edited_ms, end)
    check_fired(target, end, before, after)


def test_an_instant_that_is_moved_fires_at_the_new_one_alone(client, jobs, new_target, metronome, clock):
    target = new_target()
    lead_ms = jobs.lead_ms(2, 3 * SECOND_MS)
    at_ms = clock.now_ms() + lead_ms
    job = jobs.create(schedule={"at": format_instant(from_ms(at_ms))}, target=target.spec())
    moved = at_ms + 2 * SECOND_MS
    client.edit_job(job.id, {"schedule": {"at": format_instant(from_ms(moved))}})
    metronome.await_nominal(moved + 2 * SECOND_MS)
    assert target.nominals() == [moved]


def test_an_edited_target_is_called_from_then_on(client, jobs, new_target):
    first, second = new_target(), new_target()
    job, anchor = every(jobs, first)
    client.edit_job(job.id, {"target": {"url": second.url}})
    second.await_count(2)
    assert not set(first.nominals()) & set(second.nominals())
    end = second.nominals()[1]
    wanted = set(named(anchor, SECOND_MS, 0, end))
    until(lambda: wanted <= {*first.nominals(), *second.nominals()}, f"{wanted} at either target")


def test_many_edits_in_a_row_leave_one_schedule_entry(client, jobs, new_target, metronome):
    target = new_target()
    job, anchor = every(jobs, target)
    for n in range(5):
        last = client.edit_job(job.id, {"name": f"e2e {n}"})
    end = to_ms(last.updated_at) + AFTER_MS
    metronome.await_nominal(end + SECOND_MS)
    assert last.generation == 6
    check_fired(target, end, named(anchor, SECOND_MS, anchor, end))


def test_a_paused_job_still_runs_on_request(client, jobs, new_target):
    target = new_target()
    job = jobs.create(schedule={"cron": "0 9 * * *"}, target=target.spec())
    client.pause_job(job.id)
    run = client.run_job(job.id)
    jobs.ended(job.id)
    assert [one.key for one in target.arrivals()] == [run.id]
