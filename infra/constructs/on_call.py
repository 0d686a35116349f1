"""The topic that tells the people on call of what they should look at: dead letters, quarantine, clocks, schedulers."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.config import Config
from tidewheel import names
from tidewheel.telemetry.every_metric import DEPLOYMENT, UNIT
from tidewheel.telemetry.metrics import METRICS

PERIOD = Duration.minutes(1)
PERIODS = 10
"""So many minutes are looked at: a count in any of them rings, or that there is none in all of them.

Metrics come out of log lines, so a minute's count may arrive minutes after an alarm has looked at that minute. An alarm
over one period never looks again; nor does one over a formula with ``FILL``, in which no minute is ever missing (Amazon
CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data").
"""


class OnCall(Construct):
    """Alarms over the counts of all functions and workers of this deployment, and the topic that they tell.

    An alarm tells of the first count after ten minutes without one, not of each of a thousand; that of schedulers, of
    ten minutes without one. A message holds numbers alone, nothing of any job. An alarm watches one metric as it is
    written, never a formula.
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
            "dead_letter_added",
        )
        self._tell(
            "ClockSkew",
            "clock-skew",
            "The clock of a machine that runs Tidewheel is off by more than a second: its log says which way. "
            "Beyond five it takes no work. See to its NTP service.",
            "clock_skew",
        )
        self._tell(
            "Quarantine",
            "quarantine",
            "A scheduler could not understand or store an entry of the wheel, or its job, and set it aside: what it "
            "stood for does not fire. The scheduler's log says what it was and why.",
            "entry_given_up",
        )
        self._tell_of_silence(
            "NoScheduler",
            "no-scheduler",
            "No scheduler was there for ten minutes: nothing fires. See whether the watchdog's rule is enabled, the "
            "watchdog's and the scheduler's logs, and whether the account's Lambda concurrency is used up.",
            "scheduler_reported",
        )

    def _tell(self, id: str, name: str, description: str, metric: str) -> None:
        """Adds an alarm that tells the topic when a metric was counted.

        A minute without a count has no data point, which means that nothing happened: it is not breaching. That nothing
        runs at all is not this alarm's to see.
        """
        self._alarm(
            id,
            name,
            description,
            metric,
            datapoints_to_alarm=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _tell_of_silence(self, id: str, name: str, description: str, metric: str) -> None:
        """Adds an alarm that tells the topic when a metric that is counted each minute was not, in none of them.

        What is not counted has no data point: here that is breaching. One minute whose count has not arrived yet is
        not enough, so that late log lines do not ring.
        """
        self._alarm(
            id,
            name,
            description,
            metric,
            datapoints_to_alarm=PERIODS,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )

    def _alarm(self, id: str, name: str, description: str, metric: str, **when: Any) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=self._config.physical(name),
            alarm_description=description,
            metric=self._sum(metric),
            threshold=1,
            evaluation_periods=PERIODS,
            **when,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _sum(self, name: str) -> cloudwatch.Metric:
        """The sum of a metric of this deployment over a period.

        Raises:
            KeyError: There is no such metric.
            ValueError: It is divided further, and an alarm watches one part at a time.
        """
        metric = METRICS[name]
        if metric.dimensions:
            raise ValueError(f"{name} is divided by {sorted(metric.dimension_names)}: an alarm would see a part alone")
        return cloudwatch.Metric(
            namespace=names.METRICS_NAMESPACE,
            metric_name=metric.name,
            dimensions_map={DEPLOYMENT: self._config.deployment},
            statistic="Sum",
            period=PERIOD,
            unit=cloudwatch.Unit(UNIT.upper()),
        )
