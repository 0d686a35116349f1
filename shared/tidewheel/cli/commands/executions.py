"""``tidewheel executions …``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from tidewheel.cli import show
from tidewheel.cli.commands.arguments import JOB_HELP, Cursor, ExecutionId, Key, Limit, Timeout
from tidewheel.cli.commands.logs import logs
from tidewheel.cli.deployments.completion import job_names
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import Session, fail, session
from tidewheel.cli.tables import legible
from tidewheel.cli.views import View
from tidewheel.client import Client, WaitTimedOut
from tidewheel.wire.bodies.execution import ExecutionList

app = typer.Typer(no_args_is_help=True, help="See what ran, when and how it went.")


@app.command("list")
@prints_and_watches
def list_(
    context: typer.Context,
    job: Annotated[
        str | None, typer.Argument(help=f"{JOB_HELP} Else all.", show_default=False, autocompletion=job_names)
    ] = None,
    *,
    view: View,
    state: Annotated[
        list[str] | None, typer.Option(help="running, dead, succeeded, …; may be repeated.", show_default=False)
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="From when on; of all jobs, else a day.", show_default=False)
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when; else now.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """List executions, of one job or of all, newest first."""

    def fetch(api: Client, most: int, after: str | None) -> ExecutionList:
        if job is not None and not (state or start or end):
            return api.executions_page(api.job_id(job), limit=most, cursor=after)
        return api.runs_page(states=state or (), job=job, start=start, end=end, limit=most, cursor=after)

    session(context).show_list(fetch, show.executions, limit=limit, cursor=cursor, view=view)


@app.command("get", hidden=True)
@app.command("show")
@prints_and_watches
def show_(context: typer.Context, id: ExecutionId, *, view: View) -> None:
    """Show an execution with its attempts and its timeline."""
    session(context).show(lambda api: api.execution(id), show.execution, view=view)


@app.command("cancel")
@prints
def cancel(
    context: typer.Context,
    id: Annotated[
        str, typer.Argument(help="The execution's id, or that of an occurrence to come.", show_default=False)
    ],
    *,
    view: View,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.", show_default=False)] = "",
    key: Key = None,
) -> None:
    """Cancel an execution; one that runs is ended by its worker within seconds."""
    session(context).show(lambda api: api.cancel(id, reason, key=key), show.execution, view=view)


@app.command()
@prints
def wait(context: typer.Context, id: ExecutionId, *, view: View, timeout: Timeout = None) -> None:
    """Wait until an execution has ended; exit status 0 if it succeeded, else 8."""
    show_end(session(context), id, timeout, view)


app.command("logs")(logs)


def show_end(here: Session, id: str, within_s: float | None, view: View) -> None:
    """Waits for an execution's end and prints it.

    Raises:
        typer.Exit: It did not succeed, or the time is over.
    """
    try:
        with Status(legible(f"{id}: waiting for its end"), console=Console(stderr=True)):  # on a terminal alone
            found, text = here.ask(lambda api: api.wait(id, timeout=within_s))
    except WaitTimedOut as error:
        state = error.execution.state if error.execution else "to come"
        told = f"{id} is still {state}; tidewheel executions wait goes on."
        raise fail(legible(told), ExitStatus.STILL_RUNNING) from error
    view.print(lambda: (found, text), show.execution, here.wait)
    if found.state != "succeeded":
        raise typer.Exit(ExitStatus.RUN_FAILED)
