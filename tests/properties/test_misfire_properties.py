"""Misfires: every missed instant runs or lies in one row, and who repeats a plan repeats its execution."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.executions.misfire import Reason, judged
from tidewheel.domain.ids import ExecutionId, job_id
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.recurrence.occurrences import Occurrences
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.expansion import Expansion, expand

NOW = 1_795_000_020_000
JOB = job_id(bytes(10))
SPAN_MS = 3 * 3_600_000

timings = st.one_of(
    st.builds(Every, st.sampled_from([7_000, 60_000, 61_000, 600_000]), st.just(NOW)),
    st.builds(
        Cron,
        st.sampled_from(["* * * * *", "*/7 * * * *", "*/20 * * * * *", "0,1,2 17 * * *", "30 17-19 * * *"]),
        st.just("Europe/Paris"),
    ),
    st.builds(At, st.integers(NOW, NOW + SPAN_MS)),
)
misfires = st.builds(
    Misfire,
    st.sampled_from(Policy),
    st.sampled_from([1_000, 10_000, 60_000, 3_600_000]),
    st.sampled_from([1, 3, 1_000]),
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Occurrences, int, Misfire, int]:
    """Occurrences, their entry's nominal time, a policy and a time."""
    schedule = Schedule(draw(timings), None, draw(st.sampled_from([None, NOW + SPAN_MS // 2])))
    first = schedule.first_from(NOW + draw(st.integers(0, SPAN_MS // 4)))
    if first is None:
        schedule, first = Schedule(Every(7_000, NOW)), NOW
    cut = draw(st.sampled_from([None, first + 1, first + SPAN_MS // 3]))
    occurrences = Occurrences(schedule, draw(st.sampled_from([0, 5_000, 50_000])), JOB, cut)
    return occurrences, first, draw(misfires), first + draw(st.integers(-60_000, SPAN_MS))


def walked(occurrences: Occurrences, first: int, until: int) -> list[int]:
    """All instants from the first on, one by one, up to a time."""
    found: list[int] = []
    at: int | None = first
    while at is not None and at <= until:
        found.append(at)
        at = occurrences.after(at)
    return found


@given(plans())
@settings(max_examples=400)
def test_what_was_missed_runs_or_lies_in_the_one_row(plan: tuple[Occurrences, int, Misfire, int]) -> None:
    occurrences, first, misfire, now = plan
    verdict = judged(occurrences, first, misfire, now)
    missed = [at for at in walked(occurrences, first, now) if now - occurrences.due(at) > misfire.grace_ms]
    row = [at for at in missed if verdict.skipped and verdict.skipped[0] <= at <= verdict.skipped[1]]
    assert sorted([*verdict.late, *row]) == missed
    assert (verdict.skipped is not None) == bool(row)
    if verdict.skipped:
        assert verdict.skipped == (row[0], row[-1])
        assert occurrences.schedule.timing.count_between(*verdict.skipped) == len(row)
    assert verdict.live == (occurrences.after(missed[-1]) if missed else first)
    match misfire.policy:
        case Policy.COALESCE:
            assert list(verdict.late) == missed[:1] == ([first] if missed else [])
            assert not row or verdict.reason is Reason.COALESCED
        case Policy.ALL:
            assert list(verdict.late) == missed[-misfire.limit :]
        case Policy.SKIP:
            assert not verdict.late


@given(plans(), st.lists(st.integers(0, SPAN_MS), min_size=1, max_size=3))
def test_a_repeat_at_another_time_coalesces_into_the_same_run(
    plan: tuple[Occurrences, int, Misfire, int], later: list[int]
) -> None:
    occurrences, first, misfire, now = plan
    misfire = Misfire(Policy.COALESCE, misfire.grace_ms)
    runs = {run for at in [now, *(now + ms for ms in later)] for run in judged(occurrences, first, misfire, at).late}
    assert runs <= {first}


def expanded(plan: tuple[Occurrences, int, Misfire, int], loaded_ms: int) -> Expansion:
    """The plan of an entry as a slot's load makes it; the wheel takes what is due from a time on (ms)."""
    occurrences, first, misfire, now = plan
    definition = Definition(
        "n", occurrences.schedule, Target("http", {}), jitter_ms=occurrences.jitter_ms, misfire=misfire
    )
    job = Job("t", JOB, definition, JobState.ACTIVE, 1, NOW - 1, NOW, NOW)
    history = {}
    if occurrences.cut_ms is not None:
        history = {
            1: Generation.of(job),
            2: Generation(2, JobState.PAUSED, occurrences.schedule, 0, occurrences.cut_ms),
        }
        job = Job("t", JOB, definition, JobState.PAUSED, 3, occurrences.cut_ms + 10**9, NOW, NOW)
    return expand(
        ScheduleEntry("t", JOB, 1, first, occurrences.due(first)), job, history, lambda due: due >= loaded_ms, now
    )


@given(plans(), st.integers(-SPAN_MS, 120_000))
def test_an_expansion_accounts_for_everything_up_to_what_it_arms(
    plan: tuple[Occurrences, int, Misfire, int], ahead: int
) -> None:
    occurrences, first, _, now = plan
    found = expanded(plan, now + ahead)
    fired = [ExecutionId.parse(one.dispatch.execution).nominal_ms for one in (*found.late, *found.firings)]
    row = walked(occurrences, found.missed.from_ms, found.missed.until_ms) if found.missed else []
    end = found.arm.nominal_ms if found.arm else None
    wanted = walked(occurrences, first, max([*fired, *row, first - 1]))
    assert sorted({*fired, *row}) == wanted
    assert len(fired) == len({*fired})
    assert not {*fired} & {*row}
    assert end == (occurrences.after(wanted[-1]) if wanted else first)
    assert end is None or occurrences.due(end) > now  # what is due already waits in no slot of the backlog
    assert all(one.dispatch.due_ms >= now - 10_000 for one in found.firings)
    assert all(one.dispatch.due_ms < now - 1_000 for one in found.late)
