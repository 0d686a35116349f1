"""Lambda functions: the scheduler that is launched, and the targets that are invoked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tidewheel.adapters.aws.clients import functions, translated
from tidewheel.adapters.targets.aws_lambda import Invocation

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_CLIENTS = 16


@dataclass(frozen=True, slots=True)
class LambdaLauncher:
    """``ports.Launcher``: starts a scheduler by an asynchronous invocation."""

    client: LambdaClient
    function: str

    def launch(self, seat: int) -> None:
        """See ``ports.Launcher``."""
        payload = json.dumps({"seat": seat}).encode()
        with translated("launcher.launch", self.function):
            self.client.invoke(FunctionName=self.function, InvocationType="Event", Payload=payload)


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
            code = error.response.get("Error", {}).get("Code", "")
            missing = code in {"ResourceNotFoundException", "AccessDeniedException"}
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
