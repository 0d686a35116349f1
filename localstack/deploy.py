"""Deploys the CDK app to the local cloud with the real CDK CLI, and wakes the scheduler."""

from __future__ import annotations

import os
import subprocess
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
_NOT_BUILT = "deployed as a fallback"  # LocalStack's word for a resource that it only pretends to create


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


def deploy(places: Places, endpoint: str) -> None:
    """Deploys both stacks, and refuses one that an engine only pretended to deploy."""
    places.cdk_outputs.unlink(missing_ok=True)
    arguments = ("--all", "--require-approval", "never", "--method", "direct", "--progress", "events")
    economy = os.environ.get(ECONOMY_VARIABLE) or "false"
    context = (
        "--context",
        "target=local",
        "--context",
        f"economy={economy}",
        *(part for setting in os.environ.get(CONTEXT_VARIABLE, "").split() for part in ("--context", setting)),
        "--output",
        str(places.local / "cdk.out"),
    )
    outputs = ("--outputs-file", str(places.cdk_outputs))
    _cdk(places, endpoint, places.root, "deploy", *arguments, *context, *outputs)
    _refuse_pretended(endpoint)


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
        failed = child.wait(_CDK_SECONDS) != 0
    except subprocess.TimeoutExpired:
        failed = True
    finally:
        processes.end_child(child)  # too slow, or interrupted
    if failed:
        raise LocalCloudError(
            f"cdk {verb} failed: see {places.deploy_log}, then run `make up` again "
            "(the local cloud still runs; `make down` ends it).",
            tail(places.deploy_log, _LAST_LINES),
        )


def _refuse_pretended(endpoint: str) -> None:
    cloudformation = client("cloudformation", endpoint)
    stacks = cloudformation.list_stacks(StackStatusFilter=list(_DEPLOYED))["StackSummaries"]
    for stack in stacks:
        events = cloudformation.describe_stack_events(StackName=stack["StackName"])["StackEvents"]
        for event in events:
            if _NOT_BUILT in (event.get("ResourceStatusReason") or ""):
                raise LocalCloudError(
                    f"The engine only pretends to create {event['LogicalResourceId']} "
                    f"({event['ResourceType']}): leave it out where target is local."
                )
