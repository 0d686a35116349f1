"""The environment of a deployment's functions, for a worker that runs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.clients import translated


def environment(function: str) -> Mapping[str, str]:
    """The environment variables of a deployed function, by one request.

    Raises:
        PortError: There is no such function, no right to see it, no region or no credentials.
    """
    with translated("deployment", function):
        answer = clients.functions().get_function_configuration(FunctionName=function)
    return answer.get("Environment", {}).get("Variables", {})
