"""The command ``tidewheel``."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Annotated, Any

import httpx
import typer
from typer.core import TyperGroup

from tidewheel.cli import tables
from tidewheel.cli.commands import circuits, dead_letters, executions, jobs, ledger, logs, worker
from tidewheel.cli.session import Session, fail, session, write
from tidewheel.client import ApiError, Unsendable
from tidewheel.wire import VERSION


class _Root(TyperGroup):
    """Prints the error of any command that the API refused."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ApiError as error:
            raise fail(_told(error), 1) from error
        except Unsendable as error:
            raise fail(f"The request cannot be sent: {tables.legible(str(error))}", 2) from error
        except httpx.InvalidURL as error:
            raise fail(f"The API's URL cannot be used ({error}): pass another with --url.", 2) from error


def _told(error: ApiError) -> str:
    problem = error.problem
    lines = [f"{problem.title}: {problem.detail}" if not problem.errors else problem.title]
    lines += [f"  {one.field}: {one.problem}; {one.remedy}" for one in problem.errors]
    if problem.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        lines.append(f"  {problem.instance}")
    return "\n".join(map(tables.legible, lines))


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Schedule jobs with Tidewheel, and see what ran.",
)
app.add_typer(jobs.app, name="jobs")
app.add_typer(executions.app, name="executions")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(circuits.app, name="circuits")

app.command("cancel")(executions.cancel)
app.command("ledger")(ledger.ledger)
app.command("logs")(logs.logs)
app.command("worker")(worker.worker)


def _told_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tidewheel {version('tidewheel')}, for the API {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_told_version, is_eager=True)
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="The API's URL; else $TIDEWHEEL_API_URL, else the local cloud's.", show_default=False),
    ] = None,
) -> None:
    context.obj = context.obj or Session()
    context.obj.url = url


@app.command()
def outputs(context: typer.Context, as_json: jobs.Json = False) -> None:
    """Show where the deployment is."""
    found = session(context).outputs()
    if as_json:
        typer.echo(json.dumps(found))
    else:
        write(tables.facts(found.items()))
