"""``tidewheel jobs …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidewheel.cli import show, tables
from tidewheel.cli.commands.arguments import Cursor, File, JobId, Key, Limit, Timeout
from tidewheel.cli.commands.executions import show_end
from tidewheel.cli.commands.ledger import ledger
from tidewheel.cli.fields import applied, read_file, with_fields, writable
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import Form, View, names_of
from tidewheel.client import Client
from tidewheel.domain.limits import DAY_MS, RETENTION_MS
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.reading import difference, merged

app = typer.Typer(no_args_is_help=True, help="Create, list and edit jobs.")


@app.command()
@with_fields
@prints
def create(context: typer.Context, *, fields: dict[str, Any], view: View, file: File = None, key: Key = None) -> None:
    """Create a job from options, or from a file with options over it."""
    document = applied(read_file(file)[0] if file else {}, fields)
    session(context).show(lambda api: api.create_job(document, key=key), show.job, view=view)


@app.command("list")
@prints_and_watches
def list_(
    context: typer.Context,
    *,
    view: View,
    state: Annotated[str | None, typer.Option(help="active, paused, completed or failed.", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="key:value; may be repeated.", show_default=False)] = None,
    name_prefix: Annotated[str | None, typer.Option(help="How the name begins.", show_default=False)] = None,
    last: Annotated[
        list[str] | None,
        typer.Option(help="How the last run ended: dead, failed, succeeded, …; may be repeated.", show_default=False),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Those that this principal created, as in key:<key id>.", show_default=False)
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="The kind of the target: http, lambda, …; may be repeated.", show_default=False),
    ] = None,
    next_after: Annotated[
        str | None, typer.Option(help="Those that fire next then or later.", show_default=False)
    ] = None,
    next_before: Annotated[str | None, typer.Option(help="Those that fire next before.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """List jobs, the newest first."""
    which: dict[str, Any] = {
        "state": state,
        "tags": tag or (),
        "name_prefix": name_prefix,
        "last_result": last or (),
        "owner": owner,
        "kinds": kind or (),
        "next_fire_after": next_after,
        "next_fire_before": next_before,
    }
    session(context).show_list(
        lambda api, most, after: api.jobs_page(**which, limit=most, cursor=after),
        show.jobs,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command("get", hidden=True)
@app.command("show")
@prints_and_watches
def show_(context: typer.Context, id: JobId, *, view: View) -> None:
    """Show a job."""
    session(context).show(lambda api: api.job(api.job_id(id)), show.job, view=view)


@app.command()
@with_fields
@prints
def edit(context: typer.Context, id: JobId, *, fields: dict[str, Any], view: View, file: File = None) -> None:
    """Change what the options say, or replace the definition by a file.

    Refused if the job was edited since it was read.
    """
    if not (file or fields):
        raise typer.BadParameter("say what to change, by options or by --file")

    def call(api: Client) -> JobAnswer:
        if file:
            document, generation = read_file(file)
            return api.replace_job(api.job_id(id), applied(document, fields), match=generation)
        return _edited(api, api.job(api.job_id(id)), fields)

    session(context).show(call, show.job, view=view)


def _edited(api: Client, job: JobAnswer, fields: dict[str, Any]) -> JobAnswer:
    before = writable(job)
    after = applied(before, fields)
    patch = difference(before, after)
    if merged(before, patch) == after:
        return api.edit_job(job.id, patch, match=job.generation)
    return api.replace_job(job.id, after, match=job.generation)  # a payload with nulls: no merge patch can say it


@app.command()
@prints
def pause(context: typer.Context, id: JobId, *, view: View) -> None:
    """Stop a job from firing."""
    session(context).show(lambda api: api.pause_job(api.job_id(id)), show.job, view=view)


@app.command()
@prints
def resume(context: typer.Context, id: JobId, *, view: View) -> None:
    """Let a paused job fire again."""
    session(context).show(lambda api: api.resume_job(api.job_id(id)), show.job, view=view)


@app.command()
@prints
def run(
    context: typer.Context,
    id: JobId,
    *,
    view: View,
    key: Key = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until the run has ended; then 0 if it succeeded, else 8.")
    ] = False,
    timeout: Timeout = None,
) -> None:
    """Run a job now, beside its schedule."""
    here = session(context)
    if wait:
        started, _ = here.ask(lambda api: api.run_job(api.job_id(id), key=key))
        show_end(here, started.id, timeout, view)
    elif timeout is not None:
        raise typer.BadParameter("--timeout goes with --wait")
    else:
        here.show(lambda api: api.run_job(api.job_id(id), key=key), show.execution, view=view)


@app.command()
@prints
def delete(context: typer.Context, id: JobId, *, view: View) -> None:
    """Delete a job; its executions stay."""

    def call(api: Client) -> JobAnswer:
        job = api.job(api.job_id(id))
        api.delete_job(job.id)
        return job

    job, _ = session(context).ask(call)
    if view.form is Form.NAME:
        typer.echo("\n".join(names_of(job)))
    elif view.form is Form.TABLE:  # the API's answer is empty
        kept = f"its executions stay for {RETENTION_MS // DAY_MS} days"
        typer.echo(tables.legible(f"Deleted {job.id} ({job.name}): it fires no more; {kept}."))


@app.command()
@prints_and_watches
def upcoming(
    context: typer.Context,
    id: JobId,
    *,
    view: View,
    count: Annotated[int | None, typer.Option(help="Instants, at most.", show_default=False)] = None,
) -> None:
    """Show the next instants of a job."""
    session(context).show(lambda api: api.upcoming(api.job_id(id), count), show.upcoming, view=view)


app.command("ledger")(ledger)
