"""Deploys the CDK app to the local cloud with the real CDK CLI, and wakes the scheduler."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localstack import processes
from localstack.engine import tail
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import ACCOUNT, CONTEXT_VARIABLE, CREDENTIALS, ECONOMY_VARIABLE, REGION, cdk_environ

BOOTSTRAP_STACK = "CDKToolkit"
_LAST_LINES = 25
_CDK_SECONDS = 900.0  # it tries again without end when an engine has gone
_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_BEGUN = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
_NOT_MADE = ("CREATE_FAILED", "UPDATE_FAILED")  # after an update LocalStack calls a stack with such a resource complete
_NOT_BUILT = "deployed as a fallback"  # LocalStack's word for a resource that it only pretends to create
_NO_ID = "unknown"  # and the physical id that it gives to one
_NESTED = "AWS::CloudFormation::Stack"
_UNRECOGNIZED = re.compile(r"Unrecognized resource types: \[(?P<types>[^\]]*)\]")


def client(service: Any, endpoint: str) -> Any:
    """A client of the local cloud that reads nothing of the user's AWS configuration."""
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    config = Config(proxies={}, connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})
    return session.client(service, endpoint_url=endpoint, config=config)


def bootstrapped(endpoint: str) -> bool:
    """Whether the CDK's own stack is there."""
    try:
        stacks = client("cloudformation", endpoint).describe_stacks(StackName=BOOTSTRAP_STACK)["Stacks"]
    except ClientError:
        return False
    return any(stack["StackStatus"] in _DEPLOYED for stack in stacks)


def bootstrap(places: Places, endpoint: str) -> None:
    """Prepares the account for the CDK, from a folder without an app: there is none to synthesize yet."""
    _cdk(places, endpoint, places.engine, "bootstrap", f"aws://{ACCOUNT}/{REGION}")


def deploy(places: Places, endpoint: str, context: Sequence[str] = ()) -> None:
    """Deploys both stacks, and refuses what an engine only pretended to deploy.

    Args:
        places: Where the app is.
        endpoint: The engine's.
        context: Settings of the app that the engine asks for, as ``key=value``; the user's outweigh them.

    Raises:
        LocalCloudError: The CDK failed, or a resource is only pretended; either way it is named.
    """
    places.cdk_outputs.unlink(missing_ok=True)
    arguments = ("--all", "--require-approval", "never", "--method", "direct", "--progress", "events")
    economy = os.environ.get(ECONOMY_VARIABLE) or "false"
    settings = ("target=local", f"economy={economy}", *context, *os.environ.get(CONTEXT_VARIABLE, "").split())
    told = [part for setting in settings for part in ("--context", setting)]
    outputs = ("--output", str(_assembly(places)), "--outputs-file", str(places.cdk_outputs))
    _manifest(places).unlink(missing_ok=True)
    try:
        _cdk(places, endpoint, places.root, "deploy", *arguments, *told, *outputs)
    except LocalCloudError as error:
        lines = [error.detail, *(f"Not deployed: {reason}" for reason in _reasons(places, endpoint))]
        raise LocalCloudError(str(error), "\n".join(lines)) from error
    refuse_pretended(client("cloudformation", endpoint), stack_names(places))


def _reasons(places: Places, endpoint: str) -> list[str]:
    """What can be said of a deployment that failed; nothing when the app or the engine has."""
    if not _manifest(places).exists():
        return []
    try:
        return unrecognized(places) or failed(client("cloudformation", endpoint), stack_names(places))
    except BotoCoreError:  # the engine has gone
        return []


def wake(endpoint: str, function: str) -> None:
    """Runs what the clock wakes each minute once, so that nobody waits for it."""
    try:
        client("lambda", endpoint).invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    except (BotoCoreError, ClientError) as error:
        raise LocalCloudError(f"{function} did not start ({error}): run `make up` again.") from error


def _cdk(places: Places, endpoint: str, folder: Path, verb: str, *arguments: str) -> None:
    command = [str(places.cdk), verb, *arguments, "--no-notices", "--ci"]
    environ = cdk_environ(os.environ, places, endpoint)
    child = processes.start_detached(command, environ, places.deploy_log, folder)
    try:
        ended_badly = child.wait(_CDK_SECONDS) != 0
    except subprocess.TimeoutExpired:
        ended_badly = True
    finally:
        processes.end_child(child)  # too slow, or interrupted
    if ended_badly:
        raise LocalCloudError(
            f"cdk {verb} failed: see {places.deploy_log}, then run `make up` again "
            "(the local cloud still runs; `make down` ends it).",
            tail(places.deploy_log, _LAST_LINES),
        )


def stack_names(places: Places) -> list[str]:
    """The stacks of the app as it was synthesized last."""
    manifest = json.loads(_manifest(places).read_text())
    artifacts = manifest.get("artifacts", {}).items()
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
            if event["ResourceStatus"] in _BEGUN:
                return  # what is older is of deployments before
        elif event["ResourceStatus"].endswith("_FAILED"):
            yield f"{_named(event)}: {event.get('ResourceStatusReason') or 'no reason given'}"


def unrecognized(places: Places) -> list[str]:
    """The resources whose types an engine does not know: MiniStack refuses the whole template and names types alone."""
    found = _UNRECOGNIZED.search(places.deploy_log.read_text(errors="replace"))
    types = {part.strip() for part in found["types"].split(",")} if found else set()
    templates = [json.loads(file.read_text()) for file in sorted(_assembly(places).glob("*.template.json"))]
    resources = [one for template in templates for one in template.get("Resources", {}).items()]
    return [f"{id} ({one['Type']}): the engine has no such type" for id, one in resources if one["Type"] in types]


def _assembly(places: Places) -> Path:
    return places.local / "cdk.out"


def _manifest(places: Places) -> Path:
    return _assembly(places) / "manifest.json"


def _named(resource: Mapping[str, Any]) -> str:
    return f"{resource['LogicalResourceId']} ({resource['ResourceType']})"
