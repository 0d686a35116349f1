"""``tidewheel ledger``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.arguments import JobId
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.options import prints
from tidewheel.cli.session import session
from tidewheel.cli.views import View


@prints
def ledger(
    context: typer.Context,
    job: JobId,
    *,
    view: View,
    start: Annotated[
        str | None,
        typer.Option("--from", help="The first instant: 2026-11-20T16:47:00Z; else a day.", show_default=False),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="The first one after it; else now.", show_default=False)
    ] = None,
) -> None:
    """Account for every instant that a job's schedule named; exit status 1 if one has no account."""
    here = session(context)
    found, _ = here.ask(lambda api: api.ledger(api.job_id(job), start=start, end=end))
    view.print(lambda: (found, found.model_dump_json()), show.ledger, here.wait)
    if found.missing:
        raise typer.Exit(ExitStatus.REFUSED)
