"""The people on call hear of dead letters: one alarm over what the functions count, and the topic that it tells."""

import json

from tidewheel.adapters.aws.telemetry import PowertoolsTelemetry


def _alarm(aws):
    (alarm,) = aws.service.of("CloudWatch::Alarm").values()
    return alarm["Properties"]


def _metrics(aws):
    stats = [each["MetricStat"] for each in _alarm(aws)["Metrics"] if "MetricStat" in each]
    return [(each["Metric"], each["Stat"], each["Period"]) for each in stats]


def test_an_alarm_tells_the_topic_once_something_died_in_a_minute(aws, as_text):
    alarm = _alarm(aws)
    (topic,) = aws.service.of("SNS::Topic")
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, 1, "notBreaching")
    assert aws.service.of("SNS::Topic")[topic]["Properties"]["TopicName"] == "tidewheel-on-call"
    assert {(stat, period) for _, stat, period in _metrics(aws)} == {("Sum", 60)}
    (total,) = (each["Expression"] for each in alarm["Metrics"] if "Expression" in each)
    assert total.count("FILL(") == len(_metrics(aws))


def test_it_counts_what_the_functions_count_under_the_same_name_and_dimension(aws, capsys):
    telemetry = PowertoolsTelemetry("worker")
    watched = [metric for metric, *_ in _metrics(aws)]
    for metric in watched:
        ((outcome,),) = [[each["Value"] for each in metric["Dimensions"]]]
        telemetry.count(metric["MetricName"], outcome=outcome)
    telemetry.flush()
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emitted = []
    for line in written:
        (each,) = line["_aws"]["CloudWatchMetrics"]
        (dimensions,) = each["Dimensions"]
        emitted.append(
            {
                "Namespace": each["Namespace"],
                "MetricName": each["Metrics"][0]["Name"],
                "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
            }
        )
    assert emitted == watched


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
