"""The questions that are put to an account, each by one call of an SDK client that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from infra.preflight.findings import Absent, reading


@dataclass(frozen=True)
class Account:
    """An account and region, through clients by service name.

    Every question raises ``Unread`` if it cannot be answered.

    Args:
        client: Gives the SDK's client of a service.
        region_name: The region, if one is named.
    """

    client: Callable[[str], Any]
    region_name: str | None

    def number(self) -> str:
        """The account's number."""
        with reading():
            return str(self.client("sts").get_caller_identity()["Account"])

    def region(self) -> str | None:
        """The region; None if none is named."""
        return self.region_name

    def bootstrap(self, qualifier: str) -> int | None:
        """The version of the CDK's bootstrap; None if there is none."""
        try:
            with reading():
                name = f"/cdk-bootstrap/{qualifier}/version"
                return int(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except Absent:
            return None

    def stack(self, name: str) -> tuple[str, bool] | None:
        """A stack's status, and whether it is protected against deletion; None if there is none."""
        try:
            with reading():
                (stack,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except Absent:
            return None
        return stack["StackStatus"], bool(stack.get("EnableTerminationProtection"))

    def concurrency(self) -> tuple[int, int]:
        """How many executions of functions the account may have at once, and how many of them nobody has reserved."""
        with reading():
            limit = self.client("lambda").get_account_settings()["AccountLimit"]
        return limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]

    def reserved(self, function: str) -> int:
        """What a function has reserved; 0 if it has nothing, or does not exist."""
        try:
            with reading():
                answer = self.client("lambda").get_function_concurrency(FunctionName=function)
        except Absent:
            return 0
        return int(answer.get("ReservedConcurrentExecutions", 0))

    def gateway_role(self) -> str | None:
        """The role by which API Gateway writes logs in this account and region."""
        with reading():
            return self.client("apigateway").get_account().get("cloudwatchRoleArn") or None

    def has(self, kind: str, name: str) -> bool:
        """Whether there is something of a kind and a name; a bucket may be anyone's.

        Raises:
            KeyError: Nobody knows how to look for this kind.
        """
        return self._there(partial(self._LOOK[kind], self, name))

    def _log_group(self, name: str) -> None:
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if not any(group["logGroupName"] == name for group in groups):
            raise Absent(name)

    def _topic(self, name: str) -> None:
        arn = f"arn:aws:sns:{self.region()}:{self.number()}:{name}"
        self.client("sns").get_topic_attributes(TopicArn=arn)

    def _cluster(self, name: str) -> None:
        clusters = self.client("ecs").describe_clusters(clusters=[name])["clusters"]
        if not any(cluster["status"] == "ACTIVE" for cluster in clusters):
            raise Absent(name)

    def _there(self, ask: Callable[[], object]) -> bool:
        try:
            with reading():
                ask()
        except Absent:
            return False
        return True

    _LOOK: ClassVar[Mapping[str, Callable[[Account, str], object]]] = {
        "table": lambda self, name: self.client("dynamodb").describe_table(TableName=name),
        "bucket": lambda self, name: self.client("s3").head_bucket(Bucket=name),
        "queue": lambda self, name: self.client("sqs").get_queue_url(QueueName=name),
        "function": lambda self, name: self.client("lambda").get_function(FunctionName=name),
        "log group": _log_group,
        "topic": _topic,
        "cluster": _cluster,
    }
    """How to look for each kind of thing with a fixed name."""
