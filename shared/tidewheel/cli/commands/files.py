"""``tidewheel apply``, ``tidewheel export`` and ``tidewheel schema``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from tidewheel.cli.commands.arguments import FileForm
from tidewheel.cli.deployments.completion import job_names
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.files import planned
from tidewheel.cli.files.applying import Result, applied, spreading, status_of_all
from tidewheel.cli.files.exporting import exported
from tidewheel.cli.files.planning import Plan, plan_of
from tidewheel.cli.files.reading import STDIN, Contents, Mistaken, read
from tidewheel.cli.options import prints
from tidewheel.cli.session import Session, fail, session
from tidewheel.cli.tables import legible
from tidewheel.cli.views import Form, View
from tidewheel.client import Client
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.bodies.jobs_file import APPLIED_BY, SET_PATTERN
from tidewheel.wire.bodies.jobs_file import schema as schema_of_files

DEFAULT_SET = "default"
"""The set of jobs for which neither a file nor an option names one. It is never pruned."""


Set = Annotated[str | None, typer.Option("--set", help="The set that the jobs belong to.", show_default=False)]


@prints
def apply(
    context: typer.Context,
    *,
    view: View,
    file: Annotated[
        list[str],
        typer.Option("--file", "-f", help="A file, a folder, or - for stdin; may be repeated.", show_default=False),
    ],
    set_name: Set = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete jobs of the set that the files do not have.")] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="With --prune, delete all of them if the files have no job.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over jobs of the same names that were not made by apply.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan alone; exit status 2 if it changes anything.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make the deployment's jobs what files say: YAML, JSON or JSON lines.

    The plan is shown first. A second run changes nothing; after a failure it goes on.
    """
    contents = _contents(file)
    name = _set_of(contents, set_name, prune=prune)
    if prune and not contents.jobs and not allow_empty:
        raise fail(f"The files have no job, so all of the set {name} would be deleted: --allow-empty says that.")
    here = session(context)
    with here.client() as api, spreading() as spread:
        plan = plan_of(api, contents, name, spread, prune=prune, adopt=adopt)
        if view.form is Form.TABLE:
            typer.echo(planned.told(plan))
        refused = [ExitStatus.CONFLICT for _ in plan.refused()]
        if dry_run:
            _print(view, planned.document(plan, ()))
            raise typer.Exit(status_of_all(refused) or (ExitStatus.USAGE if plan.does() else ExitStatus.DONE))
        if plan.does() and not yes:
            _confirm(file)
        steps = applied(api, plan, spread)
        shown = track(steps, "applying", len(plan.does()), console=Console(stderr=True), disable=not _on_terminal())
        results = list(shown)
    _tell(view, plan, results)
    raise typer.Exit(status_of_all([*refused, *(one.status for one in results)]))


def _contents(paths: Sequence[str]) -> Contents:
    try:
        return read(paths, sys.stdin.read() if STDIN in paths else "")
    except Mistaken as error:
        raise fail("\n".join(legible(str(one)) for one in error.mistakes), ExitStatus.REFUSED) from error


def _set_of(contents: Contents, given: str | None, *, prune: bool) -> str:
    """The name of the set."""
    if given is not None and not re.fullmatch(SET_PATTERN, given):
        raise fail(f"{given!r} is no name of a set: use A-Z a-z 0-9 _ . / -, up to 64.")
    if given and contents.set_name not in {None, given}:
        raise fail(f"The files say that they are the set {contents.set_name}, not {given}.")
    name = given or contents.set_name
    if prune and name is None:
        raise fail("Which set is pruned must be said: by --set, or by 'set:' in a file.")
    return name or DEFAULT_SET


def _on_terminal() -> bool:
    return sys.stderr.isatty()


def _confirm(paths: Sequence[str]) -> None:
    if STDIN in paths or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise fail("Nothing was changed: there is nobody to ask; pass --yes.")
    if not typer.confirm("Apply it?", err=True):
        raise fail("Nothing was changed.", ExitStatus.REFUSED)


def _tell(view: View, plan: Plan, results: Sequence[Result]) -> None:
    if view.form is Form.TABLE:
        for one in results:
            if one.problem:
                typer.echo(legible(f"{one.step.name}: not {planned.DONE[one.step.act]}: {one.problem}"), err=True)
        typer.echo(planned.summary(plan, results))
    _print(view, planned.document(plan, results))


def _print(view: View, document: dict[str, Any]) -> None:
    if view.form is Form.NAME:
        typer.echo("".join(f"{step['id']}\n" for step in document["steps"] if step["id"]), nl=False)
    elif view.form is not Form.TABLE:
        typer.echo(view.text_of(None, json.dumps(document, ensure_ascii=False)), nl=view.form is Form.JSON)


def export(
    context: typer.Context,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, their beginnings, or names; else all.", show_default=False, autocompletion=job_names),
    ] = None,
    *,
    set_name: Set = None,
    tag: Annotated[list[str] | None, typer.Option(help="key:value; may be repeated.", show_default=False)] = None,
    name_prefix: Annotated[str | None, typer.Option(help="How the name begins.", show_default=False)] = None,
    output: Annotated[FileForm, typer.Option("--output", "-o", help="yaml, or json for JSON lines.")] = FileForm.YAML,
) -> None:
    """Write jobs as a file that apply reads, and finds unchanged.

    Jobs that nothing will fire any more are left out. What has its default is not written.
    """
    tags = [*(tag or ()), *([f"{APPLIED_BY}:{set_name}"] if set_name else [])]
    if jobs and (tags or name_prefix):
        raise fail("Name jobs, or pass --set, --tag or --name-prefix, not both.")
    found = exported(_wanted(session(context), jobs, tags, name_prefix))
    typer.echo(found.as_yaml(set_name) if output is FileForm.YAML else found.as_lines(), nl=False)
    if found.left_out:
        typer.echo(legible(f"Left out, since they are over: {', '.join(found.left_out)}"), err=True)
    if found.doubled:
        told = f"Several jobs have one name, which apply refuses; rename them: {', '.join(found.doubled)}"
        typer.echo(legible(told), err=True)


def _wanted(
    here: Session, named: Sequence[str] | None, tags: Sequence[str], name_prefix: str | None
) -> Sequence[JobAnswer]:
    def call(api: Client) -> Sequence[JobAnswer]:
        if named:
            return [api.job(api.job_id(one)) for one in named]
        return list(api.jobs(page=MAX_PAGE, tags=tags, name_prefix=name_prefix))

    return here.ask(call)[0]


def schema() -> None:
    """Print the JSON Schema of a file of jobs, for editors."""
    typer.echo(json.dumps(schema_of_files(), indent=2))
