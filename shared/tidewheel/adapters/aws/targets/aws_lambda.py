"""The ``lambda`` target: invokes another function and keeps its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import functions
from tidewheel.adapters.aws.targets.calling import answered
from tidewheel.adapters.aws.targets.messages import identity
from tidewheel.adapters.targets.answers import excerpt
from tidewheel.adapters.targets.secret_resolver import SecretResolver, SecretUnavailable
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Call, Caller, Secrets

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

KIND = "lambda"


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    return LambdaTarget(LambdaInvoker(), surroundings.secrets)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function answered.

    Args:
        status: The service's status code.
        body: What the function returned, as JSON.
        error: ``Handled`` or ``Unhandled`` if the function raised, else empty.
    """

    status: int
    body: bytes = b""
    error: str = ""


Invoke = Callable[[str, bytes, int], Invocation]
"""Invokes a function (name or ARN) with a JSON payload, and waits at least so many ms for its answer."""


@dataclass(frozen=True, slots=True)
class LambdaTarget:
    """``ports.Caller`` for the kind ``lambda``.

    The function's event is the job's ``payload`` beside ``tidewheel``: the execution's id, to be used as an
    idempotency key, and the rest of what an HTTP target gets as headers.

    Args:
        invoke: Invokes a function.
        secrets: What a payload may refer to.
    """

    invoke: Invoke
    secrets: Secrets

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        try:
            payload = SecretResolver(self.secrets, call).resolved(call.target.spec.get("payload"))
        except SecretUnavailable as error:
            return error.answer()
        event = json.dumps({"payload": payload, "tidewheel": identity(call)}).encode()
        function = str(call.target.spec["function"])
        return answered(
            call, lambda: self.invoke(function, event, call.timeout_ms), lambda went: _answer_of(call, went)
        )


def _answer_of(call: Call, went: Invocation) -> Answer:
    """The answer. It has no status if the function raised: the service's status only says that the function was run."""
    call.progress.write(went.body)
    if went.error:
        reason = f"the function raised an error ({went.error.lower()})"
        return Answer(Result.FAILED, output=excerpt(went.body), reason=reason)
    return Answer(Result.SUCCEEDED, went.status, excerpt(went.body))


@dataclass(slots=True)
class LambdaInvoker:
    """Invokes target functions and waits for their answers.

    The read time-out of a client is fixed when it is made, so there is one client for each power of two in seconds,
    eleven at most. The caller stops waiting earlier if its own time-out is shorter.
    """

    _clients: dict[int, LambdaClient] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, function: str, payload: bytes, timeout_ms: int) -> Invocation:
        """What the function answered.

        Raises:
            ClientError: The service refused.
            BotoCoreError: It could not be reached, or gave no answer.
        """
        answer = self._client(timeout_ms).invoke(FunctionName=function, Payload=payload)
        return Invocation(answer["StatusCode"], answer["Payload"].read(), answer.get("FunctionError", ""))

    def _client(self, timeout_ms: int) -> LambdaClient:
        seconds = 1
        while seconds * SECOND_MS < timeout_ms:
            seconds *= 2
        with self._making:
            if seconds not in self._clients:
                self._clients[seconds] = functions(seconds * SECOND_MS)
            return self._clients[seconds]
