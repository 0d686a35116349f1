"""Following logs: no line twice, none lost, and what of a line is shown."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from localstack.watch import logs as watch_logs
from localstack.watch.logs import OVERLAP_MS, Follower, Shown, Tail, shown
from tidewheel.names import Function


def event(at, text, stream="s", id=None):
    return {"timestamp": at, "message": text, "logStreamName": stream} | ({"eventId": id} if id else {})


class Group:
    """A log group as an engine gives it: all since a time, by timestamp."""

    def __init__(self):
        self.events = []

    def since(self, at, limit=None):
        return sorted((one for one in self.events if one["timestamp"] >= at), key=lambda one: one["timestamp"])[:limit]


class TestTail:
    def test_a_line_is_given_once(self):
        tail = Tail(100)
        events = [event(100, "a"), event(200, "b")]
        assert tail.fresh(events) == events
        assert tail.fresh(events) == []

    def test_equal_lines_of_the_same_instant_are_both_given_also_when_the_second_comes_later(self):
        tail = Tail(0)
        assert tail.fresh([event(1, "a")]) == [event(1, "a")]
        assert tail.fresh([event(1, "a"), event(1, "a")]) == [event(1, "a")]
        assert tail.fresh([event(1, "a"), event(1, "a")]) == []

    def test_equal_lines_of_two_streams_are_two(self):
        tail = Tail(0)
        events = [event(1, "a", "x"), event(1, "a", "y")]
        assert tail.fresh(events) == events

    def test_ids_tell_equal_lines_apart_where_there_are_ids(self):
        tail = Tail(0)
        assert tail.fresh([event(1, "a", id="1")]) == [event(1, "a", id="1")]
        assert tail.fresh([event(1, "a", id="2"), event(1, "a", id="1")]) == [event(1, "a", id="2")]

    def test_a_line_that_was_stamped_before_one_that_was_seen_is_given(self):
        tail = Tail(0)
        tail.fresh([event(10_000, "late")])
        assert tail.since_ms <= 10_000 - OVERLAP_MS
        assert tail.fresh([event(9_000, "early"), event(10_000, "late")]) == [event(9_000, "early")]

    def test_what_is_behind_is_forgotten(self):
        tail = Tail(0)
        for at in range(0, 100_000, 1_000):
            tail.fresh([one for one in [event(at, "a")] if at >= tail.since_ms])
        assert len(tail._seen) <= OVERLAP_MS // 1_000 + 1

    def test_after_half_an_answer_one_asks_on_from_its_end(self):
        tail = Tail(0)
        tail.fresh([event(7_000, "a"), event(8_000, "b")], whole=False)
        assert tail.since_ms == 8_000
        assert tail.fresh([event(8_000, "b"), event(8_000, "c")]) == [event(8_000, "c")]

    @given(
        st.lists(
            st.lists(
                st.tuples(st.integers(0, OVERLAP_MS), st.sampled_from("ab"), st.sampled_from("xy")),
                max_size=8,
            ),
            max_size=12,
        )
    )
    def test_however_lines_come_each_is_given_once(self, rounds):
        """Each round's lines are stamped at most the overlap before the round's end."""
        group, tail, given_ = Group(), Tail(0), []
        for number, lines in enumerate(rounds):
            end_ms = 100_000 + number * 1_700
            group.events += [event(end_ms - late, text, stream) for late, text, stream in lines]
            given_ += tail.fresh(group.since(tail.since_ms))
        order = json.dumps
        assert sorted(given_, key=order) == sorted(group.events, key=order)


class TestShown:
    AT = 1_795_228_356_393

    @pytest.mark.parametrize(
        "text",
        [
            "START RequestId: 1 Version: $LATEST",
            "END RequestId: 1\n",
            "REPORT RequestId: 1\tDuration: 3 ms",
            "INIT_START Runtime Version: python:3.14",
            "",
            "\n",
            '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"fired":[2.0]}',
        ],
    )
    def test_lambdas_own_lines_and_metrics_are_left_out(self, text):
        assert list(shown(event(self.AT, text))) == []

    def test_a_plain_line_has_its_time_before_it(self):
        assert list(shown(event(self.AT, "hello\n"))) == [Shown("02:32:36.393 hello")]

    def test_several_lines_are_several(self):
        assert [one.text for one in shown(event(self.AT, "a\n  b\n"))] == ["02:32:36.393 a", "02:32:36.393   b"]

    def test_of_a_json_line_the_gist_is_shown(self):
        line = {"level": "INFO", "location": "note:31", "message": "turning", "service": "s", "instance": 1, "of": [2]}
        assert list(shown(event(self.AT, json.dumps(line)))) == [Shown("02:32:36.393 INFO turning instance=1 of=[2]")]

    def test_an_error_is_red_and_shows_where_it_came_from(self):
        line = {"level": "ERROR", "message": "went wrong", "exception": "Traceback\n  File x\nValueError: 1"}
        found = list(shown(event(self.AT, json.dumps(line))))
        assert {one.style for one in found} == {"red"}
        assert [one.text.split(maxsplit=1)[1] for one in found] == [
            "ERROR went wrong",
            "Traceback",
            "File x",
            "ValueError: 1",
        ]

    @pytest.mark.parametrize("text", ['{"a": 1}', "{not json", '["message"]', "START of something"])
    def test_what_only_looks_like_it_is_shown_as_it_is(self, text):
        assert list(shown(event(self.AT, text))) == [Shown(f"02:32:36.393 {text}")]


class Absent(Exception):
    pass


class Logs:
    """CloudWatch Logs as MiniStack has it: the first so many events, and no word of more."""

    class exceptions:  # noqa: N801 -- as boto3 names it
        ResourceNotFoundException = Absent

    def __init__(self, limit):
        self.limit, self.groups, self.failure = limit, {}, None

    def get_paginator(self, name):
        assert name == "filter_log_events"
        return self

    def paginate(self, logGroupName, startTime):  # noqa: N803 -- boto3's
        if self.failure:
            raise self.failure
        if logGroupName not in self.groups:
            raise Absent
        yield {"events": self.groups[logGroupName].since(startTime, self.limit)}


class Time:
    """A clock that is set; to sleep sets it on."""

    def __init__(self):
        self.ms = 1_000_000
        self.slept = []

    def now_ms(self):
        return self.ms

    monotonic_ms = now_ms

    def sleep(self, ms):
        self.slept.append(ms)
        self.ms += ms


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def logs(monkeypatch):
    monkeypatch.setattr(watch_logs, "PAGE", 3)
    return Logs(3)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def follower(logs, time, lines):
    groups = {Function.API: "/api", Function.ECHO: "/echo"}
    return Follower(logs, groups, lambda role, line: lines.append((role, line.text.split(maxsplit=1)[1])), time)


def test_only_what_comes_after_the_beginning_is_shown_and_each_function_by_its_name(follower, logs, time, lines):
    logs.groups = {"/api": Group(), "/echo": Group()}
    logs.groups["/api"].events = [event(time.ms - 1, "old"), event(time.ms, "new")]
    logs.groups["/echo"].events = [event(time.ms + 1, "other")]
    follower.look()
    follower.look()
    assert lines == [(Function.API, "new"), (Function.ECHO, "other")]


def test_more_lines_than_one_answer_holds_are_all_shown(follower, logs, time, lines):
    logs.groups = {"/api": Group()}
    logs.groups["/api"].events = [event(time.ms + n // 2, f"line {n}") for n in range(11)]
    follower.look()
    assert [text for _, text in lines] == [f"line {n}" for n in range(11)]


def test_a_group_that_is_not_there_yet_is_looked_for_again(follower, logs, time, lines):
    follower.look()
    logs.groups = {"/api": Group()}
    logs.groups["/api"].events = [event(time.ms, "first")]
    follower.look()
    assert lines == [(Function.API, "first")]


def test_an_engine_that_does_not_answer_is_told_and_asked_again(follower, logs, time, lines):
    logs.groups = {"/api": Group()}
    logs.failure = EndpointConnectionError(endpoint_url="http://gone")
    told = []

    def failed(error):
        told.append(error)
        logs.failure = None
        logs.groups["/api"].events = [event(time.ms, "back")]

    follower.follow(lambda: len(time.slept) < 2, failed)
    assert [type(error) for error in told] == [EndpointConnectionError]
    assert lines == [(Function.API, "back")]


def test_the_rest_grows_with_what_a_look_takes(follower, logs, time, monkeypatch):
    follower.follow(lambda: len(time.slept) < 1, pytest.fail)
    monkeypatch.setattr(follower, "look", lambda: setattr(time, "ms", time.ms + 400))
    follower.follow(lambda: len(time.slept) < 2, pytest.fail)
    assert time.slept == [watch_logs.REST_MS, watch_logs.IDLE_SHARE * 400]
