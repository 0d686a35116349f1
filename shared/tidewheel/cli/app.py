"""The command ``tidewheel``."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Annotated, Any

import httpx
import typer
from typer.core import TyperGroup

from tidewheel.cli import tables
from tidewheel.cli.commands import (
    audit,
    circuits,
    dead_letters,
    executions,
    files,
    importing,
    jobs,
    ledger,
    logs,
    runs,
    workflows,
)
from tidewheel.cli.commands.deployment import access, admin, contexts, doctor, health, tenants, usage, worker
from tidewheel.cli.exits import ExitStatus, remedy_of, status_of
from tidewheel.cli.options import prints
from tidewheel.cli.session import Session, fail, session
from tidewheel.cli.views import View
from tidewheel.client import ApiError, Unsendable
from tidewheel.wire import VERSION


class _Root(TyperGroup):
    """Prints the error of any command that the API refused."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ApiError as error:
            raise fail(_told(error), status_of(error.status)) from error
        except Unsendable as error:
            raise fail(f"The request cannot be sent: {tables.legible(str(error))}") from error
        except httpx.InvalidURL as error:
            raise fail(f"The API's URL cannot be used ({error}): pass another with --url.") from error


def _told(error: ApiError) -> str:
    problem = error.problem
    lines = [f"{problem.title}: {problem.detail}" if not problem.errors else problem.title]
    lines += [f"  {one}" for one in problem.errors]
    if problem.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        lines.append(f"  {problem.instance}")
    if remedy := remedy_of(problem.status):
        lines.append(f"  {remedy}")
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
app.add_typer(runs.app, name="runs")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(circuits.app, name="circuits")
app.add_typer(contexts.app, name="context")
app.add_typer(admin.app, name="admin")
app.add_typer(workflows.app, name="workflows")
app.add_typer(access.keys, name="keys")
app.add_typer(tenants.tenants, name="tenants")

app.command("apply")(files.apply)
app.command("export")(files.export)
app.command("schema")(files.schema)
app.command("audit")(audit.audit)
app.command("whoami")(access.whoami)
app.command("cancel")(executions.cancel)
app.command("doctor")(doctor.doctor)
app.command("health")(health.health)
app.command("import")(importing.import_)
app.command("ledger")(ledger.ledger)
app.command("logs")(logs.logs)
app.command("usage")(usage.usage)
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
        typer.Option(
            help="The API's URL; else $TIDEWHEEL_API_URL, else the context's, else the local cloud's.",
            show_default=False,
        ),
    ] = None,
    use: Annotated[
        str | None,
        typer.Option(
            "--context", help="The context to use; else $TIDEWHEEL_CONTEXT, else the one in use.", show_default=False
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            help="The tenant to act in, for platform admins; else the context's, else your own.", show_default=False
        ),
    ] = None,
) -> None:
    context.obj = context.obj or Session()
    context.obj.url = url
    context.obj.context = use
    context.obj.tenant = tenant


@app.command()
@prints
def outputs(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="One of them, whose value is printed alone; else all.", show_default=False)
    ] = None,
    *,
    view: View,
) -> None:
    """Show where the deployment is."""
    found = session(context).outputs()
    if name is None:
        view.print(lambda: (found, json.dumps(found)), lambda told: tables.facts(told.items()), session(context).wait)
    elif name in found:
        typer.echo(tables.legible(str(found[name])))
    else:
        raise fail(f"There is no output {tables.legible(name)}: use one of {', '.join(found)}.", ExitStatus.NOT_FOUND)
