"""Finds the deployment that a command talks to, calls it, and prints the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import RenderableType

from tidewheel.cli.deployments.contexts import (
    CONTEXT_VARIABLE,
    LOCAL,
    Config,
    ConfigError,
    Context,
    config_path,
    read_config,
)
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.views import View
from tidewheel.cli.walking import P, joined, walked
from tidewheel.client import Client
from tidewheel.client.deployment import (
    URL_VARIABLE,
    Deployment,
    NoDeployment,
    check_encrypted,
    find_deployment,
    same_api,
)
from tidewheel.client.moment import pause
from tidewheel.client.transport import unheard
from tidewheel.domain.limits import DEFAULT_PAGE

T = TypeVar("T")
Fetch = Callable[[Client, int, str | None], P]
Connect = Callable[[Deployment, Callable[[str], None]], Client]


def _connect(found: Deployment, heard: Callable[[str], None]) -> Client:
    return Client(found.url, found.token, tenant=found.tenant, heard=heard)


def fail(line: str, code: int = ExitStatus.USAGE) -> typer.Exit:
    """Prints a line on stderr; the caller raises what it returns."""
    typer.echo(line, err=True)
    return typer.Exit(code)


def _signed(found: Deployment, context: Context) -> Deployment:
    """With the context's tenant, and its token if it has one.

    Raises:
        NoDeployment: The token would leave this machine unencrypted.
        ConfigError: The context's command makes no token.
    """
    token, tenant = context.sign(), context.tenant or None
    if token is None:
        return replace(found, tenant=tenant)
    check_encrypted(found.url, "The context's token is")
    return replace(found, token=token, tenant=tenant)


@dataclass
class Session:
    """One invocation of the command line.

    Args:
        url: The value of ``--url``, if given.
        context: The value of ``--context``, if given.
        tenant: The value of ``--tenant``, if given; it outranks the context's.
        connect: Makes the client; replaced in tests.
        folder: Where the search for the local cloud's outputs begins.
        wait: Waits so many seconds.
        config: Where the contexts are kept.
    """

    url: str | None = None
    context: str | None = None
    tenant: str | None = None
    connect: Connect = _connect
    folder: Path = field(default_factory=Path.cwd)
    wait: Callable[[float], None] = pause
    config: Path = field(default_factory=config_path)

    def deployment(self) -> Deployment:
        """The deployment: of ``--url``, of ``--context``, of the environment, of the context in use, or the local one.

        A context's token goes to that context's API, and before the environment's; if the context is in use, also
        to the same API named otherwise, unless there is another token for that. Its tenant goes where its token does.

        Raises:
            typer.Exit: No deployment can be used.
        """
        found = self._deployment()
        return found if self.tenant is None else replace(found, tenant=self.tenant)

    def _deployment(self) -> Deployment:
        try:
            if (context := self._context()) is not None:
                return _signed(find_deployment(context.url, folder=self.folder), context)
            found = find_deployment(self.url, environ=self._environ(), folder=self.folder)
            if found.token is None and (self.url or (os.environ.get(URL_VARIABLE) and not self.context)):
                config = self.read_config()
                used = config.contexts.get(config.current)
                return _signed(found, used) if used and same_api(found.url, used.url) else found
        except (NoDeployment, ConfigError) as error:
            raise fail(str(error)) from error
        return found

    def _environ(self) -> Mapping[str, str]:
        """The environment; without its URL, if the local cloud was asked for."""
        asked = not self.url and self.context == LOCAL
        return {name: value for name, value in os.environ.items() if not (asked and name == URL_VARIABLE)}

    def _context(self) -> Context | None:
        """The context that names the deployment; None if it is named otherwise, or is the local cloud."""
        if self.url:
            return None
        if self.context:
            return self.read_config().context(self.context)
        if os.environ.get(URL_VARIABLE):
            return None
        config = self.read_config()
        name = os.environ.get(CONTEXT_VARIABLE) or config.current
        return config.context(name) if name else None

    def read_config(self) -> Config:
        """The contexts.

        Raises:
            typer.Exit: They cannot be read.
        """
        try:
            return read_config(self.config)
        except ConfigError as error:
            raise fail(str(error)) from error

    def client(self, heard: Callable[[str], None] = unheard) -> Client:
        """A client of the deployment, which the caller closes; ``heard`` gets the text of each answer."""
        found = self.deployment()
        return self.connect(found, heard)

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
        with self.client(texts.append) as client:
            return call(client), texts

    def show_list(
        self,
        fetch: Fetch[P],
        render: Callable[[P], RenderableType],
        *,
        limit: int | None,
        cursor: str | None,
        view: View,
    ) -> None:
        """Prints a list, read page by page until it has as many items as were asked for, or ends.

        Args:
            fetch: Reads a page: at most so many items, after a cursor.
            render: Makes a table of a page.
            limit: How many items; else as many as the API puts on a page. The API refuses less than one.
            cursor: Where to begin; else at the beginning.
            view: How to print it.
        """
        wanted = DEFAULT_PAGE if limit is None else limit

        def ask() -> tuple[P, str]:
            page, texts = self._heard(lambda api: walked(lambda left, after: fetch(api, left, after), wanted, cursor))
            return page, joined(texts)

        view.print(ask, render, self.wait)

    def show(self, call: Callable[[Client], T], render: Callable[[T], RenderableType], *, view: View) -> None:
        """Makes a call and prints its answer."""
        view.print(lambda: self.ask(call), render, self.wait)


def session(context: typer.Context) -> Session:
    """The invocation's session."""
    found = context.find_object(Session)
    assert found is not None  # the root command puts it there
    return found
