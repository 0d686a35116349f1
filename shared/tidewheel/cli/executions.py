"""``tidewheel executions …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.jobs import Cursor, Json, Limit
from tidewheel.cli.session import session

app = typer.Typer(no_args_is_help=True, help="See what ran, when and how it went.")


Id = Annotated[str, typer.Argument(help="The execution's id.", show_default=False)]


@app.command("list")
def list_(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's id.", show_default=False)],
    limit: Limit = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List a job's executions, newest first."""
    session(context).show(
        lambda api: api.executions_page(job, limit=limit, cursor=cursor), show.executions, as_json=as_json
    )


@app.command("show")
def show_(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Show an execution with its attempts and its timeline."""
    session(context).show(lambda api: api.execution(id), show.execution, as_json=as_json)
