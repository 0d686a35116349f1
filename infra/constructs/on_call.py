"""The topic that tells the people on call when executions end as dead letters, or a machine's clock is off."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.config import Config
from tidewheel import names
from tidewheel.telemetry.metrics import METRICS

_DEAD_LETTERS = {
    "dead": ("message_handled", "dead"),
    "failed": ("message_handled", "failed"),
    "timed_out": ("message_handled", "timed_out"),
    "marked_dead": ("dead_letter_handled", "marked_dead"),
    "quarantined": ("dead_letter_handled", "quarantined"),
    "too_long": ("dead_letter_handled", "too_long"),
}
"""By name in the alarm's expression: a metric and its outcome that stand for a dead letter."""

_SKEW_PERIOD = Duration.minutes(5)
"""A process warns once a minute at most, so that some minutes have no warning, but no five: one alarm, not several."""


class OnCall(Construct):
    """Alarms over the counts of all functions and workers, and the topic that they tell.

    An alarm tells of the first dead letter after a minute without one, not of each of a thousand; its message holds
    numbers alone, nothing of any job.
    """

    def __init__(self, scope: Construct, id: str, *, config: Config) -> None:
        super().__init__(scope, id)
        self._config = config
        self.topic = sns.Topic(self, "Topic", topic_name=config.physical(names.ON_CALL), enforce_ssl=True)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        self._tell(
            "DeadLetters",
            "dead-letters",
            "Executions ended without success, or messages could not be understood: see them with "
            "`tidewheel dead-letters list`, and in quarantine.",
            _dead_letters(),
        )
        self._tell(
            "ClockSkew",
            "clock-skew",
            "The clock of a machine that runs Tidewheel is off by more than a second: its log says which way. "
            "Beyond five it takes no work. See to its NTP service.",
            _sum("clock_skew", period=_SKEW_PERIOD),
        )

    def _tell(self, id: str, name: str, description: str, metric: cloudwatch.IMetric) -> None:
        """Adds an alarm that tells the topic when a count is above zero."""
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=self._config.physical(name),
            alarm_description=description,
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def _sum(name: str, period: Duration, **dimensions: str) -> cloudwatch.Metric:
    """The sum of a metric over a period.

    Raises:
        KeyError: There is no such metric.
        ValueError: It has other dimensions, or is never counted with such a value.
    """
    metric = METRICS[name]
    metric.require(dimensions)
    return cloudwatch.Metric(
        namespace=names.METRICS_NAMESPACE,
        metric_name=metric.name,
        dimensions_map=dimensions,
        statistic="Sum",
        period=period,
    )


def _dead_letters() -> cloudwatch.MathExpression:
    minute = Duration.minutes(1)
    metrics: dict[str, cloudwatch.IMetric] = {
        name: _sum(metric, minute, outcome=outcome) for name, (metric, outcome) in _DEAD_LETTERS.items()
    }
    total = " + ".join(f"FILL({name}, 0)" for name in metrics)
    return cloudwatch.MathExpression(expression=total, using_metrics=metrics, label="dead letters", period=minute)
