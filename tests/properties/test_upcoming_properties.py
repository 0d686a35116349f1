"""``upcoming`` is what fires: for every kind of schedule, through edits, pauses and resumptions, early or late."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.memory_stack import START_MS, TENANT, MemoryStack
from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.wire.convert import builder_of, patched
from tidewheel.wire.reading import read_job
from tidewheel.wire.values import format_instant, from_ms

CREATED_MS = START_MS + 20_123
"""Off the minute, so that a job's first instants come from every part of the wheel."""
MORE = 100
NONE = dict.fromkeys(("at", "every", "anchor", "cron", "timezone", "immediate"))

Document = dict[str, Any]


def instants(least_s: int, most_s: int) -> st.SearchStrategy[str]:
    """Instants by their distance from the creation."""
    return st.integers(least_s * 4, most_s * 4).map(lambda n: format_instant(from_ms(CREATED_MS + n * SECOND_MS // 4)))


intervals = st.sampled_from(["1s", "4s", "7500ms", "1m", "1h"])
schedules: st.SearchStrategy[Document] = st.one_of(
    st.fixed_dictionaries({"every": intervals}, optional={"anchor": instants(-90, 60)}),
    st.fixed_dictionaries({"every": intervals, "immediate": st.just(True)}),
    st.fixed_dictionaries(
        {
            "cron": st.sampled_from(["*/7 * * * * *", "*/20 * * * * *", "30 * * * * *", "@every 9s", "rate(1 minute)"]),
            "timezone": st.just("Europe/Paris"),
        }
    ),
    st.fixed_dictionaries({"at": instants(-10, 80)}),
)
bounds = st.fixed_dictionaries(
    {},
    optional={
        "start": st.none() | instants(-60, 60),
        "end": st.none() | instants(30, 300),
        "jitter": st.sampled_from(["0s", "3s", "40s"]),
        "window": st.sampled_from(["0s", "3s", "40s"]),
    },
)
jobs = st.builds(lambda schedule, more: {"schedule": schedule} | more, schedules, bounds)
edits = st.one_of(
    st.builds(lambda schedule: {"schedule": NONE | schedule}, schedules),
    bounds,
    st.just({"name": "renamed"}),
)
steps = st.tuples(st.integers(1, 200).map(lambda n: n * 250), st.sampled_from(["pause", "resume"]) | edits)


def prediction(stack: MemoryStack, id: str) -> list[tuple[int, int]]:
    return [(due.nominal_ms, due.due_ms) for due in stack.job_service.upcoming(TENANT, id, MORE)]


def do(stack: MemoryStack, id: str, step: str | Document) -> None:
    service = stack.job_service
    try:
        match step:
            case "pause":
                service.pause(TENANT, id)
            case "resume":
                service.resume(TENANT, id)
            case _:
                service.edit(TENANT, id, patched(step))
    except Invalid:
        pass  # refused: what was said before holds


def created(stack: MemoryStack, document: Document) -> str | None:
    body = read_job({"name": "a", "target": {"kind": "http", "url": "https://example.com/"}} | document)
    try:
        return stack.job_service.create(TENANT, builder_of(body)).id
    except Invalid:
        return None


@given(jobs, st.lists(steps, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
@example({"schedule": {"every": "1m"}}, [], True)  # ran at once, though upcoming said a minute later
@example({"schedule": {"cron": "30 * * * * *"}}, [(5_000, {"schedule": NONE | {"every": "1m"}})], True)  # so did this
@example({"schedule": {"every": "1m"}, "end": format_instant(from_ms(CREATED_MS + 30_000))}, [], True)
@example({"schedule": {"every": "1m"}, "start": format_instant(from_ms(CREATED_MS + 45_000))}, [], True)
@example({"schedule": {"cron": "30 * * * * *"}, "window": "40s"}, [(20_000, "pause")], True)  # what was named fires
@example(
    {"schedule": {"cron": "30 * * * * *"}, "window": "40s"}, [(20_000, {"schedule": {"cron": "0 * * * * *"}})], True
)
def test_what_upcoming_says_is_what_fires(document: Document, changes: list[Any], turned: bool) -> None:
    stack = MemoryStack(now_ms=CREATED_MS)
    if turned:  # the slots of this minute are loaded by the time the job is created
        stack.turn_for(SECOND_MS)
    id = created(stack, document)
    if id is None:
        return
    said: list[tuple[int, int]] = []
    coming = prediction(stack, id)
    for after_ms, step in changes:
        stack.turn_for(after_ms)
        now = stack.clock.now_ms()
        said += [one for one in coming if one[1] < now]
        do(stack, id, step)
        coming = prediction(stack, id)
    stack.turn_for(MINUTE_MS + 30 * SECOND_MS)
    last = stack.clock.now_ms() - 15 * SECOND_MS
    said += coming
    fired = [(call.nominal_ms, call.due_ms) for _, call in stack.caller.calls]
    assert [one for one in sorted(fired) if one[1] < last] == [one for one in sorted(said) if one[1] < last]
