"""From the stacks' outputs to the one file that the command line, the demo and the benchmark read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstack.errors import LocalCloudError
from localstack.settings import REGION
from tidewheel import names

_DEPLOY_AGAIN = "run `make up` again, or `make down` first when that does not help."
_API_HOST = re.compile(r"(?P<id>[a-z0-9]+)\.execute-api\.")
_API_PATH = re.compile(r"/restapis/(?P<id>[a-z0-9]+)/(?P<stage>[^/]+)/_user_request_")
_DEFAULT_STAGE = "prod"
_OWN = 0o600
_NEEDED = (names.Output.API_URL, names.Output.MINUTE_FUNCTION, names.Output.ECHO_FUNCTION_ARN)


@dataclass(frozen=True)
class Outputs:
    """Where the deployed parts are, and the key for the API, which is shown nowhere."""

    api_url: str
    endpoint: str
    region: str
    minute_function: str
    echo_function_arn: str
    engine: str
    api_key: str = field(default="", repr=False)


def local_api_url(api_url: str, port: int) -> str:
    """The URL at which an engine serves a REST API whose URL on AWS is ``api_url``.

    Raises:
        LocalCloudError: The URL names no REST API.
    """
    parts = urlsplit(api_url)
    if by_path := _API_PATH.match(parts.path):
        api, stage = by_path["id"], by_path["stage"]
    elif by_host := _API_HOST.match(parts.netloc):
        api, stage = by_host["id"], parts.path.strip("/") or _DEFAULT_STAGE
    else:
        raise LocalCloudError(f"The stack's API URL {api_url!r} names no REST API: {_DEPLOY_AGAIN}")
    return f"http://localhost:{port}/restapis/{api}/{stage}/_user_request_"


def port_of(endpoint: str) -> int:
    """The port of an engine's endpoint."""
    return int(endpoint.rpartition(":")[2])


def read_stack_outputs(path: Path) -> dict[str, str]:
    """The outputs of all stacks, by name, from the file that the CDK CLI writes.

    Raises:
        LocalCloudError: There is no such file, or it is not the CDK CLI's.
    """
    try:
        stacks: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text())
        return {name: str(value) for stack in stacks.values() for name, value in stack.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise LocalCloudError(f"The deployment's outputs cannot be read ({error}): {_DEPLOY_AGAIN}") from error


def collect(found: Mapping[str, str], engine: str, endpoint: str) -> Outputs:
    """Picks what the local cloud needs out of the stacks' outputs.

    Raises:
        LocalCloudError: An output is missing.
    """
    missing = [output.value for output in _NEEDED if not found.get(output)]
    if missing:
        raise LocalCloudError(f"The stacks lack the output {', '.join(missing)}: {_DEPLOY_AGAIN}")
    return Outputs(
        api_url=local_api_url(found[names.Output.API_URL], port_of(endpoint)),
        endpoint=endpoint,
        region=REGION,
        minute_function=found[names.Output.MINUTE_FUNCTION],
        echo_function_arn=found[names.Output.ECHO_FUNCTION_ARN],
        engine=engine,
    )


def read(path: Path) -> Outputs:
    """The file that ``write`` wrote.

    Raises:
        LocalCloudError: There is none, or it is another version's.
    """
    try:
        return Outputs(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise LocalCloudError(f"{path} cannot be read ({error}): {_DEPLOY_AGAIN}") from error


def former_key(path: Path) -> str:
    """The API's key in the file that is there; empty for none."""
    try:
        return read(path).api_key
    except LocalCloudError:
        return ""


def write(path: Path, outputs: Outputs) -> None:
    """Writes the file whole or not at all, for its owner's eyes alone."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=_OWN)
    fresh.write_text(json.dumps(asdict(outputs), indent=2) + "\n")
    fresh.replace(path)
