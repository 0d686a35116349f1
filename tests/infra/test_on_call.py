"""What the people on call hear of: alarms over what is counted, or over its absence, and the topic that they tell."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.support.cloudwatch import MINUTE_MS, Alarm, extracted
from tests.support.economy import live
from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.lines import LineTelemetry
from tidewheel.adapters.memory import SettableClock, SettableWatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.limits import QUARANTINE_CHARS, SKEW_WARNED_MS
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.pace import ECONOMY, LOOP
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.ports import Refused

NAMES = ("dead-letters", "clock-skew", "quarantine")
SILENCE = "no-scheduler"


def _alarms(done):
    return {
        each["Properties"]["AlarmName"]: each["Properties"] for each in done.service.of("CloudWatch::Alarm").values()
    }


def _alarm(done, name):
    return Alarm.of(_alarms(done)[name])


def _printed(capsys, telemetry, late_ms=0):
    """What CloudWatch makes of what a function prints."""
    telemetry.flush()
    return [datum for line in capsys.readouterr().out.splitlines() for datum in extracted(line, late_ms)]


class Stack(MemoryStack):
    """A deployment that prints as its functions do, and has one job."""

    def __init__(self, deployment="tidewheel"):
        super().__init__()
        self.telemetry = PowertoolsTelemetry("worker", deployment)
        self.create(every(3_600_000, self.clock.now_ms() + 60_000))

    def fails(self, result=Result.FAILED, status=404):
        self.caller.answers = lambda _: Answer(result, status)
        self.turn_for(90_000)
        assert self.caller.calls

    def gets(self, body):
        self.dead_letter_handler.handle([DeadLetter("m", body)])


def test_the_alarms_of_a_deployment(aws):
    assert set(_alarms(aws)) == {f"tidewheel-{name}" for name in (*NAMES, SILENCE)}


@pytest.mark.parametrize(
    "happens",
    [
        lambda stack: stack.fails(),
        lambda stack: stack.fails(Result.TIMED_OUT, None),
        lambda stack: stack.gets("poison"),
        lambda stack: stack.gets("x" * (QUARANTINE_CHARS + 1)),
    ],
    ids=["failed", "timed out", "not understood", "too long to be set aside"],
)
def test_what_a_function_prints_at_a_dead_letter_is_what_the_alarm_watches(aws, capsys, happens):
    stack, alarm = Stack(), _alarm(aws, "tidewheel-dead-letters")
    happens(stack)
    data = _printed(capsys, stack.telemetry)
    alarm.learn(data)
    assert sum(datum.value for datum in alarm.known) >= 1, data
    (first, *_) = alarm.known
    assert alarm.rings(first.at_ms + MINUTE_MS)


def test_a_success_rings_nothing(aws, capsys):
    stack, alarm = Stack(), _alarm(aws, "tidewheel-dead-letters")
    stack.turn_for(90_000)
    data = _printed(capsys, stack.telemetry)
    alarm.learn(data)
    assert stack.caller.calls
    assert data
    assert not alarm.known


def test_an_end_whose_follow_up_failed_is_counted_when_its_message_comes_back(aws, capsys):
    stack, alarm = Stack(), _alarm(aws, "tidewheel-dead-letters")
    stack.fails()
    _printed(capsys, stack.telemetry)  # its process died before it printed
    (record,) = stack.world.executions.values()
    stack.ends.settle(record, None)
    alarm.learn(_printed(capsys, stack.telemetry))
    assert alarm.known


def test_a_clock_that_is_off_is_told_of_by_what_its_guard_counts(aws, capsys):
    telemetry, alarm = PowertoolsTelemetry("scheduler", "tidewheel"), _alarm(aws, "tidewheel-clock-skew")
    watch = SettableWatch(ahead_ms=SKEW_WARNED_MS + 1)
    ClockGuard(watch, SettableClock(0), telemetry).standing  # noqa: B018 - it warns when it is asked
    alarm.learn(_printed(capsys, telemetry))
    assert len(alarm.known) == 1


@pytest.mark.parametrize("refuses", [False, True], ids=["set aside", "not even that"])
def test_what_a_scheduler_prints_of_a_bad_entry_is_what_the_alarm_watches(aws, capsys, refuses):
    stack, alarm = Stack(), _alarm(aws, "tidewheel-quarantine")
    stack.world.singles[late(0)]["e#0000000000001#default#bad#o1"] = "nonsense"
    if refuses:

        def refuse(_item):
            raise Refused("wheel.quarantine", "it", "ValidationException", mendable=False)

        stack.wheel.quarantine = refuse
    stack.turn_for(30_000)
    alarm.learn(_printed(capsys, stack.telemetry))
    assert sum(datum.value for datum in alarm.known) == 1
    assert alarm.rings(alarm.known[0].at_ms + MINUTE_MS)
    assert bool(stack.world.quarantine) is not refuses


def test_a_pools_worker_prints_the_same_as_a_function(capsys):
    function, worker = PowertoolsTelemetry("worker", "acme"), LineTelemetry("worker-x", "acme", SettableClock(5))
    for telemetry in (function, worker):
        telemetry.count("dead_letter_added")
        telemetry.count("message_returned", 2, priority="high")
    printed = _printed(capsys, function)
    worker.flush()
    others = [datum for line in capsys.readouterr().err.splitlines() for datum in extracted(line)]
    assert [replace(datum, at_ms=5, arrived_ms=5) for datum in printed] == others


# --- what is evaluated ----------------------------------------------------------------------------------------

AT_MS = (
    1_795_000_019_600 - 1_795_000_019_600 % MINUTE_MS + MINUTE_MS - 400
)  # so that hardly anything arrives within its minute
LATE = [0, 1_000, 45_000, 90_000, 3 * MINUTE_MS, 8 * MINUTE_MS]


def _counted(capsys, late_ms, deployment="tidewheel"):
    telemetry = PowertoolsTelemetry("worker", deployment)
    telemetry.count("dead_letter_added")
    telemetry.count("clock_skew")
    telemetry.count("entry_given_up")
    return [replace(each, at_ms=AT_MS, arrived_ms=AT_MS + late_ms) for each in _printed(capsys, telemetry)]


def _rang(alarm, minutes=40):
    """The minutes after which it was evaluated as in alarm; each minute is, ten seconds after it ended."""
    first = AT_MS // MINUTE_MS
    return [n for n in range(1, minutes) if alarm.rings((first + n) * MINUTE_MS + 10_000)]


@pytest.mark.parametrize("late_ms", LATE)
@pytest.mark.parametrize("name", NAMES)
def test_one_count_rings_once_however_late_it_arrives(aws, capsys, name, late_ms):
    alarm = _alarm(aws, f"tidewheel-{name}")
    alarm.learn(_counted(capsys, late_ms))
    rang = _rang(alarm)
    assert rang, "silent"
    assert rang == list(range(rang[0], rang[-1] + 1)), "more than one alarm for one count"
    assert rang[-1] <= 10


def test_a_formula_over_one_minute_as_it_was_stays_silent(aws, capsys):
    """The plant: what this test suite is to catch."""
    alarm = replace(_alarm(aws, "tidewheel-dead-letters"), filled=True, periods=1, known=[])
    alarm.learn(_counted(capsys, 90_000))
    assert alarm.known
    assert not _rang(alarm)


def test_nothing_counted_rings_nothing(aws):
    assert [_rang(_alarm(aws, f"tidewheel-{name}")) for name in NAMES] == [[], [], []]


def test_two_deployments_do_not_ring_each_others_alarms(aws, synthesise, capsys):
    other = synthesise(deployment="acme")
    for mine, counted_by in (("tidewheel", "acme"), ("acme", "tidewheel")):
        for name in NAMES:
            alarm = _alarm(other if mine == "acme" else aws, f"{mine}-{name}")
            alarm.learn(_counted(capsys, 0, counted_by))
            assert not alarm.known
            alarm.learn(_counted(capsys, 0, mine))
            assert _rang(alarm)


# --- silence --------------------------------------------------------------------------------------------------


def _scheduled(minutes, late_ms, *, pace=LOOP):
    """What CloudWatch knows of so many minutes of scheduling, by the deployment's own clock; and when they ended."""
    stream, stack = io.StringIO(), MemoryStack(pace=pace)
    stack.telemetry = LineTelemetry("scheduler", "tidewheel", stack.clock, stream)
    if pace.loops:
        stack.turn_for(minutes * MINUTE_MS)
    else:
        live(stack, minutes * MINUTE_MS)
    return [
        datum for line in stream.getvalue().splitlines() for datum in extracted(line, late_ms)
    ], stack.clock.now_ms()


@pytest.mark.parametrize("late_ms", LATE)
@pytest.mark.parametrize("pace", [LOOP, ECONOMY], ids=["loop", "economy"])
def test_a_scheduler_that_runs_keeps_the_alarm_of_its_absence_silent(aws, late_ms, pace):
    alarm = _alarm(aws, f"tidewheel-{SILENCE}")
    data, ended_ms = _scheduled(25, late_ms, pace=pace)
    alarm.learn(data)
    first, last = START_MS // MINUTE_MS, ended_ms // MINUTE_MS
    known = (late_ms + MINUTE_MS - 1) // MINUTE_MS + 1  # minutes until the first of them is
    assert not [n for n in range(first + known, last) if alarm.rings(n * MINUTE_MS + 10_000)]


@pytest.mark.parametrize("late_ms", LATE)
def test_ten_minutes_without_a_scheduler_ring_until_one_runs_again(aws, late_ms):
    alarm = _alarm(aws, f"tidewheel-{SILENCE}")
    data, _ = _scheduled(15, late_ms)
    alarm.learn(data)
    last = max(datum.at_ms for datum in alarm.known) // MINUTE_MS
    quiet = [n for n in range(1, 30) if alarm.rings((last + n) * MINUTE_MS + 10_000)]
    assert quiet[0] == 11, "ten full minutes after the last one with a count"
    assert quiet[-1] == 29
    back_ms = (last + 30) * MINUTE_MS
    alarm.learn([replace(alarm.known[-1], at_ms=back_ms, arrived_ms=back_ms + late_ms)])
    assert not alarm.rings(back_ms + late_ms + MINUTE_MS)


def test_another_deployments_schedulers_do_not_stand_in(aws, synthesise):
    alarm = _alarm(synthesise(deployment="acme"), f"acme-{SILENCE}")
    data, ended_ms = _scheduled(15, 0)
    alarm.learn(data)
    assert data
    assert alarm.rings(ended_ms)


# --- the topic ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, SILENCE])
def test_an_alarm_tells_the_topic(aws, name):
    (topic,) = aws.service.of("SNS::Topic")
    assert _alarms(aws)[f"tidewheel-{name}"]["AlarmActions"] == [{"Ref": topic}]
    assert aws.service.of("SNS::Topic")[topic]["Properties"]["TopicName"] == "tidewheel-on-call"


def test_cloudwatch_alone_may_publish_and_only_over_tls(aws):
    (policy,) = aws.service.of("SNS::TopicPolicy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    allowed = [each for each in statements if each["Effect"] == "Allow"]
    (publish,) = allowed
    assert (publish["Principal"], publish["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert any(
        each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for each in statements if each not in allowed
    )


def test_a_laptop_wakes_nobody(local):
    assert not local.service.of("SNS::Topic")
    assert not local.service.of("CloudWatch::Alarm")
