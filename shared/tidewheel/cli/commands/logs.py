"""``tidewheel logs``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tidewheel.cli.commands.arguments import ExecutionId
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.session import Session, session
from tidewheel.cli.tables import legible
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.wire.bodies.execution import ExecutionAnswer, LogAnswer

GOING_ON = frozenset({"queued", "running", "retrying"})
"""The states in which an execution is not over."""
POLL_S = 2.0
"""Seconds between two requests for a log that is followed."""
_NOTHING_YET = "Attempt {} has written nothing yet; --follow waits for it."


def logs(
    context: typer.Context,
    id: ExecutionId,
    attempt: Annotated[int | None, typer.Option(help="Which attempt; else the newest.", show_default=False)] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on until the execution has ended; then 0 if it succeeded, else 8."),
    ] = False,
) -> None:
    """Print the log of an execution's attempt."""
    here = session(context)
    if not follow:
        number, printed = _attempt(here, id, attempt, follow=False)
        if not printed:
            typer.echo(legible(_why_empty(here.ask(lambda api: api.execution(id))[0], number)), err=True)
    elif _follow(here, id, attempt).state != "succeeded":
        raise typer.Exit(ExitStatus.RUN_FAILED)


def _follow(here: Session, id: str, attempt: int | None) -> ExecutionAnswer:
    """Prints the log of this attempt and of those that follow it; returns the execution as it ended."""
    while True:
        number, _ = _attempt(here, id, attempt, follow=True)
        found, _ = here.ask(lambda api: api.execution(id))
        while found.attempt == number and found.state in GOING_ON:
            here.wait(POLL_S)
            found, _ = here.ask(lambda api: api.execution(id))
        if found.attempt == number:
            return found
        attempt = number + 1


def _why_empty(found: ExecutionAnswer, number: int) -> str:
    """Why an attempt has no log, as a sentence."""
    if number == 0:
        return f"No attempt has begun: the execution is {found.state}{f', {found.reason}' if found.reason else ''}."
    ended = next((one for one in found.attempts if one.number == number), None)
    if ended is None:
        gone = number < found.attempt
        return f"Attempt {number} is over, and its account is no longer kept." if gone else _NOTHING_YET.format(number)
    how = f"{ended.result}{f': {ended.reason}' if ended.reason else ''}"
    if number < found.attempt:
        short = f"what is no longer than {OUTPUT_BYTES} bytes is kept of the newest attempt alone"
        return f"Attempt {number} has no log ({how}): it wrote nothing, or {short}."
    return f"Attempt {number} wrote nothing ({how})."


def _attempt(here: Session, id: str, attempt: int | None, *, follow: bool) -> tuple[int, bool]:
    """Prints an attempt's log, as it is now or until the attempt is over; returns its number and whether it has text.

    A followed log is ended with a line break.
    """
    cursor, in_line, printed = None, False, False
    while True:
        page = _page(here, id, attempt, cursor)
        typer.echo(_shown(page.text), nl=False, color=True)  # as it is: echo would take colours out of a file
        printed = printed or bool(page.text)
        in_line = not page.text.endswith("\n") if page.text else in_line
        if page.complete or not (page.text or follow):
            typer.echo("", nl=follow and in_line)
            return page.attempt, printed
        if not page.text:
            here.wait(POLL_S)
        attempt, cursor = page.attempt or attempt, page.cursor


def _page(here: Session, id: str, attempt: int | None, cursor: str | None) -> LogAnswer:
    page, _ = here.ask(lambda api: api.logs_page(id, attempt=attempt, cursor=cursor))
    return page


def _to_terminal() -> bool:
    return sys.stdout.isatty()


def _shown(text: str) -> str:
    """The text without control characters for a terminal, which would obey them; unchanged for a file or a pipe."""
    if not _to_terminal():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "·" for c in text)
