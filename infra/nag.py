"""Rules that the app is held to at every synthesis, and the way to except one resource from one rule."""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct, IConstruct


def enforce(app: App) -> None:
    """Fails the synthesis on any finding that is not acknowledged; the reasons go into the templates."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, write_suppressions_to_cloud_formation=True))


def acknowledge(construct: Construct, rule: str, reason: str) -> None:
    """Excepts the one resource behind this construct from a rule.

    An acknowledgement holds for everything below it, so it is never tied to a stack or a part of one.
    """
    resource: IConstruct = construct.node.default_child or construct
    Validations.of(resource).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))


def acknowledge_pattern(role: IConstruct, arn: str, reason: str) -> None:
    """Excepts one resource pattern of what a role was allowed from the rule against wildcards."""
    policy = role.node.find_child("DefaultPolicy")
    assert isinstance(policy, Construct)
    acknowledge(policy, f"IAM5[Resource::{_written(Stack.of(policy).resolve(arn))}]", reason)


def _written(value: Any) -> str:
    """A text with references as the rules write it: each as its name in angle brackets."""
    match value:
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(_written, parts))
        case {"Ref": str(name)}:
            return f"<{name}>"
        case _:
            return str(value)
