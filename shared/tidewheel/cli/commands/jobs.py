"""``tidewheel jobs …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidewheel.cli import show, tables
from tidewheel.cli.fields import applied, read_file, with_fields, writable
from tidewheel.cli.session import session
from tidewheel.client import Client
from tidewheel.domain.limits import DAY_MS, RETENTION_MS
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.reading import difference, merged

app = typer.Typer(no_args_is_help=True, help="Create, list and edit jobs.")

Id = Annotated[str, typer.Argument(help="The job's id, the beginning of it, or its name.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
File = Annotated[str | None, typer.Option(help="A job's JSON; - is stdin.", show_default=False)]
Limit = Annotated[int | None, typer.Option(help="Items, at most.", show_default=False)]
Cursor = Annotated[str | None, typer.Option(help="Go on where the last page ended.", show_default=False)]
Key = Annotated[str | None, typer.Option(help="Idempotency key: makes a repeat safe.", show_default=False)]


@app.command()
@with_fields
def create(
    context: typer.Context, fields: dict[str, Any], file: File = None, key: Key = None, as_json: Json = False
) -> None:
    """Create a job from options, or from a file with options over it."""
    document = applied(read_file(file)[0] if file else {}, fields)
    session(context).show(lambda api: api.create_job(document, key=key), show.job, as_json=as_json)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="active, paused, completed or failed.", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="key:value; may be repeated.", show_default=False)] = None,
    name_prefix: Annotated[str | None, typer.Option(help="How the name begins.", show_default=False)] = None,
    last: Annotated[
        list[str] | None,
        typer.Option(help="How the last run ended: dead, failed, succeeded, …; may be repeated.", show_default=False),
    ] = None,
    next_after: Annotated[
        str | None, typer.Option(help="Those that fire next then or later.", show_default=False)
    ] = None,
    next_before: Annotated[str | None, typer.Option(help="Those that fire next before.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first."""
    which: dict[str, Any] = {
        "state": state,
        "tags": tag or (),
        "name_prefix": name_prefix,
        "last_result": last or (),
        "next_fire_after": next_after,
        "next_fire_before": next_before,
    }
    session(context).show_list(
        lambda api, most, after: api.jobs_page(**which, limit=most, cursor=after),
        show.jobs,
        limit=limit,
        cursor=cursor,
        as_json=as_json,
    )


@app.command("show")
def show_(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Show a job."""
    session(context).show(lambda api: api.job(api.job_id(id)), show.job, as_json=as_json)


@app.command()
@with_fields
def edit(context: typer.Context, id: Id, fields: dict[str, Any], file: File = None, as_json: Json = False) -> None:
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

    session(context).show(call, show.job, as_json=as_json)


def _edited(api: Client, job: JobAnswer, fields: dict[str, Any]) -> JobAnswer:
    before = writable(job)
    after = applied(before, fields)
    patch = difference(before, after)
    if merged(before, patch) == after:
        return api.edit_job(job.id, patch, match=job.generation)
    return api.replace_job(job.id, after, match=job.generation)  # a payload with nulls: no merge patch can say it


@app.command()
def pause(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Stop a job from firing."""
    session(context).show(lambda api: api.pause_job(api.job_id(id)), show.job, as_json=as_json)


@app.command()
def resume(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Let a paused job fire again."""
    session(context).show(lambda api: api.resume_job(api.job_id(id)), show.job, as_json=as_json)


@app.command()
def run(context: typer.Context, id: Id, key: Key = None, as_json: Json = False) -> None:
    """Run a job now, beside its schedule."""
    session(context).show(lambda api: api.run_job(api.job_id(id), key=key), show.execution, as_json=as_json)


@app.command()
def delete(context: typer.Context, id: Id, as_json: Json = False) -> None:
    """Delete a job; its executions stay."""

    def call(api: Client) -> JobAnswer:
        job = api.job(api.job_id(id))
        api.delete_job(job.id)
        return job

    job, _ = session(context).ask(call)
    if not as_json:  # the API's answer is empty
        kept = f"its executions stay for {RETENTION_MS // DAY_MS} days"
        typer.echo(tables.legible(f"Deleted {job.id} ({job.name}): it fires no more; {kept}."))


@app.command()
def upcoming(
    context: typer.Context,
    id: Id,
    count: Annotated[int | None, typer.Option(help="Instants, at most.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show the next instants of a job."""
    session(context).show(lambda api: api.upcoming(api.job_id(id), count), show.upcoming, as_json=as_json)
