"""``tidewheel worker``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tidewheel.domain.limits import DRAIN_MS, MAX_SLOTS, SECOND_MS


def worker(
    pool: Annotated[str, typer.Option(help="The pool whose queues it works: fargate, or another.", show_default=False)],
    concurrency: Annotated[
        int,
        typer.Option(min=1, max=MAX_SLOTS, help="How many attempts it runs at once; more by starting more workers."),
    ] = 4,
    deployment: Annotated[
        str | None, typer.Option(help="The deployment's name; else tidewheel.", show_default=False)
    ] = None,
    drain: Annotated[
        int,
        typer.Option(min=0, help="Seconds for which attempts may go on once it is told to end; then they hand over."),
    ] = DRAIN_MS // SECOND_MS,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--import", metavar="MODULE", help="A module with Python tasks, see tidewheel.tasks; may be given again."
        ),
    ] = None,
) -> None:
    """Run attempts of a pool on this machine, until SIGTERM or Ctrl-C; a second one hands over at once.

    Region and credentials are found as the AWS SDK finds them. This process becomes the worker.
    """
    arguments = ["--pool", pool, "--concurrency", str(concurrency), "--drain", str(drain)]
    if deployment:
        arguments += ["--deployment", deployment]
    for module in modules or ():
        arguments += ["--import", module]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tidewheel.wiring.pool", *arguments])  # noqa: S606 -- no shell
