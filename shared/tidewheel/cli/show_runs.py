"""Runs of workflows as tables for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tidewheel.cli.show import page_of
from tidewheel.cli.tables import Rows, facts
from tidewheel.wire.bodies.run import RunAnswer, RunList

_VERSION_SHOWN = 12


def _state(run: RunAnswer) -> str:
    if run.state == "open" and run.paused:
        return "paused"
    return f"{run.state} ({run.stopping})" if run.state == "open" and run.stopping else run.state


def runs(page: RunList) -> RenderableType:
    """A page of runs."""
    heads = ("ID", "STATE", "VERSION", "DUE", "FINISHED", "REASON")
    rows = [
        (one.id, _state(one), one.version[:_VERSION_SHOWN], one.due_at, one.finished_at, one.reason)
        for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "runs", page.cursor)


def run(found: RunAnswer) -> RenderableType:
    """One run, with where its steps stand."""
    head = facts(
        [
            ("id", found.id),
            ("workflow", found.workflow),
            ("version", found.version),
            ("params", found.params),
            ("state", _state(found)),
            ("due", found.due_at),
            ("started", found.started_at),
            ("finished", found.finished_at),
            ("reason", found.reason),
        ]
    )
    heads = ("STEP", "STATE", "TRY", "STARTED", "FINISHED", "OUTPUT", "REASON")
    rows = [
        (step.name, step.state, step.attempt, step.started_at, step.finished_at, step.output[:60], step.reason)
        for step in found.steps
    ]
    return Group(head, Text(), Rows(heads, rows)) if rows else head
