"""The topic that tells the people on call when executions end as dead letters."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.config import Config
from tidewheel import names

_COUNTED = {
    "dead": ("handled", "dead"),
    "failed": ("handled", "failed"),
    "late": ("handled", "timed_out"),
    "buried": ("dead_letter", "buried"),
    "aside": ("dead_letter", "quarantined"),
    "long": ("dead_letter", "too_long"),
}
"""What counts as a dead letter: the metric, and its outcome."""


class OnCall(Construct):
    """An alarm over the counts of all functions, and the topic that it tells.

    The alarm is the rate limit: it speaks when the first execution dies after a quiet minute, not for each of a
    thousand; and what it says holds numbers alone, nothing of any job.
    """

    def __init__(self, scope: Construct, id: str, *, config: Config) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", topic_name=config.physical(names.ON_CALL), enforce_ssl=True)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        alarm = cloudwatch.Alarm(
            self,
            "DeadLetters",
            alarm_name=config.physical("dead-letters"),
            alarm_description="Executions ended without success, or messages could not be understood: see them with "
            "`tidewheel dead-letters list`, and in quarantine.",
            metric=_all(),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def _all() -> cloudwatch.MathExpression:
    minute = Duration.minutes(1)
    metrics: dict[str, cloudwatch.IMetric] = {
        name: cloudwatch.Metric(
            namespace=names.METRICS,
            metric_name=metric,
            dimensions_map={"outcome": outcome},
            statistic="Sum",
            period=minute,
        )
        for name, (metric, outcome) in _COUNTED.items()
    }
    total = " + ".join(f"FILL({name}, 0)" for name in metrics)
    return cloudwatch.MathExpression(expression=total, using_metrics=metrics, label="dead letters", period=minute)
