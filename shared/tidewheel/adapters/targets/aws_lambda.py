"""The ``lambda`` target: invokes another function and keeps its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.adapters.targets.answers import excerpt, timed_out
from tidewheel.domain.execution import Answer, Result
from tidewheel.ports import Call


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
    """

    invoke: Invoke

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        event = {
            "payload": call.target.spec.get("payload"),
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
        if went.error:
            reason = f"the function raised an error ({went.error.lower()})"
            return Answer(Result.FAILED, went.status, excerpt(went.body), reason)
        return Answer(Result.SUCCEEDED, went.status, excerpt(went.body))
