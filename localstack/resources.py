"""What became of the resources of a deployment: which are there by name alone, and which failed, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localstack.errors import LocalCloudError
from localstack.places import Places

_IN_PROGRESS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
_NOT_MADE = ("CREATE_FAILED", "UPDATE_FAILED")  # after an update LocalStack calls a stack with such a resource complete
_NOT_BUILT = "deployed as a fallback"  # LocalStack's word for a resource that it only pretends to create
_NO_ID = "unknown"  # and the physical id that it gives to one
_NESTED = "AWS::CloudFormation::Stack"
_UNRECOGNIZED = re.compile(r"Unrecognized resource types: \[(?P<types>[^\]]*)\]")


def assembly(places: Places) -> Path:
    """Where the app is synthesized to."""
    return places.local / "cdk.out"


def manifest(places: Places) -> Path:
    """What the app was synthesized to last, if that went well."""
    return assembly(places) / "manifest.json"


def stack_names(places: Places) -> list[str]:
    """The stacks of the app as it was synthesized last."""
    artifacts = json.loads(manifest(places).read_text()).get("artifacts", {}).items()
    stacks = {id: one for id, one in artifacts if one["type"] == "aws:cloudformation:stack"}
    return [one.get("properties", {}).get("stackName", id) for id, one in stacks.items()]


def _pages(cloudformation: Any, verb: str, found: str, stack: str) -> Iterator[Mapping[str, Any]]:
    for page in cloudformation.get_paginator(verb).paginate(StackName=stack):
        yield from page[found]


def refuse_pretended(cloudformation: Any, stacks: Iterable[str]) -> None:
    """Stops when a resource that a stack now has is there by name alone: an engine may count a deployment as complete
    although it lacks the type, or failed to create one resource of it.

    Args:
        cloudformation: A client of the engine.
        stacks: Names; those nested in them are looked at too, and no others.

    Raises:
        LocalCloudError: It names each resource with its type.
    """
    pretended = [one for stack in stacks for one in _pretended(cloudformation, stack)]
    if pretended:
        raise LocalCloudError(
            f"The engine only pretends to have {', '.join(pretended)}: leave that out where target is local, "
            "then deploy again."
        )


def _pretended(cloudformation: Any, stack: str) -> Iterator[str]:
    """An event counts while its resource is there and no later one says otherwise: a resource that was faked once, and
    has been removed or replaced since, is mended.
    """
    reasons: dict[str, str] = {}
    for event in _pages(cloudformation, "describe_stack_events", "StackEvents", stack):  # the newest first
        if event["ResourceStatus"].endswith("_COMPLETE"):
            reasons.setdefault(event["LogicalResourceId"], event.get("ResourceStatusReason") or "")
    for resource in _pages(cloudformation, "list_stack_resources", "StackResourceSummaries", stack):
        faked = _NOT_BUILT in reasons.get(resource["LogicalResourceId"], "")
        if faked or resource.get("PhysicalResourceId") == _NO_ID or resource["ResourceStatus"] in _NOT_MADE:
            yield _named(resource)
        elif resource["ResourceType"] == _NESTED:
            yield from _pretended(cloudformation, resource["PhysicalResourceId"])


def failed(cloudformation: Any, stacks: Iterable[str]) -> list[str]:
    """The resources at which the last deployments of these stacks failed, with the reasons."""
    found: list[str] = []
    for stack in stacks:
        with suppress(ClientError):  # the deployment did not come as far as this stack
            found += _failed(cloudformation, stack)
    return found


def _failed(cloudformation: Any, stack: str) -> Iterator[str]:
    for event in _pages(cloudformation, "describe_stack_events", "StackEvents", stack):  # the newest first
        if event.get("PhysicalResourceId") == event["StackId"]:
            if event["ResourceStatus"] in _IN_PROGRESS:
                return  # what is older is of deployments before
        elif event["ResourceStatus"].endswith("_FAILED"):
            yield f"{_named(event)}: {event.get('ResourceStatusReason') or 'no reason given'}"


def unrecognized(places: Places) -> list[str]:
    """The resources whose types an engine does not know: MiniStack refuses the whole template and names types alone."""
    found = _UNRECOGNIZED.search(places.deploy_log.read_text(errors="replace"))
    types = {part.strip() for part in found["types"].split(",")} if found else set()
    templates = [json.loads(file.read_text()) for file in sorted(assembly(places).glob("*.template.json"))]
    resources = [one for template in templates for one in template.get("Resources", {}).items()]
    return [f"{id} ({one['Type']}): the engine has no such type" for id, one in resources if one["Type"] in types]


def _named(resource: Mapping[str, Any]) -> str:
    return f"{resource['LogicalResourceId']} ({resource['ResourceType']})"
