"""``tidewheel executions …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.jobs import Cursor, Json, Key, Limit
from tidewheel.cli.session import session
from tidewheel.client import Client
from tidewheel.wire.bodies.execution import ExecutionList

app = typer.Typer(no_args_is_help=True, help="See what ran, when and how it went.")


Id = Annotated[str, typer.Argument(help="The execution's id.", show_default=False)]


@app.command("list")
def list_(
    context: typer.Context,
    job: Annotated[
        str | None, typer.Argument(help="The job's id, the beginning of it, or its name; else all.", show_default=False)
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="running, dead, succeeded, …; may be repeated.", show_default=False)
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="From when on; of all jobs, else a day.", show_default=False)
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when; else now.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List executions, of one job or of all, newest first."""

    def fetch(api: Client, most: int, after: str | None) -> ExecutionList:
        if job is not None and not (state or start or end):
            return api.executions_page(api.job_id(job), limit=most, cursor=after)
        return api.runs_page(states=state or (), job=job, start=start, end=end, limit=most, cursor=after)

    session(context).show_list(
        fetch,
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
