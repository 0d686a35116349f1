"""Finds the deployment that a command talks to, calls it, and prints the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console, RenderableType

from tidewheel.cli.walking import P, joined, walked
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment, NoDeployment, find_deployment
from tidewheel.client.moment import pause
from tidewheel.domain.limits import DEFAULT_PAGE

_WIDE = 240  # columns for a file or a pipe, where nothing should be cut off

T = TypeVar("T")
Fetch = Callable[[Client, int, str | None], P]
Connect = Callable[[str, str | None, Callable[[str], None]], Client]


def _connect(url: str, token: str | None, heard: Callable[[str], None]) -> Client:
    return Client(url, token, heard=heard)


def fail(line: str, code: int) -> typer.Exit:
    """Prints a line on stderr; the caller raises what it returns."""
    typer.echo(line, err=True)
    return typer.Exit(code)


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

    def deployment(self) -> Deployment:
        """The deployment that the commands talk to.

        Raises:
            typer.Exit: No deployment can be used.
        """
        try:
            return find_deployment(self.url, folder=self.folder)
        except NoDeployment as error:
            raise fail(str(error), 2) from error

    def outputs(self) -> Mapping[str, Any]:
        """The deployment's outputs, at least ``api_url``.

        Raises:
            typer.Exit: No deployment can be used.
        """
        return self.deployment().outputs

    def ask(self, call: Callable[[Client], T]) -> tuple[T, str]:
        """Makes a call; returns its answer as a value, and as the text that the API sent."""
        value, texts = self._heard(call)
        return value, texts[-1] if texts else ""

    def _heard(self, call: Callable[[Client], T]) -> tuple[T, list[str]]:
        """The value of a call, and every text that the API sent meanwhile."""
        texts: list[str] = []
        found = self.deployment()
        with self.connect(found.url, found.token, texts.append) as client:
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
