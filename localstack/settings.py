"""What the environment says about the local cloud, and the environments it gives to what it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

from localstack.errors import LocalCloudError
from localstack.places import Places

DEFAULT_PORT = 4566
PORT_VARIABLE = "TIDEWHEEL_LOCAL_PORT"
ECONOMY_VARIABLE = "ECONOMY"
"""``true`` deploys economy mode: no scheduler stays."""
CONTEXT_VARIABLE = "CONTEXT"
"""Further settings of the CDK app for the local stack, apart by blanks: ``CONTEXT="circuit_failures=0 pools=gpu"``."""
REGION = "us-east-1"
ACCOUNT = "000000000000"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,  # twelve digits: both engines take the key for the account
    "AWS_SECRET_ACCESS_KEY": "local",
}
SAME_USER = "same"
"""Under whom programs run: under the user of the worker, since nobody else may read a checkout in somebody's home."""
_HIGHEST_PORT = 65535
_LOOPBACK = "localhost,127.0.0.1"
_INHERITED = (
    *("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
)


def chosen_port(environ: Mapping[str, str]) -> int | None:
    """The port that the user asks for, or None.

    Raises:
        LocalCloudError: The variable holds no port.
    """
    text = environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= _HIGHEST_PORT:
        raise LocalCloudError(f"{PORT_VARIABLE} must be a port number from 1 to {_HIGHEST_PORT}, not {text!r}.")
    return int(text)


def engine_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The little that an engine inherits: its Lambdas see its whole environment."""
    inherited = {name: environ[name] for name in _INHERITED if environ.get(name)}
    return {**inherited, "NO_PROXY": _LOOPBACK, "no_proxy": _LOOPBACK}


def cdk_environ(environ: Mapping[str, str], places: Places, endpoint: str) -> dict[str, str]:
    """The user's environment with every AWS setting replaced by the local cloud's."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("AWS_", "CDK_"))}
    uv = places.tools / "uv" / "bin" / "uv"
    return {
        **kept,
        **({"UV": str(uv)} if uv.exists() and not environ.get("UV") else {}),
        **CREDENTIALS,
        "PATH": os.pathsep.join([str(places.root / ".venv" / "bin"), environ.get("PATH", os.defpath)]),
        "NO_PROXY": _LOOPBACK,
        "no_proxy": _LOOPBACK,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_HOME": str(places.local / "cdk-home"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
