"""Changes the functions of a running stack without CloudFormation, and remembers that, so that ``make up`` can undo it.

CloudFormation compares a template with the one before. When code was changed behind its back, it would take for
deployed what is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localstack import deploy
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import ACCOUNT, REGION
from localstack.watch.code import code_sha256, key_of
from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Env, Function, physical

SERVICE_STACK = "service"
KEPT = 1_000
"""How many deployments are remembered. Only the last of each function can still be running."""
_LOOK_MS = 50
_SETTLED_MS = 30_000
UNHEARD_MS = 3_000
"""LocalStack may lose what is sent to a function within 2 s of its update: who polled for the old code takes it."""


class Unanswered(LocalCloudError):
    """The engine did not answer: it may have ended."""


@contextmanager
def told(what: str, remedy: str) -> Iterator[None]:
    """Says of any refusal by the engine what it was about and what to do."""
    try:
        yield
    except ClientError as error:
        raise LocalCloudError(f"{what} ({error}): {remedy}") from error
    except BotoCoreError as error:
        raise Unanswered(f"{what}, the local cloud does not answer ({error}): {remedy}") from error


@dataclass(frozen=True)
class Record:
    """What ``make watch`` deployed: the digest of the asset by the hash that Lambda gives the code."""

    path: Path

    def read(self) -> dict[str, str]:
        """All that is remembered; nothing when there is no file, or none that can be read."""
        with suppress(OSError, ValueError, AttributeError):
            return {str(sha): str(digest) for sha, digest in json.loads(self.path.read_text()).items()}
        return {}

    def add(self, sha256: str, digest: str) -> None:
        """Remembers code; to be called before it is deployed, or a crash in between would lose it."""
        found = self.read()
        found.pop(sha256, None)
        latest = [*found.items(), (sha256, digest)][-KEPT:]
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(dict(latest)) + "\n")
        fresh.replace(self.path)


@dataclass(frozen=True)
class Intended:
    """A function as the deployed template has it.

    Args:
        function: The physical name.
        bucket: Where its zip lies.
        key: Of the zip.
        version: The version of the scheduler's code that it is told, if it asks for it.
    """

    function: str
    bucket: str
    key: str
    version: str | None


def intended(template: Mapping[str, Any]) -> list[Intended]:
    """The functions of a template of the service stack."""
    properties = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    return [
        Intended(
            one["FunctionName"],
            _resolved(one["Code"]["S3Bucket"]),
            _resolved(one["Code"]["S3Key"]),
            one.get("Environment", {}).get("Variables", {}).get(Env.CODE_VERSION),
        )
        for one in properties
    ]


def _resolved(value: Any) -> str:
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    return str(text).replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)


def _variables(configuration: Mapping[str, Any]) -> dict[str, str]:
    return dict(configuration.get("Environment", {}).get("Variables", {}))


def with_digest(version: str, digest: str) -> str:
    """A code version that names another asset of the scheduler; what follows the digest in it stays."""
    _, dash, rest = version.partition("-")
    return f"{digest}{dash}{rest}"


class Functions:
    """The functions of a running stack.

    Args:
        lambda_: A client of the engine.
        cloudformation: Another one.
        deployment: The name of the deployment.
        record: Where to remember what was deployed here.
        clock: For waiting.
    """

    def __init__(self, lambda_: Any, cloudformation: Any, deployment: str, record: Record, clock: SystemClock) -> None:
        self._lambda = lambda_
        self._cloudformation = cloudformation
        self._deployment = deployment
        self._record = record
        self._clock = clock

    @classmethod
    def at(cls, endpoint: str, deployment: str, record: Record, clock: SystemClock) -> Functions:
        """The functions of the stack on an engine."""
        lambda_, cloudformation = deploy.client("lambda", endpoint), deploy.client("cloudformation", endpoint)
        return cls(lambda_, cloudformation, deployment, record, clock)

    def name(self, role: Function) -> str:
        """The physical name of a function."""
        return physical(self._deployment, role)

    def running(self) -> dict[Function, str]:
        """What each function of the stack runs: the key of its asset."""
        remembered = self._record.read()
        wanted = {one.function: one for one in self._intended()}
        found = {}
        for role in Function:
            if one := wanted.get(self.name(role)):
                with told(f"{one.function} cannot be looked at", "run `make up` again"):
                    digest = remembered.get(self._configuration(one.function)["CodeSha256"])
                found[role] = key_of(digest) if digest else one.key.removesuffix(".zip")
        return found

    def put(self, role: Function, digest: str, archive: bytes) -> None:
        """Has a function run other code from its next invocation on.

        Raises:
            Unanswered: The engine does not answer.
            LocalCloudError: It refuses.
        """
        name = self.name(role)
        with told(f"{name} was not updated", "save again, or run `make up`"):
            self._record.add(code_sha256(archive), digest)
            self._await_settled(name)
            self._lambda.update_function_code(FunctionName=name, ZipFile=archive)

    def tell_version(self, digest: str) -> bool:
        """Tells the scheduler and the watchdog which asset the scheduler runs.

        To be called when it runs it: new code that is told an old version lets newer code take over, and old code
        that is told a new version would not.

        Returns:
            Whether one of them did not know.

        Raises:
            Unanswered: The engine does not answer.
            LocalCloudError: It refuses.
        """
        news = False
        for role in (Function.SCHEDULER, Function.WATCHDOG):
            name = self.name(role)
            with told(f"{name} was not told its code version", "save again, or run `make up`"), self._absent_is_fine():
                variables = _variables(self._configuration(name))
                version = variables.get(Env.CODE_VERSION)
                if version is not None:
                    news |= self._set_version(name, variables, with_digest(version, digest))
        return news

    def put_right(self) -> list[str]:
        """Gives the functions that ``make watch`` has changed the code and the version that the template names.

        Returns:
            The functions that ran other code.

        Raises:
            LocalCloudError: The engine refuses or does not answer.
        """
        remembered = self._record.read()
        changed = []
        for one in self._intended():
            with told(f"{one.function} could not be set to what was deployed", "run `make up` again"):
                configuration = self._configuration(one.function)
                if configuration["CodeSha256"] in remembered:
                    changed.append(one.function)
                    self._await_settled(one.function)
                    self._lambda.update_function_code(FunctionName=one.function, S3Bucket=one.bucket, S3Key=one.key)
                if one.version is not None:
                    self._set_version(one.function, _variables(configuration), one.version)
        if changed:
            self._clock.sleep(UNHEARD_MS)  # whoever wakes a function now is heard
        return changed

    @contextmanager
    def _absent_is_fine(self) -> Iterator[None]:
        """Economy mode has no watchdog."""
        with suppress(self._lambda.exceptions.ResourceNotFoundException):
            yield

    def _set_version(self, name: str, variables: Mapping[str, str], version: str) -> bool:
        if variables.get(Env.CODE_VERSION) == version:
            return False
        self._await_settled(name)
        changed = {**variables, Env.CODE_VERSION.value: version}
        self._lambda.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
        self._await_settled(name)  # who is invoked next must know it
        return True

    def _configuration(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._lambda.get_function_configuration(FunctionName=name)
        return found

    def _await_settled(self, name: str) -> None:
        """One change after another: AWS refuses a second one, and LocalStack mixes them up."""
        until = self._clock.monotonic_ms() + _SETTLED_MS
        while self._configuration(name).get("LastUpdateStatus") == "InProgress" and self._clock.monotonic_ms() < until:
            self._clock.sleep(_LOOK_MS)

    def _intended(self) -> list[Intended]:
        stack = physical(self._deployment, SERVICE_STACK)
        with told(f"The stack {stack} cannot be read", "run `make up` again"):
            body = self._cloudformation.get_template(StackName=stack)["TemplateBody"]
        return intended(json.loads(body) if isinstance(body, str) else body)


def deployment_of(minute_function: str) -> str:
    """The deployment whose minute function has this name."""
    return minute_function.rpartition("-")[0]


def put_right(places: Places, endpoint: str, minute_function: str) -> list[str]:
    """Undoes what ``make watch`` has done to a stack that was deployed anew since; nothing when it did nothing.

    Returns:
        The functions that ran other code.
    """
    record = Record(places.watch_record)
    if not record.read():
        return []
    return Functions.at(endpoint, deployment_of(minute_function), record, SystemClock()).put_right()
