"""The ``lambda`` target: invokes another function and keeps its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tidewheel.adapters.aws.clients import code_of, functions
from tidewheel.adapters.targets.answers import excerpt, timed_out
from tidewheel.adapters.targets.revealing import NotRevealed, Revealing
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.execution import Answer, Result
from tidewheel.ports import Call, Caller, Secrets

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

KIND = "lambda"
_CLIENTS = 16


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    return LambdaTarget(LambdaInvoker(), surroundings.secrets)


@dataclass(frozen=True, slots=True)
class Invocation:
    """How an invocation went.

    Args:
        status: The service's status code.
        body: What the function returned, as JSON.
        error: ``Handled`` or ``Unhandled`` if the function raised, else empty.
        problem: Why the function could not be invoked, else empty.
        permanent: Whether another try would meet the same problem.
        timed_out: Whether no answer came in time.
    """

    status: int | None = None
    body: bytes = b""
    error: str = ""
    problem: str = ""
    permanent: bool = False
    timed_out: bool = False


Invoke = Callable[[str, bytes, int], Invocation]
"""Invokes a function (name or ARN) with a JSON payload, waiting at most so many ms."""


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
            payload = Revealing(self.secrets, call).everywhere(call.target.spec.get("payload"))
        except NotRevealed as error:
            return error.answer()
        event = {
            "payload": payload,
            "tidewheel": {
                "execution": call.execution,
                "nominal_ms": call.nominal_ms,
                "due_ms": call.due_ms,
                "attempt": call.attempt,
                "fencing_token": call.attempt,
            },
        }
        went = self.invoke(str(call.target.spec["function"]), json.dumps(event).encode(), call.timeout_ms)
        if went.timed_out:
            return timed_out(call.timeout_ms)
        if went.problem:
            return Answer(Result.FAILED, reason=went.problem, retryable=not went.permanent)
        call.progress.write(went.body)
        if went.error:
            reason = f"the function raised an error ({went.error.lower()})"
            return Answer(Result.FAILED, went.status, excerpt(went.body), reason)
        return Answer(Result.SUCCEEDED, went.status, excerpt(went.body))


@dataclass(slots=True)
class LambdaInvoker:
    """Invokes target functions and waits for their answers, one client for each time-out in use."""

    _clients: dict[int, LambdaClient] = field(default_factory=dict)

    def __call__(self, function: str, payload: bytes, timeout_ms: int) -> Invocation:
        """What the function answered, or why it did not."""
        try:
            answer = self._client(timeout_ms).invoke(FunctionName=function, Payload=payload)
            body = answer["Payload"].read()
        except ReadTimeoutError:
            return Invocation(timed_out=True)
        except ClientError as error:
            missing = code_of(error) in {"ResourceNotFoundException", "AccessDeniedException"}
            return Invocation(problem=str(error), permanent=missing)
        except BotoCoreError as error:
            return Invocation(problem=str(error))
        return Invocation(answer["StatusCode"], body, answer.get("FunctionError", ""))

    def _client(self, timeout_ms: int) -> LambdaClient:
        if timeout_ms not in self._clients:
            if len(self._clients) >= _CLIENTS:
                self._clients.pop(next(iter(self._clients)), None)
            self._clients[timeout_ms] = functions(timeout_ms)
        return self._clients[timeout_ms]
