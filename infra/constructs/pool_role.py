"""The role of a pool whose workers are machines that this stack does not start."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import nag

SESSION = Duration.hours(12)
"""The longest that a role allows (AWS IAM, MaxSessionDuration); the SDK renews it before it ends."""


class PoolRole(Construct):
    """A role that identities of this account may assume, if their own policies let them.

    It may do nothing until it is allowed to. CloudFormation names it: names of roles are one list for all regions of an
    account, and one deployment may be in several.
    """

    def __init__(self, scope: Construct, id: str, *, pool: str) -> None:
        super().__init__(scope, id)
        self._role = iam.Role(
            self,
            "Role",
            description=f"Tidewheel: workers of the pool {pool}",
            assumed_by=iam.AccountRootPrincipal(),
            max_session_duration=SESSION,
        )

    @property
    def arn(self) -> str:
        """The ARN by which machines assume it."""
        return self._role.role_arn

    def allow(self, actions: list[str], *resources: str) -> None:
        """Allows the workers these actions on exactly these resources."""
        self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=list(resources)))

    def acknowledge_pattern(self, pattern: str, reason: str) -> None:
        """Says why one permission of the workers is a pattern."""
        nag.acknowledge_pattern(self._role, pattern, reason)
