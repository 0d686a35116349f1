import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.route import POOLS, PRIORITIES
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job, JobState, Target
from tidewheel.domain.jobs.policies import Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import HOUR_MS
from tidewheel.wire.bodies.execution import AttemptAnswer, ExecutionAnswer
from tidewheel.wire.bodies.job import JobAnswer, JobBody, RetryBody
from tidewheel.wire.convert import builder_of, document_of, execution_answer, job_answer, patched
from tidewheel.wire.endpoints.jobs import STATES
from tidewheel.wire.reading import difference, fingerprint, merged, read_job, read_object
from tidewheel.wire.refused import Malformed, Refused
from tidewheel.wire.schedules.at import AtSchedule
from tidewheel.wire.values import format_instant, from_ms, to_ms

NOW = 1_763_657_220_000
ID = "j0000000000000001"
HTTP = {"kind": "http", "url": "https://example.com/hook"}
PLAIN = {"name": "a", "target": HTTP}
LATER = "2026-11-20T16:47:00Z"


def refusals(document):
    with pytest.raises(Refused) as refused:
        read_job(document)
    assert all(one.problem and one.remedy for one in refused.value.errors)
    return [one.field for one in refused.value.errors]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": " a"}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": "x" * 129}, ["name"]),
        ({"overlap": "never"}, ["overlap"]),
        ({"misfire": "all"}, ["misfire"]),
        (
            {"misfire": {"policy": "some", "grace": "PT0S", "limit": 0}},
            ["misfire.policy", "misfire.grace", "misfire.limit"],
        ),
        (
            {"misfire": {"grace": "2h", "limit": 1001, "polcy": "all"}},
            ["misfire.grace", "misfire.limit", "misfire.polcy"],
        ),
        ({"id": ID, "generation": 3}, ["id", "generation"]),
        ({"prioriti": "high"}, ["prioriti"]),
        ({"priority": "urgent"}, ["priority"]),
        ({"precision": 1}, ["precision"]),
        ({"pool": "Moon base"}, ["pool"]),
        ({"jitter": "2d"}, ["jitter"]),
        ({"window": "PT24H1S"}, ["window"]),
        ({"window": "wide", "jitter": "-1s"}, ["jitter", "window"]),
        ({"timeout": "PT11H1S"}, ["timeout"]),
        ({"timeout": "0.5s"}, ["timeout"]),
        ({"timeout": 60}, ["timeout"]),
        ({"retry": []}, ["retry"]),
        ({"retry": {"max_attempts": 0}}, ["retry.max_attempts"]),
        ({"retry": {"max_attempts": 101}}, ["retry.max_attempts"]),
        ({"retry": {"max_attempts": True}}, ["retry.max_attempts"]),
        ({"retry": {"strategy": "random", "base": "x", "jitter": 2}}, ["retry.strategy", "retry.base", "retry.jitter"]),
        ({"tags": {"a b": "c"}}, ["tags.a b"]),
        ({"tags": {"a": 1}}, ["tags.a"]),
        ({"tags": {str(n): "" for n in range(21)}}, ["tags"]),
        ({"start": LATER, "end": LATER}, ["start", "end"]),
        ({"start": "soon", "schedule": {"every": "5m"}}, ["start"]),
        ({"schedule": {}}, ["schedule"]),
        ({"schedule": 5}, ["schedule"]),
        ({"schedule": {"at": LATER, "cron": "* * * * *"}}, ["schedule"]),
        ({"schedule": {"at": "2026-11-20T16:47:00"}}, ["schedule.at"]),
        ({"schedule": {"at": LATER, "timezone": "UTC"}}, ["schedule.timezone"]),
        ({"schedule": {"at": "2026-11-20T16:47", "timezone": "PST"}}, ["schedule.timezone"]),
        ({"schedule": {"at": "2026-11-20T16:47", "timezone": ""}}, ["schedule.timezone"]),
        ({"schedule": {"at": "2026-02-30T16:47", "timezone": 5}}, ["schedule.at", "schedule.timezone"]),
        ({"schedule": "0 9 * * *"}, ["schedule"]),
        ({"schedule": {"every": "999ms"}}, ["schedule.every"]),
        ({"schedule": {"every": "5m", "anchor": "x"}}, ["schedule.anchor"]),
        ({"schedule": {"cron": "61 * * * *"}}, ["schedule.cron"]),
        ({"schedule": {"cron": ""}}, ["schedule.cron"]),
        ({"schedule": {"cron": 5, "timezone": 5}}, ["schedule.cron", "schedule.timezone"]),
        ({"schedule": {"cron": "61 * * * *", "timezone": "Mars/Olympus"}}, ["schedule.cron", "schedule.timezone"]),
        ({"schedule": {"cron": "* * * * *", "timezone": "Europe/Pari"}, "jitter": 0}, ["jitter", "schedule.timezone"]),
        ({"target": None}, ["target"]),
        ({"target": {}}, ["target.kind"]),
        ({"target": {"kind": "fax"}}, ["target.kind"]),
        ({"target": {"kind": "http"}}, ["target.url"]),
        ({"target": {"kind": "lambda"}}, ["target.function"]),
        ({"target": {"kind": "lambda", "function": "a b"}}, ["target.function"]),
        ({"target": {"kind": "lambda", "function": "f", "url": "x"}}, ["target.url"]),
        *(
            ({"target": HTTP | {"url": url}}, ["target.url"])
            for url in (
                "ftp://example.com",
                "example.com",
                "https://",
                "https://user:secret@example.com",
                "https://example.com/#a",
                "https://example.com/a b",
                "https://example.com:port/",
                "https://[::1/",
                "https://example.com/\\",
            )
        ),
        *(
            ({"target": HTTP | {"headers": headers}}, ["target.headers"])
            for headers in (
                {"a b": "c"},
                {"A": "x\r\nInjected: yes"},
                {"A": " x"},
                {"A": "1", "a": "2"},
                {"Content-Length": "5"},
                {"A": "é"},
            )
        ),
        *(
            ({"target": HTTP | {"headers": {"A": value}}}, ["target.headers"])
            for value in (
                5,
                None,
                ["x"],
                {},
                {"secret": 5},
                {"secret": "a", "prefx": "Bearer "},
                {"secret": "a b"},
                {"secret": "../other/token"},
                {"secret": ""},
                {"secret": "a", "prefix": "Bearer\r\n"},
            )
        ),
        ({"target": HTTP | {"body": {"a": [{"secret": "other/token"}]}}}, ["target.body"]),
        ({"target": {"kind": "lambda", "function": "f", "payload": {"secret": "a/b"}}}, ["target.payload"]),
        ({"target": HTTP | {"redirects": 6}}, ["target.redirects"]),
        ({"target": HTTP | {"redirects": -1}}, ["target.redirects"]),
        ({"target": HTTP | {"redirects": "1"}}, ["target.redirects"]),
        ({"target": HTTP | {"method": "post"}}, ["target.method"]),
    ],
)
def test_a_body_is_refused_by_its_fields(change, fields):
    assert refusals(PLAIN | change) == fields


def test_every_missing_field_is_named():
    assert refusals({}) == ["name", "target"]


def test_a_header_value_is_never_shown():
    with pytest.raises(Refused) as refused:
        read_job({"name": "a", "target": HTTP | {"headers": {"Authorization": "Bearer s3cret\n"}}})
    assert "s3cret" not in str(refused.value)


def test_a_misspelt_field_gets_a_hint():
    with pytest.raises(Refused) as refused:
        read_job(PLAIN | {"schedule": {"cron": "* * * * *", "timezon": "UTC"}})
    assert refused.value.remedy == "did you mean timezone?"


def test_the_choices_are_the_domains():
    fields = JobBody.model_fields
    assert get_args(fields["priority"].annotation) == PRIORITIES
    assert fields["pool"].default in POOLS
    assert set(get_args(fields["precision"].annotation)) == set(Precision)
    assert set(get_args(RetryBody.model_fields["strategy"].annotation)) == set(Strategy)
    assert set(get_args(ExecutionAnswer.model_fields["state"].annotation)) == set(State)
    assert set(get_args(AttemptAnswer.model_fields["result"].annotation)) == set(Result)
    assert set(get_args(JobAnswer.model_fields["state"].annotation)) == set(STATES) == set(JobState) - {"deleted"}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"5", b"null", b'{"a": NaN}', b'{"a": 1e999}', b"\xff", b"[" * 9999])
def test_what_is_no_object_is_malformed(raw):
    with pytest.raises(Malformed) as refused:
        read_object(raw)
    assert refused.value.remedy


def test_a_fingerprint_follows_from_the_content():
    assert fingerprint(read_object(b'{"a": 1, "b": [2]}')) == fingerprint(read_object(b'{"b":[2],"a":1}'))
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def definition(document, existing=None, now=NOW):
    return builder_of(read_job(document))(ID, now, existing)


def job(document):
    return Job("default", ID, definition(document), JobState.ACTIVE, 1, NOW, NOW, NOW)


DOCUMENTS = [
    PLAIN,
    PLAIN | {"schedule": {"at": LATER}},
    PLAIN | {"schedule": {"every": "PT5M"}, "start": LATER, "end": "2027-01-01T00:00:00+02:00"},
    PLAIN | {"schedule": {"cron": "0 0 * * *"}, "window": "1h30m", "jitter": "500ms"},
    PLAIN | {"schedule": {"at": LATER}, "window": "P1D"},
    PLAIN | {"schedule": {"cron": "H 9 * * 1-5", "timezone": "Europe/Paris"}, "tags": {"team": "a:b"}},
    {
        "name": "λ",
        "target": {"kind": "lambda", "function": "f", "payload": {"a": [None, 1.5]}},
        "priority": "critical",
        "precision": "high",
        "jitter": "10s",
        "timeout": "14m",
        "retry": {"max_attempts": 1, "strategy": "fixed", "base": "0s", "cap": "1d", "jitter": 0},
    },
    {
        "name": "s",
        "target": HTTP
        | {
            "headers": {"A": {"secret": "a"}, "secret": "plain", "B": {"secret": "b", "key": "k", "prefix": "Bearer "}},
            "body": [{"secret": "a"}, {"secret": 5}, {"secret": "not a name", "and": "data"}],
            "redirects": 5,
        },
    },
    {"name": "h", "target": HTTP | {"method": "PUT", "headers": {"X-A": "b c"}, "body": "text"}},
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_answered_can_be_written_again_and_changes_nothing(document):
    first = job(document)
    answer = job_answer(first, NOW).model_dump(mode="json")
    body = {name: value for name, value in answer.items() if name in JobBody.model_fields}
    later = NOW + 10**12  # even when the instant is past by then
    again = builder_of(read_job(json.loads(json.dumps(body))))(ID, later, first.definition)
    assert again == first.definition
    assert again.schedule is first.definition.schedule
    assert patched({})(ID, later, first.definition) == first.definition
    assert patched({"name": "b"})(ID, later, first.definition) == replace(first.definition, name="b")


def test_a_window_needs_instants_to_place():
    with pytest.raises(Invalid, match="runs now") as refused:
        definition(PLAIN | {"window": "1h"})
    assert refused.value.field == "window"
    assert definition(PLAIN | {"window": "PT0S"}).window_ms == 0
    scheduled = definition(PLAIN | {"schedule": {"every": "1d"}, "window": "PT1H"})
    assert scheduled.window_ms == 3_600_000
    assert patched({"window": None})(ID, NOW, scheduled).window_ms == 0


def test_the_next_fire_of_a_job_in_a_window_may_belong_to_an_instant_that_is_past():
    daily = definition(PLAIN | {"schedule": {"every": "1d"}, "window": "PT12H"})
    placed = Job("default", ID, daily, JobState.ACTIVE, 1, NOW, NOW, NOW)
    due = placed.due(NOW)
    assert due > NOW
    assert to_ms(job_answer(placed, due).next_fire_at) == due
    assert to_ms(job_answer(placed, due + 1).next_fire_at) == due + 86_400_000


def test_a_one_time_job_is_completed_when_its_place_in_the_window_has_passed():
    once = definition(PLAIN | {"schedule": {"at": LATER}, "window": "PT12H"})
    placed = Job("default", ID, once, JobState.ACTIVE, 1, NOW, NOW, NOW)
    due = placed.due(once.schedule.timing.at_ms)
    assert job_answer(placed, due).state == "active"
    assert job_answer(placed, due + 1).state == "completed"


def test_an_instant_in_local_time_is_answered_in_utc():
    local = {"at": "2026-12-24T18:00", "timezone": "Europe/Paris"}
    made = job(PLAIN | {"schedule": local})
    answer = job_answer(made, NOW).model_dump(mode="json")["schedule"]
    assert answer == {"at": "2026-12-24T17:00:00.000Z"}
    assert definition(PLAIN | {"schedule": answer}).schedule.timing == made.definition.schedule.timing
    patch = {"schedule": {"at": "2026-12-24T19:00", "timezone": "Europe/Paris"}}
    assert (
        patched(patch)(ID, NOW, made.definition).schedule.timing.at_ms
        == made.definition.schedule.timing.at_ms + HOUR_MS
    )


def test_a_client_may_write_an_instant_in_local_time():
    noon = datetime(2026, 12, 24, 12)  # noqa: DTZ001 -- naive on purpose
    written = AtSchedule(at=noon, timezone="Europe/Paris")
    assert written.model_dump(mode="json") == {"at": "2026-12-24T12:00:00.000", "timezone": "Europe/Paris"}
    assert AtSchedule.model_validate(written.model_dump(mode="json")) == written
    assert written.summary() == "at 2026-12-24T12:00:00.000 (Europe/Paris)"


def test_a_schedule_that_is_text_is_told_what_an_object_looks_like():
    with pytest.raises(Refused) as refused:
        read_job(PLAIN | {"schedule": "0 9 * * *"})
    assert refused.value.problem == "is not an object"
    read_job(PLAIN | {"schedule": json.loads(refused.value.remedy.split("such as ")[1].split(" or ")[0])})


@pytest.mark.parametrize("anchor", ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z"])
def test_an_anchor_out_of_reach_is_named(anchor):
    with pytest.raises(Invalid) as refused:
        definition(PLAIN | {"schedule": {"every": "5m", "anchor": anchor}})
    assert refused.value.field == "schedule.anchor"


def test_an_interval_keeps_its_anchor_until_it_changes():
    first = definition(PLAIN | {"schedule": {"every": "5m"}})
    assert first.schedule.timing.anchor_ms == NOW
    same = definition(PLAIN | {"schedule": {"every": "PT300S"}}, first, NOW + 7)
    assert same.schedule is first.schedule
    bounded = definition(PLAIN | {"schedule": {"every": "5m"}, "end": LATER}, first, NOW + 7)
    assert bounded.schedule.timing == first.schedule.timing
    faster = definition(PLAIN | {"schedule": {"every": "4m"}}, first, NOW + 7)
    assert faster.schedule.timing.anchor_ms == NOW + 7


def test_an_interval_counts_from_the_start_unless_it_has_an_anchor():
    started = PLAIN | {"schedule": {"every": "5m"}, "start": LATER}
    first = definition(started)
    assert format_instant(from_ms(first.schedule.timing.anchor_ms)) == "2026-11-20T16:47:00.000Z"
    assert definition(started, definition(PLAIN | {"schedule": {"every": "5m"}}), NOW + 7).schedule == first.schedule
    anchored = definition(PLAIN | {"schedule": {"every": "5m", "anchor": "2026-01-01T00:00:00Z"}, "start": LATER})
    assert format_instant(from_ms(anchored.schedule.timing.anchor_ms)) == "2026-01-01T00:00:00.000Z"
    with pytest.raises(Invalid) as refused:
        definition(PLAIN | {"schedule": {"every": "5m"}, "start": "1969-12-31T23:00:00Z"})
    assert refused.value.field == "start"


def test_an_interval_may_begin_at_once_and_a_repeat_starts_nothing():
    immediate = PLAIN | {"schedule": {"every": "5m", "immediate": True}}
    first = definition(immediate)
    assert first.schedule.first_from(first.holds_from(NOW)) == NOW + 1
    assert definition(immediate, first, NOW + 7).schedule is first.schedule
    plain = definition(PLAIN | {"schedule": {"every": "5m"}})
    assert plain.schedule.first_from(plain.holds_from(NOW)) == NOW + to_ms(timedelta(minutes=5))
    assert "immediate" not in document_of(first, ID)["schedule"]


@pytest.mark.parametrize("more", [{"start": LATER}, {"schedule": {"anchor": LATER}}])
def test_an_interval_that_begins_at_once_has_no_other_beginning(more):
    with pytest.raises(Invalid) as refused:
        definition(merged(PLAIN | {"schedule": {"every": "5m", "immediate": True}}, more))
    assert refused.value.field == "schedule.immediate"


def test_an_interval_that_ends_before_its_first_instant_is_refused():
    end = format_instant(from_ms(NOW + 60_000))
    with pytest.raises(Invalid) as refused:
        definition(PLAIN | {"schedule": {"every": "5m"}, "end": end})
    assert refused.value.field == "end"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": 'https://example.com/?token={"secret":"a"}'}, "target.url"),
        ({"url": "https://example.com/?token=%7B%22secret%22:%20%22a%22%7D"}, "target.url"),
        ({"headers": {"Authorization": '{"secret": "a"}'}}, "target.headers"),
        ({"headers": {"Authorization": '{ "secret" : "a", "prefix": "Bearer "}'}}, "target.headers"),
    ],
)
def test_a_reference_that_would_be_sent_as_text_is_refused(change, field):
    assert refusals({"name": "a", "target": HTTP | change}) == [field]


def test_a_past_instant_is_refused_unless_it_was_there_before():
    at = PLAIN | {"schedule": {"at": LATER}}
    first = definition(at)
    past = first.schedule.timing.at_ms + 1
    assert definition(at | {"name": "b"}, first, past).schedule is first.schedule
    with pytest.raises(Invalid) as refused:
        definition(at, None, past)
    assert refused.value.field == "schedule.at"
    with pytest.raises(Invalid):
        definition(at | {"start": LATER}, first, past)


@pytest.mark.parametrize(
    ("bounds", "field"),
    [
        ({"start": LATER, "end": LATER}, "end"),
        ({"end": "2020-01-01T00:00:00Z"}, "end"),
    ],
)
def test_bounds_that_leave_nothing_are_refused(bounds, field):
    with pytest.raises(Invalid) as refused:
        definition(PLAIN | {"schedule": {"every": "5m"}} | bounds)
    assert refused.value.field == field


def test_a_patch_may_change_the_kind_of_a_schedule_by_nulls():
    first = definition(PLAIN | {"schedule": {"every": "5m"}})
    patch = {"schedule": {"every": None, "anchor": None, "cron": "0 0 * * *"}}
    assert patched(patch)(ID, NOW, first).schedule.timing.expression == "0 0 * * *"
    with pytest.raises(Refused) as refused:
        patched({"schedule": {"cron": "0 0 * * *"}})(ID, NOW, first)
    assert "null" in refused.value.remedy


def test_a_job_is_answered_as_of_now():
    answer = job_answer(job(PLAIN | {"schedule": {"at": LATER}}), NOW)
    assert (answer.state, answer.generation, answer.tenant) == ("active", 1, "default")
    assert answer.model_dump(mode="json")["next_fire_at"] == "2026-11-20T16:47:00.000Z"
    done = job_answer(job(PLAIN | {"schedule": {"at": LATER}}), NOW + 10**12)
    assert (done.state, done.next_fire_at) == ("completed", None)
    assert job_answer(job(PLAIN), NOW).state == "completed"


def test_a_stored_target_of_another_release_is_unreadable():
    strange = replace(job(PLAIN), definition=replace(definition(PLAIN), target=Target("fax", {"kind": "fax"})))
    with pytest.raises(Unreadable, match=ID):
        job_answer(strange, NOW)


def test_a_document_leaves_out_nulls_but_not_those_of_a_payload():
    document = document_of(
        definition({"name": "a", "target": {"kind": "lambda", "function": "f", "payload": {"a": None}}}), ID
    )
    assert "schedule" not in document
    assert document["target"]["payload"] == {"a": None}


def test_an_execution_is_answered():
    id = ExecutionId(ID, NOW, Origin.RUN, "0000000a")
    attempt = Attempt(1, NOW + 40, NOW + 90, Result.FAILED, 500, "HTTP 500")
    record = Execution(
        "default", str(id), State.RETRYING, NOW, 2, attempt=1, started_ms=NOW + 40, lateness_ms=40, attempts=(attempt,)
    )
    answer = execution_answer(record).model_dump(mode="json")
    assert answer["job"] == ID
    assert (answer["origin"], answer["state"], answer["lateness_ms"]) == ("run", "retrying", 40)
    assert answer["attempts"][0]["finished_at"] == "2025-11-20T16:47:00.090Z"
    assert answer["finished_at"] is None


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [  # the examples of RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches(document, patch, result):
    assert merged(document, patch) == result


LEAVES = st.integers() | st.text(max_size=3) | st.booleans() | st.lists(st.integers(), max_size=2)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)
OBJECTS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_difference_leads_from_one_document_to_the_other(before, after):
    assert merged(before, difference(before, after)) == after
