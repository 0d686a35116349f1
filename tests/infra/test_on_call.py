"""The people on call hear of dead letters and of clocks: alarms over what is counted, and the topic that they tell."""

import json

import pytest

from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry
from tidewheel.adapters.memory import SettableClock, SettableWatch
from tidewheel.domain.limits import SKEW_WARNED_MS
from tidewheel.engine.common.clock_guard import ClockGuard


def _alarm(aws, name):
    alarms = {
        each["Properties"]["AlarmName"]: each["Properties"] for each in aws.service.of("CloudWatch::Alarm").values()
    }
    assert set(alarms) == {"tidewheel-dead-letters", "tidewheel-clock-skew"}
    return alarms[f"tidewheel-{name}"]


def _metrics(aws):
    stats = [each["MetricStat"] for each in _alarm(aws, "dead-letters")["Metrics"] if "MetricStat" in each]
    return [(each["Metric"], each["Stat"], each["Period"]) for each in stats]


def _emitted(telemetry, capsys):
    """What the functions' telemetry writes, as an alarm names it."""
    telemetry.flush()
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in written:
        (each,) = line["_aws"]["CloudWatchMetrics"]
        (dimensions,) = each["Dimensions"]
        yield {
            "Namespace": each["Namespace"],
            "MetricName": each["Metrics"][0]["Name"],
            "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
        }


@pytest.mark.parametrize("name", ["dead-letters", "clock-skew"])
def test_an_alarm_tells_the_topic_at_the_first_count(aws, name):
    alarm = _alarm(aws, name)
    (topic,) = aws.service.of("SNS::Topic")
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, 1, "notBreaching")
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert aws.service.of("SNS::Topic")[topic]["Properties"]["TopicName"] == "tidewheel-on-call"


def test_dead_letters_are_added_up_over_a_minute(aws):
    assert {(stat, period) for _, stat, period in _metrics(aws)} == {("Sum", 60)}
    (total,) = (each["Expression"] for each in _alarm(aws, "dead-letters")["Metrics"] if "Expression" in each)
    assert total.count("FILL(") == len(_metrics(aws))


def test_it_counts_what_the_functions_count_under_the_same_name_and_dimension(aws, capsys):
    telemetry = PowertoolsTelemetry("worker")
    watched = [metric for metric, *_ in _metrics(aws)]
    for metric in watched:
        ((outcome,),) = [[each["Value"] for each in metric["Dimensions"]]]
        telemetry.count(metric["MetricName"], outcome=outcome)
    assert list(_emitted(telemetry, capsys)) == watched


def test_a_clock_that_is_off_is_told_of_by_what_its_guard_counts(aws, capsys):
    telemetry = PowertoolsTelemetry("worker")
    watch = SettableWatch(ahead_ms=SKEW_WARNED_MS + 1)
    ClockGuard(watch, SettableClock(0), telemetry).standing  # noqa: B018 - it warns when it is asked
    alarm = _alarm(aws, "clock-skew")
    watched = {key: alarm.get(key, []) for key in ("Namespace", "MetricName", "Dimensions")}
    assert watched in list(_emitted(telemetry, capsys))
    assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 300)


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
