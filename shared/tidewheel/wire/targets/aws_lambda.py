"""The ``lambda`` target on the wire."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.bodies.target import Listed, Right, WatchedTarget, check_secrets
from tidewheel.wire.model import refusal, shown

_NAME = r"[A-Za-z0-9_-]{1,64}"
_LAMBDA = re.compile(
    rf"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{{12}}:function:)?{_NAME}(?::(?:\$LATEST|[A-Za-z0-9_-]{{1,128}}))?",
    re.ASCII,
)
_FUNCTIONS = Listed(
    "target_functions", r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[\w*$:-]+", "ARNs of Lambda functions"
)


def _check_function(function: str) -> str:
    if not _LAMBDA.fullmatch(function):
        raise refusal(
            f"{shown(function)} is not a Lambda function", "use its name or its ARN, with a qualifier or none"
        )
    return function


class LambdaTarget(WatchedTarget):
    """An invocation of a Lambda function, by name or ARN; any JSON is the `payload` of its event.

    Any value within the payload may be `{"secret": "<name>"}` with `key` and `prefix` if need be.
    """

    PARTY = "function"
    DATA = frozenset({"payload"})
    REVEALS = frozenset({"payload"})
    SERVICES = frozenset({"lambda"})
    RIGHTS = (Right(("lambda:InvokeFunction",), ("function:{target}",), listed=_FUNCTIONS),)

    kind: Literal["lambda"]
    function: Annotated[str, Field(max_length=256, examples=["my-function"]), AfterValidator(_check_function)]
    payload: Annotated[Any, AfterValidator(check_secrets)] = None

    def summary(self) -> str:
        """The function."""
        return f"lambda {self.function}"
