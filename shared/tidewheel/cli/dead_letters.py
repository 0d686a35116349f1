"""``tidewheel dead-letters …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.jobs import Cursor, Json, Limit
from tidewheel.cli.session import session

app = typer.Typer(no_args_is_help=True, help="See what ended without success.")


@app.callback()
def _group() -> None:
    """A group of commands, also while it has but one."""


@app.command("list")
def list_(
    context: typer.Context,
    job: Annotated[str | None, typer.Option(help="Only those of this job.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List executions that ended as dead, failed or timed_out, the last to end first."""
    session(context).show(
        lambda api: api.dead_letters_page(job=job, limit=limit, cursor=cursor), show.executions, as_json=as_json
    )
