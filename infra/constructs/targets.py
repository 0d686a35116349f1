"""What a pool's workers may call for jobs: the rights that the kinds of target declare.

Jobs are defined after the deployment, so this is agreed by name: ``<deployment>-target-*``, in the deployment's own
account and region. What has no such names is listed when Tidewheel is deployed.
"""

from __future__ import annotations

from typing import Protocol

from aws_cdk import ArnFormat

from infra.constructs.arns import Arns
from tidewheel.names import Function
from tidewheel.wire.targets import MODELS

ROLE = "target-*"


class Grantee(Protocol):
    """Whoever runs the workers of a pool."""

    def allow(self, actions: list[str], *resources: str) -> None: ...
    def acknowledge_pattern(self, pattern: str, reason: str) -> None: ...


def allow_targets(grantee: Grantee, arns: Arns, pool: str) -> None:
    """Allows each kind of target that runs on a pool what its model declares.

    On the local cloud the sample function may be called too.
    """
    for kind, model in MODELS.items():
        for right in model.RIGHTS if arns.config.runs(kind, pool) else ():
            service = right.actions[0].partition(":")[0]
            resources = [_arn(arns, service, resource) for resource in right.granted(arns.config.listed)]
            if not resources:
                continue
            grantee.allow(list(right.actions), *resources)
            for resource in resources:
                if "*" in resource:
                    grantee.acknowledge_pattern(resource, right.reason)
    if arns.config.local:
        grantee.allow(["lambda:InvokeFunction"], arns.function(Function.ECHO))


def _arn(arns: Arns, service: str, resource: str) -> str:
    """The ARN, given it, or what follows the account in it."""
    if resource.startswith("arn:"):
        return resource
    named = resource.format(target=arns.config.physical(ROLE))
    return arns.stack.format_arn(service=service, resource=named, arn_format=ArnFormat.NO_RESOURCE_NAME)
