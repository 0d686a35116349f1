"""What becomes of data when its stack goes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from infra.config import Config


def removal(config: Config) -> RemovalPolicy:
    """In an account data outlives its stack, apart from the one operation that created it.

    Rolled back, a creation leaves nothing: names are fixed, and what was kept would stand in the way of the next try
    (CloudFormation, "DeletionPolicy attribute": ``RetainExceptOnCreate``).
    """
    return RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
