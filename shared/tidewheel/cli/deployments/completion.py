"""What a shell completes that only the deployment knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO

import httpx
import typer

from tidewheel.cli.deployments.contexts import LOCAL, ConfigError, config_path, read_config
from tidewheel.client import ApiError, Client, Unsendable
from tidewheel.client.deployment import Deployment

MOST_NAMES = 50
"""Names that are offered at most."""
PATIENCE_S = 1.0
"""Seconds that a shell waits for them at most; there is no second try."""


class _Once(httpx.HTTPTransport):
    """A failed request is not repeated: whoever pressed the key waits."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except httpx.TransportError:
            raise typer.Exit from None


def hurried(found: Deployment, heard: Callable[[str], None]) -> Client:
    """A client for completion."""
    return Client(found.url, found.token, PATIENCE_S, tenant=found.tenant, transport=_Once(), heard=heard)


def job_names(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The names of jobs that begin so, with what they are; none if the deployment does not answer at once."""
    from tidewheel.cli.session import Session  # noqa: PLC0415 -- it completes nothing, and loads much

    root = ctx.find_root()
    session = root.obj or Session(connect=hurried)
    session.url = root.params.get("url")
    session.context = root.params.get("use")
    session.tenant = root.params.get("tenant")
    try:
        with redirect_stderr(StringIO()):  # a shell would show it amid the line that is being written
            page, _ = session.ask(lambda api: api.jobs_page(name_prefix=incomplete or None, limit=MOST_NAMES))
    except (ApiError, Unsendable, typer.Exit, httpx.InvalidURL):
        return
    for job in page.items:
        yield job.name, job.schedule.summary() if job.schedule else "now"


def context_names(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """The names of contexts that begin so."""
    session = ctx.find_root().obj
    try:
        config = read_config(session.config if session else config_path())
    except ConfigError:
        return
    yield from (name for name in (LOCAL, *config.contexts) if name.startswith(incomplete))
