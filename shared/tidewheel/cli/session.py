"""Finds the deployment that a command talks to, calls it, and prints the answer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import httpx
import typer
from rich.console import Console, RenderableType

from tidewheel.cli.walking import P, joined, walked
from tidewheel.client import Client
from tidewheel.client.connection import pause
from tidewheel.domain.limits import DEFAULT_PAGE

URL_VARIABLE = "TIDEWHEEL_API_URL"
TOKEN_VARIABLE = "TIDEWHEEL_TOKEN"  # noqa: S105 -- the name of a variable
OUTPUTS = Path(".local") / "outputs.json"
_WIDE = 240  # columns for a file or a pipe, where nothing should be cut off
_NO_URL = f"No deployment is known: pass --url, set {URL_VARIABLE}, or run inside a project whose local cloud is up."

T = TypeVar("T")
Fetch = Callable[[Client, int, str | None], P]
Connect = Callable[[str, str | None, Callable[[str], None]], Client]


def _connect(url: str, token: str | None, heard: Callable[[str], None]) -> Client:
    return Client(url, token, heard=heard)


def fail(line: str, code: int) -> typer.Exit:
    """Prints a line on stderr; the caller raises what it returns."""
    typer.echo(line, err=True)
    return typer.Exit(code)


def find_outputs(start: Path) -> dict[str, Any] | None:
    """The outputs file of the local cloud, searched for in a folder and its parents; None if there is none."""
    for folder in (start, *start.parents):
        path = folder / OUTPUTS
        if path.is_file():
            return _read_outputs(path)
    return None


def _read_outputs(path: Path) -> dict[str, Any]:
    try:
        outputs = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise fail(f"{path} cannot be read ({error}): start the local cloud again, or pass --url.", 2) from error
    if not isinstance(outputs, dict):
        raise fail(f"{path} holds no object: start the local cloud again, or pass --url.", 2)
    return outputs


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; None for the scheme's own port."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise fail(f"{url} is no URL of an API ({error}): give it as https://host/path.", 2) from error
    return parts.scheme, parts.host, parts.port


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass
class Session:
    """One invocation of the command line.

    Args:
        url: The value of ``--url``, if given.
        connect: Makes the client; replaced in tests.
        folder: Where the search for the local cloud's outputs begins.
        wait: Waits so many seconds.
    """

    url: str | None = None
    connect: Connect = _connect
    folder: Path = field(default_factory=Path.cwd)
    wait: Callable[[float], None] = pause

    def outputs(self) -> dict[str, Any]:
        """The deployment's outputs, at least ``api_url``.

        Raises:
            typer.Exit: No deployment is known.
        """
        given = self.url or os.environ.get(URL_VARIABLE)
        found = {"api_url": given} if given else find_outputs(self.folder)
        if not found or not isinstance(found.get("api_url"), str):
            raise fail(_NO_URL, 2)
        return found

    def ask(self, call: Callable[[Client], T]) -> tuple[T, str]:
        """Makes a call; returns its answer as a value, and as the text that the API sent."""
        value, texts = self._heard(call)
        return value, texts[-1] if texts else ""

    def _heard(self, call: Callable[[Client], T]) -> tuple[T, list[str]]:
        """The value of a call, and every text that the API sent meanwhile."""
        texts: list[str] = []
        url = self.outputs()["api_url"]
        with self.connect(url, self._token_for(url), texts.append) as client:
            return call(client), texts

    def show_list(
        self,
        fetch: Fetch[P],
        render: Callable[[P], RenderableType],
        *,
        limit: int | None,
        cursor: str | None,
        as_json: bool,
    ) -> None:
        """Prints a list, read page by page until it has as many items as were asked for, or ends.

        Args:
            fetch: Reads a page: at most so many items, after a cursor.
            render: Makes a table of a page.
            limit: How many items; else as many as the API puts on a page. The API refuses less than one.
            cursor: Where to begin; else at the beginning.
            as_json: Whether to print the API's JSON.
        """
        wanted = DEFAULT_PAGE if limit is None else limit
        page, texts = self._heard(lambda api: walked(lambda left, after: fetch(api, left, after), wanted, cursor))
        if as_json:
            typer.echo(joined(texts))
        else:
            write(render(page))

    def _token_for(self, url: str) -> str | None:
        """The token, if it is meant for the API at this URL.

        It belongs to the API that the environment names, or else to the one given as ``--url``. One that a file names
        gets it on this machine alone: the folder may hold somebody else's project.

        Raises:
            typer.Exit: The token would leave this machine unencrypted, or one of the URLs is none.
        """
        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            return None
        configured = os.environ.get(URL_VARIABLE) or self.url
        scheme, host, _ = origin = _origin(url)
        local = _is_loopback(host)
        if not local and (configured is None or _origin(configured) != origin):
            return None
        if not local and scheme != "https":
            raise fail(f"{TOKEN_VARIABLE} is not sent to {url} without encryption: give the URL with https://.", 2)
        return token

    def show(self, call: Callable[[Client], T], render: Callable[[T], RenderableType], *, as_json: bool) -> None:
        """Makes a call and prints its answer: as the JSON that the API sent, or as a table."""
        value, text = self.ask(call)
        if as_json:
            typer.echo(text)
        else:
            write(render(value))


def write(renderable: RenderableType) -> None:
    """Prints a table or text."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(renderable)


def session(context: typer.Context) -> Session:
    """The invocation's session."""
    found = context.find_object(Session)
    assert found is not None  # the root command puts it there
    return found
