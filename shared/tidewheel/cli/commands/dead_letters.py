"""``tidewheel dead-letters …``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from tidewheel.cli import show, tables
from tidewheel.cli.commands.arguments import Cursor, Limit
from tidewheel.cli.completion import job_names
from tidewheel.cli.options import prints_and_watches
from tidewheel.cli.session import fail, session
from tidewheel.cli.views import View, write
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
def redrive(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="The executions' ids.", show_default=False)] = None,
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
    redriven, skipped, going = list[str](), 0, {**which, "rate": rate}
    while True:
        answer, _ = session(context).ask(lambda api, body=going: api.redrive(body))  # type: ignore[misc]
        redriven += answer.redriven
        skipped += len(answer.skipped)
        for one in answer.skipped:
            typer.echo(tables.legible(f"{one.id} {one.reason}"), err=True)
        if answer.cursor is None:
            break
        going = {**which, "rate": rate, "cursor": answer.cursor, "after": answer.until.isoformat()}
    write(_did(redriven, skipped, rate))


def _did(redriven: Sequence[str], skipped: int, rate: int) -> RenderableType:
    """What a redrive has done: how many run again, of which jobs, and how soon."""
    total = f"{len(redriven)} redriven" + (f", {skipped} skipped" if skipped else "")
    if not redriven:
        return Text(total if skipped else f"{total}: there are no dead letters")
    took = short_duration(duration(len(redriven) * SECOND_MS // rate))
    jobs = Counter(id.partition("-")[0] for id in redriven)
    told = Text(f"{total}: {rate} start in a second" + (f", the last in about {took}" if len(redriven) > rate else ""))
    return Group(told, tables.Rows(("JOB", "RUNS"), jobs.most_common()))
