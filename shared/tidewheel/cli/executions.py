"""``tidewheel executions …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.jobs import Cursor, Json, Key, Limit
from tidewheel.cli.session import session

app = typer.Typer(no_args_is_help=True, help="See what ran, when and how it went.")


Id = Annotated[str, typer.Argument(help="The execution's id.", show_default=False)]


@app.command("list")
def list_(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's id, the beginning of it, or its name.", show_default=False)],
    limit: Limit = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List a job's executions, newest first."""
    session(context).show_list(
        lambda api, most, after: api.executions_page(api.job_id(job), limit=most, cursor=after),
        show.executions,
        limit=limit,
        cursor=cursor,
        as_json=as_json,
    )


@app.command("show")
def show_(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Show an execution with its attempts and its timeline."""
    session(context).show(lambda api: api.execution(id), show.execution, as_json=as_json)


def cancel(
    context: typer.Context,
    id: Annotated[
        str, typer.Argument(help="The execution's id, or that of an occurrence to come.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.", show_default=False)] = "",
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Cancel an execution; one that runs is ended by its worker within seconds."""
    session(context).show(lambda api: api.cancel(id, reason, key=key), show.execution, as_json=as_json)
