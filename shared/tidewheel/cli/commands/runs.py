"""``tidewheel runs …``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tidewheel.cli import show_runs
from tidewheel.cli.commands.arguments import Cursor, ExecutionId, Key, Limit, Timeout
from tidewheel.cli.commands.executions import show_end
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import fail, session
from tidewheel.cli.tables import legible
from tidewheel.cli.views import View

app = typer.Typer(no_args_is_help=True, help="Start workflows, and see and direct their runs.")

Workflow = Annotated[str, typer.Argument(help="The workflow's name.", show_default=False)]


def _params(texts: list[str]) -> dict[str, Any]:
    """Parameters as NAME=VALUE, where a value is JSON, or else a text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise fail(f"{legible(text)} is no parameter: write NAME=VALUE.", ExitStatus.USAGE)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


@app.command("start")
@prints
def start(
    context: typer.Context,
    workflow: Workflow,
    *,
    view: View,
    param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, the value as JSON or text; may be repeated.", show_default=False),
    ] = None,
    version: Annotated[str, typer.Option(help="A version's digest, or latest.")] = "latest",
    key: Key = None,
) -> None:
    """Start a run of a workflow now."""
    params = _params(param or [])
    session(context).show(
        lambda api: api.start_run(workflow, params, version=version, key=key), show_runs.run, view=view
    )


@app.command("list")
@prints_and_watches
def list_(
    context: typer.Context, workflow: Workflow, *, view: View, limit: Limit = None, cursor: Cursor = None
) -> None:
    """List the runs that were started by a workflow's name, newest first."""
    session(context).show_list(
        lambda api, most, after: api.workflow_runs_page(workflow, limit=most, cursor=after),
        show_runs.runs,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command("show")
@prints_and_watches
def show_(context: typer.Context, id: ExecutionId, *, view: View) -> None:
    """Show a run with where its steps stand."""
    session(context).show(lambda api: api.workflow_run(id), show_runs.run, view=view)


@app.command("cancel")
@prints
def cancel(
    context: typer.Context,
    id: ExecutionId,
    *,
    view: View,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.", show_default=False)] = "",
    key: Key = None,
) -> None:
    """Cancel a run: nothing more of it begins, and what runs is ended within seconds."""
    session(context).show(lambda api: api.cancel_run(id, reason, key=key), show_runs.run, view=view)


@app.command("pause")
@prints
def pause(context: typer.Context, id: ExecutionId, *, view: View, key: Key = None) -> None:
    """Pause a run: nothing of it begins, and what runs goes on."""
    session(context).show(lambda api: api.pause_run(id, key=key), show_runs.run, view=view)


@app.command("resume")
@prints
def resume(context: typer.Context, id: ExecutionId, *, view: View, key: Key = None) -> None:
    """End a run's pause; or run again what failed of it, and what was never reached."""
    session(context).show(lambda api: api.resume_run(id, key=key), show_runs.run, view=view)


@app.command("clear")
@prints
def clear(
    context: typer.Context,
    id: ExecutionId,
    steps: Annotated[list[str], typer.Argument(help="The names of steps.", show_default=False)],
    *,
    view: View,
    key: Key = None,
) -> None:
    """Run steps of a run again, and all behind them."""
    session(context).show(lambda api: api.clear_run(id, steps, key=key), show_runs.run, view=view)


@app.command("wait")
@prints
def wait(context: typer.Context, id: ExecutionId, *, view: View, timeout: Timeout = None) -> None:
    """Wait until a run has ended; exit status 0 if it succeeded, else 8."""
    show_end(session(context), id, timeout, view)
