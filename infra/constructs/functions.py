"""One function of the service: its code, its own role, its own log group."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import nag
from infra.assets import HOST, Asset
from infra.config import Config
from infra.constructs.logs import log_group
from tidewheel import names

NO_RETRIES = 0
MAX_EVENT_AGE = Duration.seconds(60)
"""Of what is invoked asynchronously: the next minute brings another, so a late one is of no use."""


@dataclass(frozen=True)
class Shape:
    """How large a function is, and whether it takes part in a loop on purpose.

    Without ``loops`` AWS stops a function that invokes itself, or feeds its own queue, after some 16 rounds.
    """

    memory: int
    seconds: int
    loops: bool = False


class ServiceFunction(Construct):
    """A function that may do nothing but write its log until it is allowed more."""

    def __init__(
        self,
        scope: Construct,
        role: names.Function,
        *,
        config: Config,
        asset: Asset,
        shape: Shape,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, "".join(word.capitalize() for word in role.split("_")))
        self._logs = log_group(self, "Logs", names.log_group(config.physical(role)))
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], self._logs.log_group_arn)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=config.physical(role),
            code=lambda_.Code.from_asset(str(asset.path), asset_hash=asset.digest),
            handler=f"functions.{role}.handler.handler",
            runtime=lambda_.Runtime(f"python{HOST.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=_architecture(config),
            memory_size=shape.memory,
            timeout=Duration.seconds(shape.seconds),
            environment=dict(environment),
            role=self._role,
            log_group=self._logs,
            recursive_loop=lambda_.RecursiveLoop.ALLOW if shape.loops else lambda_.RecursiveLoop.TERMINATE,
            reserved_concurrent_executions=config.capacity.reserved.get(role),
        )
        nag.acknowledge(self.function, "L1", "Functions run on the Python that the tests ran with.")

    def allow(self, actions: list[str], *resources: str) -> None:
        """Allows the function these actions on exactly these resources."""
        self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=list(resources)))

    def invoke_once(self) -> None:
        """An asynchronous invocation that fails or comes late is not repeated."""
        self.function.configure_async_invoke(retry_attempts=NO_RETRIES, max_event_age=MAX_EVENT_AGE)

    def acknowledge_pattern(self, pattern: str, reason: str) -> None:
        """Says why one permission of the function is a pattern."""
        nag.acknowledge_pattern(self._role, pattern, reason)


def _architecture(config: Config) -> lambda_.Architecture:
    arm = not config.local or platform.machine() in {"aarch64", "arm64"}
    return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64
