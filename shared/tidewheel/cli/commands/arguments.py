"""Arguments and options that several commands take, and how a shell completes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tidewheel.cli.deployments.completion import job_names


class FileForm(StrEnum):
    """The forms in which a file of jobs is written."""

    YAML = "yaml"
    JSON = "json"


JOB_HELP = "The job's id, the beginning of it, or its name."

JobId = Annotated[str, typer.Argument(help=JOB_HELP, show_default=False, autocompletion=job_names)]
ExecutionId = Annotated[
    str,
    typer.Argument(help="The execution's id, or the beginning of it with the whole id of its job.", show_default=False),
]
File = Annotated[str | None, typer.Option(help="A job's JSON; - is stdin.", show_default=False)]
Limit = Annotated[int | None, typer.Option(help="Items, at most.", show_default=False)]
Cursor = Annotated[str | None, typer.Option(help="Go on where the last page ended.", show_default=False)]
Key = Annotated[str | None, typer.Option(help="Idempotency key: makes a repeat safe.", show_default=False)]
Timeout = Annotated[
    float | None,
    typer.Option(min=0, help="Seconds to wait at most; then exit status 9, and the run goes on.", show_default=False),
]
