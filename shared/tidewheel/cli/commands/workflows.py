"""``tidewheel workflows …``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tidewheel.cli.commands.arguments import Cursor, Limit
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.files.applying import status_of_all
from tidewheel.cli.files.reading import STDIN, Mistaken
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import fail, session
from tidewheel.cli.tables import legible
from tidewheel.cli.views import Form, View
from tidewheel.cli.workflows import showing
from tidewheel.cli.workflows.mermaid import drawn
from tidewheel.cli.workflows.putting import Planned, planned, put_all
from tidewheel.cli.workflows.reading import FiledWorkflow, read_workflows
from tidewheel.client import Client
from tidewheel.wire.workflows.answers import VersionAnswer, WorkflowAnswer
from tidewheel.wire.workflows.schema import schema as schema_of_files

_DIGITS = 64
_LEAST_DIGITS = 6
app = typer.Typer(no_args_is_help=True, help="Define workflows, see their versions, and draw them.")

Files = Annotated[
    list[str],
    typer.Option("--file", "-f", help="A file, a folder, or - for stdin; may be repeated.", show_default=False),
]
Name = Annotated[str, typer.Argument(help="The workflow's name.", show_default=False)]


def _read(paths: Sequence[str]) -> list[FiledWorkflow]:
    try:
        return read_workflows(paths, sys.stdin.read() if STDIN in paths else "")
    except Mistaken as error:
        raise fail("\n".join(legible(str(one)) for one in error.mistakes), ExitStatus.REFUSED) from error


@app.command()
@prints
def put(context: typer.Context, *, view: View, file: Files) -> None:
    """Make the definitions in files the latest versions of their workflows: YAML, JSON or JSON lines.

    All files are checked before anything is put. A second run changes nothing. Of several, those that others run come
    first.
    """
    files = _read(file)
    with session(context).client() as api:
        _tell(view, list(put_all(api, files)))


@app.command()
@prints
def diff(context: typer.Context, *, view: View, file: Files) -> None:
    """Show how the definitions in files differ from what stands, and put nothing; exit status 2 if they do."""
    files = _read(file)
    with session(context).client() as api:
        plans = [planned(api, one) for one in files]
    _tell(view, plans)
    if any(plan.changes for plan in plans):
        raise typer.Exit(ExitStatus.USAGE)


def _tell(view: View, plans: Sequence[Planned]) -> None:
    """Prints what was done, or would be; ends with an exit status if anything was refused."""
    if view.form is Form.TABLE:
        typer.echo(showing.plan(plans))
    elif view.form is Form.NAME:
        typer.echo("".join(f"{legible(plan.filed.body.name)}\n" for plan in plans), nl=False)
    else:
        items = [_document(plan) for plan in plans]
        typer.echo(view.text_of(None, json.dumps({"items": items}, ensure_ascii=False)), nl=view.form is Form.JSON)
    if refused := [plan.status for plan in plans if plan.answer is None]:
        raise typer.Exit(status_of_all(refused))


def _document(plan: Planned) -> dict[str, object]:
    answer = None if plan.answer is None else plan.answer.model_dump(mode="json")
    return {"name": plan.filed.body.name, "act": plan.act, "workflow": answer, "problem": plan.problem or None}


@app.command()
def validate(
    file: Annotated[list[str], typer.Argument(help="A file, a folder, or - for stdin.", show_default=False)],
) -> None:
    """Check definitions in files without a deployment: every fault at once, with file, line, field and remedy.

    What only a deployment knows is checked when they are put: its pools, grants and other workflows.
    """
    for one in _read(file):
        typer.echo(legible(f"{one.place}: {one.body.name}, {len(one.body.steps)} steps: no faults"))


@app.command("list")
@prints_and_watches
def list_(context: typer.Context, *, view: View, limit: Limit = None, cursor: Cursor = None) -> None:
    """List workflows, by name."""
    session(context).show_list(
        lambda api, most, after: api.workflows_page(limit=most, cursor=after),
        showing.workflows,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command("show")
@prints_and_watches
def show_(
    context: typer.Context,
    name: Name,
    *,
    view: View,
    version: Annotated[
        str | None, typer.Option(help="A version's digest, or the first six digits of it or more.", show_default=False)
    ] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Draw it as a Mermaid flowchart.")] = False,
    definition: Annotated[
        bool, typer.Option("--definition", help="Its definition alone, as a file that put reads: YAML, or JSON.")
    ] = False,
) -> None:
    """Show a workflow with its steps; or one of its versions."""
    here = session(context)

    def call(api: Client) -> WorkflowAnswer | VersionAnswer:
        return api.workflow(name) if version is None else _version(api, name, version)

    if not (mermaid or definition):
        here.show(call, showing.workflow, view=view)
        return
    found, text = here.ask(call)
    if mermaid:
        typer.echo(drawn(found.definition), nl=False)
    else:
        written = json.dumps(json.loads(text)["definition"], ensure_ascii=False)
        as_yaml = View(Form.JSON if view.form is Form.JSON else Form.YAML)
        typer.echo(as_yaml.text_of(None, written), nl=as_yaml.form is Form.JSON)


def _version(api: Client, name: str, digits: str) -> VersionAnswer:
    if len(digits) >= _DIGITS:
        return api.workflow_version(name, digits)
    if len(digits) < _LEAST_DIGITS:
        raise typer.BadParameter(f"give {_LEAST_DIGITS} digits of it or more", param_hint="--version")
    found = [one.version for one in api.workflow_versions(name, page=100) if one.version.startswith(digits)]
    if len(found) != 1:
        told = f"{name} has no version" if not found else f"{name} has several versions"
        status = ExitStatus.CONFLICT if found else ExitStatus.NOT_FOUND
        raise fail(
            legible(f"{told} that begins with {digits}: tidewheel workflows versions {name} shows them."), status
        )
    return api.workflow_version(name, found[0])


@app.command()
@prints_and_watches
def versions(context: typer.Context, name: Name, *, view: View, limit: Limit = None, cursor: Cursor = None) -> None:
    """List the versions of a workflow, the newest first."""
    session(context).show_list(
        lambda api, most, after: api.workflow_versions_page(name, limit=most, cursor=after),
        showing.versions,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command()
def delete(context: typer.Context, name: Name) -> None:
    """Delete a workflow; its versions are kept."""
    with session(context).client() as api:
        api.delete_workflow(name)
    typer.echo(legible(f"Deleted {name}: nothing starts it any more; its versions are kept."))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a file with a workflow, for editors."""
    typer.echo(json.dumps(schema_of_files(), indent=2))
