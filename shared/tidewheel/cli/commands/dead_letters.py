"""``tidewheel dead-letters …``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.status import Status
from rich.text import Text

from tidewheel.cli import show, tables
from tidewheel.cli.commands.arguments import Cursor, Limit
from tidewheel.cli.deployments.completion import job_names
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import fail, session
from tidewheel.cli.views import Form, View, write
from tidewheel.client import Client
from tidewheel.domain.limits import REDRIVE_RATE, SECOND_MS
from tidewheel.wire.values import duration, short_duration

app = typer.Typer(no_args_is_help=True, help="See what ended without success, and run it again.")


@app.command("list")
@prints_and_watches
def list_(
    context: typer.Context,
    *,
    view: View,
    job: Annotated[
        str | None, typer.Option(help="Only those of this job.", show_default=False, autocompletion=job_names)
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """List executions that ended as dead, failed or timed_out, the last to end first."""
    session(context).show_list(
        lambda api, most, after: api.dead_letters_page(job=job, limit=most, cursor=after),
        show.executions,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command()
@prints
def redrive(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="The executions' ids.", show_default=False)] = None,
    *,
    view: View,
    job: Annotated[
        str | None, typer.Option(help="All of this job.", show_default=False, autocompletion=job_names)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    rate: Annotated[int, typer.Option(help="How many start in a second.")] = REDRIVE_RATE,
) -> None:
    """Run dead letters again: the same executions, with as many attempts anew."""
    given: dict[str, Any] = {"ids": ids, "job": job, "all": all_}
    which = {name: value for name, value in given.items() if value}
    if len(which) != 1:
        raise fail("Name executions, or pass --job or --all, but one of them alone.")
    (redriven, skipped), _ = session(context).ask(lambda api: _redriven(api, which, rate))
    if view.form is Form.TABLE:
        write(_did(redriven, skipped, rate))
    elif view.form is Form.NAME:
        typer.echo("".join(f"{tables.legible(id)}\n" for id in redriven), nl=False)
    else:
        text = json.dumps({"redriven": redriven, "skipped": skipped})
        typer.echo(view.text_of(None, text), nl=view.form is Form.JSON)


def _redriven(api: Client, which: Mapping[str, Any], rate: int) -> tuple[list[str], int]:
    """Redrives a hundred after the other; returns whose runs go on, and how many were left out, which stderr tells."""
    redriven, skipped, going = list[str](), 0, {**which, "rate": rate}
    with Status("redriving", console=Console(stderr=True)) as status:  # on a terminal alone
        while True:
            answer = api.redrive(going)
            redriven += answer.redriven
            skipped += len(answer.skipped)
            status.update(f"redriving: {len(redriven)} so far")
            for one in answer.skipped:
                typer.echo(tables.legible(f"{one.id} {one.reason}"), err=True)
            if answer.cursor is None:
                return redriven, skipped
            going = {**which, "rate": rate, "cursor": answer.cursor, "after": answer.until.isoformat()}


def _did(redriven: Sequence[str], skipped: int, rate: int) -> RenderableType:
    """What a redrive has done: how many run again, of which jobs, and how soon."""
    total = f"{len(redriven)} redriven" + (f", {skipped} skipped" if skipped else "")
    if not redriven:
        return Text(total if skipped else f"{total}: there are no dead letters")
    took = short_duration(duration(len(redriven) * SECOND_MS // rate))
    jobs = Counter(id.partition("-")[0] for id in redriven)
    told = Text(f"{total}: {rate} start in a second" + (f", the last in about {took}" if len(redriven) > rate else ""))
    return Group(told, tables.Rows(("JOB", "RUNS"), jobs.most_common()))
