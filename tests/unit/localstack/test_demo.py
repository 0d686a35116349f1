"""The demo: what its jobs must do, the account of what came, and when it is over."""

from __future__ import annotations

import itertools
from dataclasses import replace

import httpx
import pytest

from localstack.demo import screen as demo_screen
from localstack.demo.account import Account, Lateness, Promise, quantile
from localstack.demo.jobs import INTERVALS, KINDS, LAMBDA, ONE_TIME, RUN_MS, at_once, instant, scheduled
from localstack.demo.main import Demo
from localstack.demo.screen import Plain, View, summarize
from localstack.demo.stack import Bench, slow_when_warming
from localstack.receiver import Arrival, Receiver, Reply
from tests.support.instants import first_of
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import SettableClock
from tidewheel.wire.convert import builder_of
from tidewheel.wire.reading import read_job

BEGIN = 1_763_657_220_000  # 2025-11-20T16:47:00Z
NOW = BEGIN - 10_000
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:tidewheel-echo"


def url(tag):
    return f"http://127.0.0.1:9/{tag}"


def arrival(tag="a", nominal=1_000, late=5, key=None, attempt=1):
    return Arrival(tag, key or f"{tag}@{nominal}", nominal, nominal, attempt, nominal + late)


def account(*arrivals, nominals=(1_000, 2_000)):
    return Account.of([Promise("a", ONE_TIME, "high", nominals)], arrivals)


class TestQuantile:
    @pytest.mark.parametrize(
        ("values", "share", "found"),
        [([], 0.5, None), ([7], 0.99, 7), ([1, 2, 3, 4], 0.5, 2), (list(range(1, 101)), 0.99, 99), ([3, 1, 2], 1.0, 3)],
    )
    def test_by_nearest_rank(self, values, share, found):
        assert quantile(values, share) == found


class TestAccount:
    def test_all_came_once_and_in_time(self):
        found = account(arrival(), arrival(nominal=2_000, late=0))
        assert found.sound
        assert (found.expected, found.received) == (2, 2)
        assert found.lateness("high") == Lateness(2, 0, 5, 5)
        assert found.lateness("normal") == Lateness(0, None, None, None)

    def test_what_did_not_come_is_missing(self):
        found = account(arrival())
        assert found.missing == [("a", 2_000)]
        assert not found.sound

    def test_a_repeated_key_is_a_duplicate_whatever_its_attempt(self):
        found = account(arrival(), arrival(attempt=2), arrival(nominal=2_000))
        assert (found.duplicate, found.received, found.sound) == (1, 2, False)

    def test_one_fire_under_two_keys_is_a_duplicate(self):
        assert account(arrival(), arrival(key="other"), arrival(nominal=2_000)).duplicate == 1

    def test_what_comes_before_it_is_due_is_early(self):
        found = account(arrival(late=-1), arrival(nominal=2_000))
        assert len(found.early) == 1
        assert not found.sound

    def test_a_due_time_before_the_nominal_time_hides_nothing(self):
        assert len(account(replace(arrival(late=-1), due_ms=0)).early) == 1

    def test_an_instant_that_was_not_named_is_unexpected(self):
        found = account(arrival(), arrival(nominal=2_000), arrival(nominal=3_000))
        assert (found.unexpected, found.sound) == ([("a", 3_000)], False)

    def test_others_requests_are_passed_over(self):
        assert account(arrival(), arrival(nominal=2_000), arrival("warm-1")).sound

    def test_a_job_that_runs_at_once_runs_once(self):
        promises = [Promise("now", ONE_TIME, "normal", None)]
        assert Account.of(promises, [arrival("now", 123)]).sound
        assert Account.of(promises, []).missing == [("now", 0)]
        assert Account.of(promises, [arrival("now", 123), arrival("now", 456)]).duplicate == 1

    def test_due_by_counts_what_has_passed(self):
        assert [account().due_by(now) for now in (999, 1_000, 2_500)] == [0, 1, 2]

    def test_the_part_of_a_kind(self):
        promises = [Promise("a", ONE_TIME, "high", (1_000,)), Promise("b", INTERVALS, "high", (1_000,))]
        part = Account.of(promises, [arrival("a"), arrival("b")]).of_kind(INTERVALS)
        assert [one.tag for one in part.arrivals] == ["b"]


class TestJobs:
    @pytest.mark.parametrize("begin", [BEGIN, BEGIN + 1, BEGIN + 4_999])
    def test_each_promise_is_what_the_scheduler_would_name(self, begin):
        for planned in scheduled(url, FUNCTION, begin):
            schedule = builder_of(read_job(dict(planned.body)))("j0000000000000000", NOW, None).schedule
            assert tuple(first_of(schedule, NOW, 100)) == planned.promise.nominals

    def test_every_kind_and_both_tiers_are_there(self):
        jobs = [at_once(url, "now"), *scheduled(url, FUNCTION, BEGIN)]
        assert {job.promise.kind for job in jobs} == set(KINDS)
        http = [job.promise for job in jobs if job.promise.kind != LAMBDA]
        fires = {tier: sum(one.fires for one in http if one.precision == tier) for tier in ("high", "normal")}
        assert min(fires.values()) > 90
        assert len({job.promise.tag for job in jobs}) == len(jobs)

    def test_they_end_with_the_run_and_come_in_the_order_of_their_first_instants(self):
        promises = [job.promise for job in scheduled(url, FUNCTION, BEGIN)]
        firsts = [promise.nominals[0] for promise in promises]
        assert firsts == sorted(firsts)
        assert max(promise.nominals[-1] for promise in promises) < BEGIN + RUN_MS

    def test_one_time_jobs_are_spread_over_the_run(self):
        instants = sorted(
            ms for job in scheduled(url, FUNCTION, BEGIN) for ms in job.promise.nominals if job.promise.kind == ONE_TIME
        )
        assert len(set(instants)) == len(instants) == 40
        assert max(b - a for a, b in itertools.pairwise(instants)) < 1_500

    def test_a_run_at_once_has_no_schedule(self):
        assert "schedule" not in at_once(url, "now").body


class FakeReceiver:
    def __init__(self, clock, arrivals=()):
        self.clock, self.all, self.url = clock, arrivals, url

    def arrivals(self):
        return [one for one in self.all if one.arrived_ms <= self.clock.now_ms()]


class FakeClient:
    def executions(self, _job):
        return []


class Shown:
    def __init__(self):
        self.views = []

    def show(self, view):
        self.views.append(view)


def demo(arrivals=(), nominals=(BEGIN,)):
    clock = SettableClock(BEGIN)
    made = Demo(Bench(FakeClient(), FakeReceiver(clock, arrivals), clock), FUNCTION)
    made.promises.append(Promise("a", ONE_TIME, "high", nominals))
    return made, clock


class TestWatch:
    def test_it_ends_when_all_has_come_and_the_run_is_over(self):
        made, clock = demo([arrival(nominal=BEGIN)])
        shown = Shown()
        assert made.watch(BEGIN, shown).sound
        assert RUN_MS < clock.now_ms() - BEGIN < RUN_MS + 5_000
        assert shown.views[-1].progress == 1.0

    def test_it_waits_for_stragglers(self):
        made, clock = demo([arrival(nominal=BEGIN, late=RUN_MS + 20_000)])
        assert made.watch(BEGIN, Shown()).sound
        assert clock.now_ms() - BEGIN < RUN_MS + 30_000

    def test_it_does_not_wait_for_ever(self):
        made, clock = demo()
        assert made.watch(BEGIN, Shown()).missing == [("a", BEGIN)]
        assert clock.now_ms() - BEGIN < RUN_MS + 60_000


class TestScreen:
    def test_plain_lines_come_every_few_seconds(self, capsys):
        plain = Plain()
        for now in range(BEGIN, BEGIN + 10_000, 250):
            plain.show(View(account(arrival()), now, 0.5))
        assert len(capsys.readouterr().out.splitlines()) == 2

    def test_the_summary_says_what_is_wrong(self, capsys):
        found = account(arrival(nominal=2_000), nominals=(1_000, 2_000))
        summarize(found, found)
        told = capsys.readouterr().out
        assert "expected 2, received 1, missing 1, duplicate 0, early 0" in told
        assert "missing: a, for 00:00:01.000 UTC" in told
        assert "NOT" in told

    def test_the_table_holds_every_kind(self):
        console = demo_screen.Console(width=120)
        with console.capture() as capture:
            console.print(demo_screen.table(View(account(arrival()), BEGIN, 0.5)))
        assert all(kind in capture.get() for kind in KINDS)


@pytest.mark.allow_hosts(["127.0.0.1"])
class TestReceiver:
    def test_it_notes_what_a_worker_says(self):
        headers = {
            "Idempotency-Key": "k",
            "Tidewheel-Nominal-Time": "1000",
            "Tidewheel-Due-Time": "1005",
            "Tidewheel-Attempt": "2",
        }
        before = SystemClock().now_ms()
        with Receiver() as receiver, httpx.Client() as client:
            assert client.post(receiver.url("a"), headers=headers, json={"x": 1}).text == "ok"
            assert client.post(receiver.url("b")).status_code == 200
            first, second = receiver.arrivals()
        assert (first.tag, first.key, first.nominal_ms, first.due_ms, first.attempt) == ("a", "k", 1000, 1005, 2)
        assert first.body == b'{"x":1}'
        assert first.arrived_ms >= before
        assert (second.tag, second.key, second.due_ms) == ("b", "", 0)

    def test_it_answers_as_it_is_told(self):
        with Receiver(lambda one: Reply(503 if one.tag == "bad" else 200, body=b"x")) as receiver:
            assert httpx.post(receiver.url("bad")).status_code == 503
            assert httpx.post(receiver.url("good")).content == b"x"

    def test_its_end_does_not_wait_for_a_slow_reply(self):
        with Receiver(lambda _: Reply(delay_ms=600_000)) as receiver, pytest.raises(httpx.ReadTimeout):
            httpx.post(receiver.url("slow"), timeout=0.1)

    def test_only_warm_up_runs_are_held(self):
        assert slow_when_warming(arrival("warm-1")).delay_ms
        assert not slow_when_warming(arrival("at-1")).delay_ms


def test_instants_are_written_as_the_api_does():
    assert instant(BEGIN) == "2025-11-20T16:47:00.000Z"
