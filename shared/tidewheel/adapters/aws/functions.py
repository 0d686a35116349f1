"""Launching the scheduler's function."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True, slots=True)
class LambdaLauncher:
    """``ports.Launcher``: starts a scheduler by an asynchronous invocation."""

    client: LambdaClient
    function: str

    def launch(self, instance: int) -> None:
        """See ``ports.Launcher``."""
        payload = json.dumps({"instance": instance}).encode()
        with translated("launcher.launch", self.function):
            self.client.invoke(FunctionName=self.function, InvocationType="Event", Payload=payload)
