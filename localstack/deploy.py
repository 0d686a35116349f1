"""Deploys the CDK app to the local cloud with the real CDK CLI, and wakes the scheduler."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localstack import processes
from localstack.engines.base import tail
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.resources import assembly, failed, manifest, refuse_pretended, stack_names, unrecognized
from localstack.settings import ACCOUNT, CONTEXT_VARIABLE, CREDENTIALS, ECONOMY_VARIABLE, REGION, cdk_environ

BOOTSTRAP_STACK = "CDKToolkit"
_LAST_LINES = 25
_CDK_SECONDS = 900.0  # it tries again without end when an engine has gone
_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


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
    output = ("--output", str(assembly(places)))  # which no more than shows whose it is
    _cdk(places, endpoint, places.engine, "bootstrap", f"aws://{ACCOUNT}/{REGION}", *output)


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
    outputs = ("--output", str(assembly(places)), "--outputs-file", str(places.cdk_outputs))
    manifest(places).unlink(missing_ok=True)
    try:
        _cdk(places, endpoint, places.root, "deploy", *arguments, *told, *outputs)
    except LocalCloudError as error:
        lines = [error.detail, *(f"Not deployed: {reason}" for reason in _reasons(places, endpoint))]
        raise LocalCloudError(str(error), "\n".join(lines)) from error
    refuse_pretended(client("cloudformation", endpoint), stack_names(places))


def _reasons(places: Places, endpoint: str) -> list[str]:
    """What can be said of a deployment that failed; nothing when the app or the engine has."""
    if not manifest(places).exists():
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
