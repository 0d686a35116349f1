"""``tidewheel context …``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer

from tidewheel.cli.deployments.completion import context_names
from tidewheel.cli.deployments.contexts import LOCAL, Config, ConfigError, Context, write_config
from tidewheel.cli.options import prints
from tidewheel.cli.session import Session, fail, session
from tidewheel.cli.tables import Rows, legible
from tidewheel.cli.views import Form, View
from tidewheel.client.deployment import NoDeployment, check_encrypted
from tidewheel.domain.ids import is_tenant

app = typer.Typer(no_args_is_help=True, help="Name the deployments that you work with, and choose one.")

Name = Annotated[str, typer.Argument(help="The context's name.", show_default=False, autocompletion=context_names)]


def _changed(here: Session, config: Config) -> None:
    try:
        write_config(here.config, config)
    except ConfigError as error:
        raise fail(str(error)) from error


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of your choice.", show_default=False)],
    url: Annotated[str, typer.Option("--url", help="The API's URL, with its stage.", show_default=False)],
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from stdin; on a terminal it is asked for.")
    ] = False,
    token_command: Annotated[
        str,
        typer.Option(
            help="A program that prints the token; no shell runs it: 'pass show tidewheel'.", show_default=False
        ),
    ] = "",
    tenant: Annotated[
        str, typer.Option(help="The tenant to act in, for platform admins; else your own.", show_default=False)
    ] = "",
) -> None:
    """Add a context, or replace it; the first one is used from then on.

    A token is kept in your configuration folder, in a file that you alone can read; with --token-command it is not.
    """
    here = session(context)
    _check_url(url)
    if tenant and not is_tenant(tenant):
        raise fail(f"{legible(tenant)} is no tenant's id: use 1 to 32 of a-z, 0-9, _ and -.")
    if token_stdin and token_command:
        raise fail("Give the token by --token-stdin or by --token-command, not by both.")
    token = _token(name) if token_stdin else ""
    before = here.read_config()
    try:
        if token or token_command:
            check_encrypted(url, "A token is")
        config = before.with_context(name, Context(url, token, token_command, tenant))
        config = config if before.contexts else config.using(name)
    except (ConfigError, NoDeployment) as error:
        raise fail(str(error)) from error
    _changed(here, config)
    used = "in use" if config.current == name else f"use it by tidewheel context use {name}"
    typer.echo(f"Context {name}: {legible(url)}, {_how(config.contexts[name])}; {used}.")


def _check_url(text: str) -> None:
    try:
        parts = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise fail(f"{text} is no URL of an API ({error}): give it as https://host/path.") from error
    if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo:
        raise fail(f"{text} is no URL of an API: give it as https://host/path.")


def _token(name: str) -> str:
    """A token from stdin: a line of a pipe, or what is typed, which the terminal does not show."""
    typed = sys.stdin.isatty()
    read = typer.prompt(f"Token for {name}", hide_input=True, err=True) if typed else sys.stdin.readline()
    token = str(read).strip()
    if not token or not token.isascii() or not token.isprintable():
        raise fail("stdin holds no token: give it as one line of visible ASCII characters.")
    return token


@app.command()
def use(context: typer.Context, name: Name) -> None:
    """Use a context from now on; `local` for the local cloud of the folder that one is in."""
    here = session(context)
    try:
        config = here.read_config().using(name)
    except ConfigError as error:
        raise fail(str(error)) from error
    _changed(here, config)
    typer.echo(f"In use: {name}.")


@app.command("list")
@prints
def list_(context: typer.Context, *, view: View) -> None:
    """List the contexts; tokens are not shown."""
    here = session(context)
    rows = list(_rows(here.read_config()))
    if view.form is Form.NAME:
        typer.echo("\n".join(row["name"] for row in rows))
        return
    heads = ("NAME", "IN USE", "URL", "TOKEN", "TENANT")
    view.print(
        lambda: (rows, json.dumps(rows)),
        lambda found: Rows(
            heads,
            [(one["name"], "*" if one["in_use"] else None, one["url"], one["token"], one["tenant"]) for one in found],
        ),
        here.wait,
    )


def _rows(config: Config) -> Iterator[dict[str, Any]]:
    yield {"name": LOCAL, "in_use": not config.current, "url": None, "token": "of the local cloud", "tenant": None}
    for name, one in config.contexts.items():
        told = {"name": name, "in_use": name == config.current, "url": one.url, "token": _how(one)}
        yield told | {"tenant": one.tenant or None}


def _how(context: Context) -> str:
    if context.token_command:
        return "token by a command"
    return "token stored" if context.token else "no token"


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Forget a context, with its token."""
    here = session(context)
    try:
        config = here.read_config().without(name)
    except ConfigError as error:
        raise fail(str(error)) from error
    _changed(here, config)
    typer.echo(f"Context {name} is forgotten; in use: {config.current or LOCAL}.")
