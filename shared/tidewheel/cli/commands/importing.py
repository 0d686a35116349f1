"""``tidewheel import``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tidewheel.cli.commands.arguments import FileForm
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.files import yaml_text
from tidewheel.cli.importing.formats import READERS
from tidewheel.cli.importing.jobs import Options
from tidewheel.cli.importing.outcome import Entry, Reading, Standing, joined
from tidewheel.cli.session import Session, fail, session
from tidewheel.cli.tables import legible
from tidewheel.cli.views import write
from tidewheel.client import ApiError, Client
from tidewheel.domain.recurrence.zones import known_zone
from tidewheel.wire.bodies.job import JobAnswer, JobBody
from tidewheel.wire.reading import fingerprint

_STYLES = {Standing.CARRIED: "green", Standing.DIFFERENT: "yellow", Standing.REFUSED: "red"}
_WIDEST = max(map(len, Standing))
_MOST_BYTES = 16 * 1024 * 1024


class Format(StrEnum):
    """What can be read."""

    CRONTAB = "crontab"
    KUBERNETES = "kubernetes"
    EVENTBRIDGE = "eventbridge"
    CELERY = "celery"
    AIRFLOW = "airflow"
    HEROKU = "heroku"
    GITHUB = "github"


def import_(
    context: typer.Context,
    format: Annotated[Format, typer.Argument(help="What the files are.", show_default=False)],
    files: Annotated[list[str], typer.Argument(help="The files; - is stdin.", show_default=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each entry; create none.")
    ] = False,
    output: Annotated[
        FileForm | None,
        typer.Option(
            "--output", "-o", help="Print a list of jobs, for tidewheel apply; create none.", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Create the jobs without asking.")] = False,
    timezone: Annotated[
        str | None,
        typer.Option(help="Of schedules that name none: the zone in which they ran.", show_default=False),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(help="Whose workers run the jobs; else fargate for programs and functions.", show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Have every job call this instead: JSON, with {name} for its name.", show_default=False),
    ] = None,
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="Whether lines of a crontab name a user; else those of /etc/crontab and cron.d do.",
            show_default=False,
        ),
    ] = None,
    repository: Annotated[
        str, typer.Option(help="Whose workflows they are, on GitHub: owner/name.", show_default=False)
    ] = "",
    branch: Annotated[str, typer.Option(help="The branch on which the workflows run.")] = "main",
) -> None:
    """Take over jobs from crontabs, Kubernetes, EventBridge, Celery beat, Airflow, Heroku or GitHub Actions.

    Says of each entry whether it is carried over, carried over with a difference, or refused, and why. Then creates the
    jobs, or prints them as a file. The exit status is 1 if an entry is refused.
    """
    if timezone is not None and known_zone(timezone) is None:
        raise typer.BadParameter(f"{timezone!r} is no time zone: use Region/City", param_hint="--timezone")
    options = Options(timezone, pool, _target(target), system, repository, branch)
    reading = joined(READERS[format](_name(path), _text(path), options) for path in files)
    jobs = [entry for entry in reading.entries if entry.job is not None]
    if output is None:
        write(_told(reading))
    else:
        Console(stderr=True, highlight=False).print(_told(reading))
        typer.echo(_file(jobs, output), nl=False)
    created = True
    if not dry_run and output is None and jobs:
        _confirm(len(jobs), yes=yes)
        created = _create(session(context), jobs)
    if not created or any(entry.standing is Standing.REFUSED for entry in reading.entries):
        raise typer.Exit(ExitStatus.REFUSED)


def _name(path: str) -> str:
    return "stdin" if path == "-" else path


def _text(path: str) -> str:
    try:
        raw = sys.stdin.buffer.read(_MOST_BYTES + 1) if path == "-" else Path(path).read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read as UTF-8: {error}", param_hint="FILES") from error
    if len(raw) > _MOST_BYTES:
        raise typer.BadParameter(f"{path} has more than {_MOST_BYTES} bytes: split it", param_hint="FILES")
    return text


def _target(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"it is no JSON: {error}", param_hint="--target") from error
    if not isinstance(value, dict):
        raise typer.BadParameter('it is no JSON object, such as {"kind": "http", …}', param_hint="--target")
    return value


def _told(reading: Reading) -> RenderableType:
    """Each entry on a line, with its remarks below; then the counts, and what holds for all."""
    lines: list[RenderableType] = []
    for entry in reading.entries:
        style = _STYLES[entry.standing]
        lines.append(
            Text.assemble((f"{entry.standing:<{_WIDEST}}  ", style), f"{legible(entry.where)}  {legible(entry.text)}")
        )
        if entry.job is not None:
            lines.append(Padding(Text(f"as {legible(_schedule(entry))}", style="dim"), (0, 0, 0, 4), expand=False))
        lines += [Padding(Text(legible(one)), (0, 0, 0, 4), expand=False) for one in entry.remarks()]
    counts = Counter(entry.standing for entry in reading.entries)
    lines.append(Text(", ".join(f"{counts[standing]} {standing}" for standing in Standing), style="bold"))
    return Group(*lines, *(Text(legible(f"- {remark}")) for remark in reading.notes))


def _schedule(entry: Entry) -> str:
    """The schedule of its job in a few words."""
    if entry.job is None:
        return ""
    schedule = JobBody.model_validate(dict(entry.job)).schedule
    return schedule.summary() if schedule else ""


def _file(jobs: Sequence[Entry], form: FileForm) -> str:
    listed = [{**(entry.job or {}), **({"paused": True} if entry.paused else {})} for entry in jobs]
    if form is FileForm.JSON:
        return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
    return yaml_text.written(listed)


def _confirm(count: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise fail("Say --yes to create the jobs, --dry-run to see what would become of each, or -o yaml.")
    typer.confirm(f"Create {count} {'job' if count == 1 else 'jobs'}?", abort=True, err=True)


def _create(here: Session, jobs: Sequence[Entry]) -> bool:
    """Creates the jobs; a repeat of the same command creates none twice. Tells of each; whether all went well."""
    refused = 0
    with here.client() as api:
        for entry in jobs:
            body = dict(entry.job or {})
            try:
                created = _created(api, body, paused=entry.paused)
            except ApiError as error:
                refused += 1
                told = "; ".join(map(str, error.problem.errors)) or error.problem.detail
                typer.echo(legible(f"{body['name']}: {told}"), err=True)
                continue
            typer.echo(legible(f"{created.id} {created.name}{' (paused)' if entry.paused else ''}"))
    return refused == 0


def _created(api: Client, body: Mapping[str, Any], *, paused: bool) -> JobAnswer:
    """Creates a job, and pauses it at once if it is to be; a repeat does what is left of both."""
    job = api.create_job(dict(body), key=f"import-{fingerprint(body)}")
    return api.pause_job(job.id) if paused else job
