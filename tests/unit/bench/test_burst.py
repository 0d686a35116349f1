"""The burst bench: its arguments, and that it counts the burst and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from localstack.receiver import Arrival
from tests.bench import burst, cpu_time
from tests.bench.burst import BurstBench
from tests.bench.systems import Tidewheel, TooSlow, Wanted
from tidewheel.adapters.memory import SettableClock
from tidewheel.client import ApiError
from tidewheel.wire.problem import Problem

NOW = 1_795_000_000_400


class Receiver:
    """Notes what a system says that came."""

    def __init__(self):
        self.noted = []

    def url(self, tag):
        return f"http://127.0.0.1:9/{tag}"

    def arrivals(self):
        return list(self.noted)


class OnTime:
    """A system whose runs all start a moment after they were due."""

    name = "on-time"

    def __init__(self, receiver, clock, took_ms=0):
        self.receiver, self.clock, self.took_ms = receiver, clock, took_ms
        self.wanted, self.cleared = [], 0

    def lead_ms(self, count):
        return 10_000 + 200 * count

    def create(self, wanted):
        self.wanted.append(wanted)
        self.clock.advance(self.took_ms)
        self.receiver.noted += [
            Arrival(wanted.tag, f"{wanted.tag}-{n}", wanted.due_ms, wanted.due_ms, 1, wanted.due_ms + n)
            for n in range(wanted.count)
        ]

    def roles(self):
        return {7: "workers"}

    def clear(self):
        self.cleared += 1


@pytest.fixture
def clock(monkeypatch):
    """Time passes by waiting alone; a process uses a tenth of it."""
    settable = SettableClock(NOW)
    monkeypatch.setattr(cpu_time.processes, "cpu_ms", lambda pid: (settable.now_ms() - NOW) // 10)
    return settable


@pytest.fixture
def receiver():
    return Receiver()


def test_the_burst_is_told_from_the_one_that_warms_up(clock, receiver):
    system = OnTime(receiver, clock)
    found = BurstBench(receiver, clock).burst(system, 100, "high")
    assert [one.count for one in system.wanted] == [40, 100]
    assert (found["samples"], found["missing"], found["doubled"]) == (100, 0, 0)
    assert found["starts_ms"] == {"first": 0, "median": 49.5, "last": 99}
    assert system.cleared == 2


def test_all_are_due_at_one_whole_second(clock, receiver):
    system = OnTime(receiver, clock)
    BurstBench(receiver, clock).burst(system, 10, "high")
    assert {one.due_ms % 1_000 for one in system.wanted} == {0}


def test_cpu_is_that_from_shortly_before_to_the_end_and_of_the_receiver_too(clock, receiver):
    found = BurstBench(receiver, clock).burst(OnTime(receiver, clock), 100, None)
    window_ms = 10_000 + 1_000
    assert found["window_s"] == 11.0
    assert found["cpu_ms_a_run"]["workers"] == pytest.approx(window_ms / 10 / 100, abs=0.02)
    assert found["cpu_ms_a_run"].keys() == {"workers", "receiver", "in_all"}
    assert found["idle_cpu_ms_a_second"]["workers"] == pytest.approx(100, abs=0.2)
    assert found["cpu_ms_a_run_beyond_idle"]["workers"] == pytest.approx(0, abs=0.02)


def test_what_is_created_too_late_is_begun_again_and_earlier(clock, receiver):
    system = OnTime(receiver, clock, took_ms=11_000)
    found = BurstBench(receiver, clock).burst(system, 10, "high")
    assert (found["samples"], found["doubled"]) == (10, 0)
    assert found["created_ahead_ms"] >= 3_000
    assert len({one.tag for one in system.wanted}) == len(system.wanted) == 4


def test_what_is_never_created_ahead_is_no_burst(clock, receiver):
    with pytest.raises(TooSlow, match="on-time"):
        BurstBench(receiver, clock).burst(OnTime(receiver, clock, took_ms=200_000), 10, "high")


def test_a_job_that_was_refused_since_it_was_due_is_created_too_late(monkeypatch):
    monkeypatch.setattr("tests.bench.systems.SystemClock", lambda: SettableClock(NOW))
    refused = ApiError(Problem(type="x", title="refused", status=422, detail="in the past", instance="i"))

    class Api:
        def create_job(self, body):
            raise refused

    late, ahead = (Wanted(3, NOW + more, "http://127.0.0.1:9/x", "x", "high") for more in (0, 1_000))
    with pytest.raises(TooSlow):
        Tidewheel(None, Api(), 1.0).create(late)
    with pytest.raises(ApiError):
        Tidewheel(None, Api(), 1.0).create(ahead)


def test_options_have_defaults():
    assert vars(burst.options([])) == {
        "engine": "ministack",
        "burst": [1_000],
        "precision": ["high", "normal"],
        "rounds": 1,
        "beside": [],
    }


def test_options_are_read():
    given = ["--burst", "1000,5000", "--precision", "high", "--beside", "celery,apscheduler", "--rounds", "3"]
    read = burst.options(given)
    assert (read.burst, read.precision, read.beside, read.rounds) == (
        [1_000, 5_000],
        ["high"],
        ["celery", "apscheduler"],
        3,
    )


@pytest.mark.parametrize(
    "given",
    [
        ["--burst", "0"],
        ["--burst", "10,"],
        ["--burst", "many"],
        ["--precision", "highest"],
        ["--beside", "cron"],
        ["--rounds", "-1"],
    ],
)
def test_what_cannot_be_measured_is_refused(given, capsys):
    with pytest.raises(SystemExit):
        burst.options(given)
    assert given[0] in capsys.readouterr().err


def test_more_jobs_are_begun_earlier_and_a_slow_api_too():
    quick, slow = Tidewheel(None, None, 10.0), Tidewheel(None, None, 100.0)
    assert quick.lead_ms(100) < quick.lead_ms(1_000) < slow.lead_ms(1_000)


def test_processes_are_told_by_function(monkeypatch):
    rows = [
        SimpleNamespace(pid=1, group=1, alive=True),
        SimpleNamespace(pid=2, group=1, alive=True),
        SimpleNamespace(pid=3, group=1, alive=True),
        SimpleNamespace(pid=4, group=1, alive=True),
        SimpleNamespace(pid=5, group=5, alive=True),
    ]
    functions = {"tidewheel-worker": [2], "tidewheel-scheduler": [3], "tidewheel-api": [4]}
    stack = SimpleNamespace(engine_pid=1, among=lambda _table, function: functions.get(function, []))
    monkeypatch.setattr("tests.bench.systems.processes.process_table", lambda: rows)
    assert Tidewheel(stack, None, 1.0).roles() == {1: "emulator", 2: "workers", 3: "schedulers", 4: "others"}
