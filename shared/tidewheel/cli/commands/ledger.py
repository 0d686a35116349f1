"""``tidewheel ledger``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.jobs import Json
from tidewheel.cli.session import session, write


def ledger(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's id, the beginning of it, or its name.", show_default=False)],
    start: Annotated[
        str | None,
        typer.Option("--from", help="The first instant: 2026-11-20T16:47:00Z; else a day.", show_default=False),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="The first one after it; else now.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Account for every instant that a job's schedule named; exit status 1 if one has no account."""
    found, _ = session(context).ask(lambda api: api.ledger(api.job_id(job), start=start, end=end))
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        write(show.ledger(found))
    if found.missing:
        raise typer.Exit(1)
