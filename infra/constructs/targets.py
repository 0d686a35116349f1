"""What a pool's workers may call for jobs.

Jobs are defined after the deployment, so this is agreed by name: ``<deployment>-target-*``, in the deployment's own
account and region. Databases have no such names; they are listed when it is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from aws_cdk import ArnFormat

from infra.constructs.arns import Arns
from tidewheel.names import Function

ROLE = "target-*"

_BY_NAME = "Jobs are defined after the deployment: what they may call is agreed by name."
_BY_RDS = "What RDS manages or its query editor made has these names; which clusters it opens is a list."
_SECRETS = ("rds-db-credentials/*", "rds!cluster-*")

Right = tuple[list[str], list[str]]
"""Actions, and the ARNs that they are allowed on."""


class Grantee(Protocol):
    """Whoever runs the workers of a pool."""

    def allow(self, actions: list[str], *resources: str) -> None: ...
    def acknowledge_pattern(self, pattern: str, reason: str) -> None: ...


def allow_targets(grantee: Grantee, arns: Arns) -> None:
    """Allows every kind of target that AWS has a say in."""
    for reason, rights in ((_BY_NAME, [*_functions(arns), *_named(arns)]), (_BY_RDS, list(_databases(arns)))):
        for actions, resources in rights:
            grantee.allow(actions, *resources)
            for resource in resources:
                if "*" in resource:
                    grantee.acknowledge_pattern(resource, reason)


def _functions(arns: Arns) -> Iterator[Right]:
    named = list(arns.config.target_functions) or [arns.function(ROLE)]
    if arns.config.local:
        named.append(arns.function(Function.ECHO))
    yield ["lambda:InvokeFunction"], named


def _named(arns: Arns) -> Iterator[Right]:
    yield ["sqs:GetQueueUrl", "sqs:SendMessage"], [_arn(arns, "sqs")]
    yield ["sns:Publish"], [_arn(arns, "sns")]
    yield ["events:PutEvents"], [_arn(arns, "events", "event-bus", ArnFormat.SLASH_RESOURCE_NAME)]
    yield ["states:StartExecution"], [_arn(arns, "states", "stateMachine", ArnFormat.COLON_RESOURCE_NAME)]
    runs = _arn(arns, "states", "execution", ArnFormat.COLON_RESOURCE_NAME)
    yield ["states:DescribeExecution", "states:StopExecution"], [runs]


def _arn(arns: Arns, service: str, resource: str = "", form: ArnFormat = ArnFormat.NO_RESOURCE_NAME) -> str:
    name = arns.config.physical(ROLE)
    if form is ArnFormat.NO_RESOURCE_NAME:
        return arns.stack.format_arn(service=service, resource=name, arn_format=form)
    return arns.stack.format_arn(service=service, resource=resource, resource_name=name, arn_format=form)


def _databases(arns: Arns) -> Iterator[Right]:
    """The Data API reads the secret that a job names with the rights of whoever asks it."""
    if arns.config.sql_clusters:
        yield ["rds-data:ExecuteStatement"], list(arns.config.sql_clusters)
        yield ["secretsmanager:GetSecretValue"], [arns.secret(pattern) for pattern in _SECRETS]
