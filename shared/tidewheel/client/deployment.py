"""Finds the deployment that a program talks to, and the token that may be sent to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx

URL_VARIABLE = "TIDEWHEEL_API_URL"
TOKEN_VARIABLE = "TIDEWHEEL_TOKEN"  # noqa: S105 -- the name of a variable
OUTPUTS = Path(".local") / "outputs.json"
"""Where the local cloud writes what it has deployed, below a project's folder."""

_KEY = "api_key"


class NoDeployment(Exception):
    """No deployment can be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where an API is, and how to sign in to it.

    Args:
        url: The API's URL, with its stage.
        token: The bearer token that it may get; None if there is none for it.
        outputs: What is known of it besides, without its key; at least ``api_url``.
        tenant: The tenant to act in, for a platform admin; None for the token's own.
    """

    url: str
    token: str | None = field(repr=False)
    outputs: Mapping[str, Any]
    tenant: str | None = None


def find_deployment(
    url: str | None = None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Deployment:
    """The deployment that a URL names, else ``TIDEWHEEL_API_URL``, else the local cloud's outputs file.

    The token is that of ``TIDEWHEEL_TOKEN``. It belongs to the API that the environment names, or else to the one that
    was given. One that a file names gets it on this machine alone: the folder may hold somebody else's project. A
    file's own ``api_key`` goes to the API of the same file.

    Args:
        url: The API's URL, if it is known.
        environ: The environment; the process's own unless given.
        folder: Where the search for the outputs file begins, which goes on in its parents; else where the process is.

    Raises:
        NoDeployment: None is known, its URL is none, or a token would leave this machine unencrypted.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(URL_VARIABLE) or None
    given = url or named
    outputs = {"api_url": given} if given else find_outputs(folder or Path.cwd())
    if not outputs or not isinstance(outputs.get("api_url"), str):
        raise NoDeployment(
            f"No deployment is known: give the API's URL (--url), set {URL_VARIABLE}, use a context of the "
            "command line (tidewheel context add), or run inside a project whose local cloud is up."
        )
    found = str(outputs["api_url"])
    token = _token_for(found, environ.get(TOKEN_VARIABLE) or None, named or url)
    shown = {name: value for name, value in outputs.items() if name != _KEY}
    return Deployment(found, token or _own_key(found, outputs), shown)


def find_outputs(start: Path) -> dict[str, Any] | None:
    """The outputs file of the local cloud, searched for in a folder and its parents; None if there is none.

    Raises:
        NoDeployment: The file cannot be read.
    """
    for folder in (start, *start.parents):
        path = folder / OUTPUTS
        if path.is_file():
            return _read_outputs(path)
    return None


def _read_outputs(path: Path) -> dict[str, Any]:
    remedy = "start the local cloud again, or give the API's URL (--url)."
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoDeployment(f"{path} cannot be read ({error}): {remedy}") from error
    if not isinstance(outputs, dict):
        raise NoDeployment(f"{path} holds no object: {remedy}")
    return outputs


def _token_for(url: str, token: str | None, configured: str | None) -> str | None:
    """The environment's token, if it is meant for the API at this URL.

    Args:
        url: The API's URL.
        token: The token, if there is one.
        configured: The URL that the environment or the caller named.
    """
    if token is None:
        return None
    _, host, _ = origin = _origin(url)
    if not is_loopback(host) and (configured is None or _origin(configured) != origin):
        return None
    check_encrypted(url, f"{TOKEN_VARIABLE} is")
    return token


def _own_key(url: str, outputs: Mapping[str, Any]) -> str | None:
    key = outputs.get(_KEY)
    if not isinstance(key, str) or not key:
        return None
    check_encrypted(url, "The key of the outputs file is")
    return key


def check_encrypted(url: str, what: str) -> None:
    """Refuses to send a token unencrypted to another machine.

    Args:
        url: Of the API.
        what: Whose token it is, with "is" or "are", for the error.

    Raises:
        NoDeployment: It would be.
    """
    scheme, host, _ = _origin(url)
    if scheme != "https" and not is_loopback(host):
        raise NoDeployment(f"{what} not sent to {url} without encryption: give the URL with https://.")


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; None for the scheme's own port."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise NoDeployment(f"{url} is no URL of an API ({error}): give it as https://host/path.") from error
    return parts.scheme, parts.host, parts.port


def same_api(one: str, other: str) -> bool:
    """Whether two URLs are of one origin: scheme, host and port. Raises ``NoDeployment`` for what is no URL."""
    return _origin(one) == _origin(other)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
