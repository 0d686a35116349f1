"""What the demo shows: a table that lives on a terminal, plain lines elsewhere, and the summary."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from localstack.demo.account import Account, Fire, Lateness
from localstack.demo.jobs import KINDS, instant
from localstack.receiver import Arrival
from localstack.show import say

_NEWEST = 5
_LISTED = 10
_PLAIN_EVERY_MS = 5_000
_REFRESH = 4


@dataclass(frozen=True)
class View:
    """A moment of the run.

    Args:
        account: What came so far.
        now_ms: The moment.
        progress: Share of the run's time that has passed, 0 to 1.
    """

    account: Account
    now_ms: int
    progress: float


class Screen(Protocol):
    """Shows moments."""

    def show(self, view: View) -> None: ...


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"


def _clock(ms: int) -> str:
    return instant(ms)[11:-1]


def _newest(account: Account) -> Sequence[Arrival]:
    return sorted(account.arrivals, key=lambda one: one.arrived_ms)[-_NEWEST:]


def table(view: View) -> RenderableType:
    """The table of kinds, the newest fires and the bar."""
    rows = Table(title="Tidewheel: jobs firing", title_justify="left")
    for name in ("jobs", "due so far", "received", "last late", "p50", "max"):
        rows.add_column(name, justify="left" if name == "jobs" else "right")
    for kind in KINDS:
        part = view.account.of_kind(kind)
        late = part.lateness()
        last = max(part.arrivals, key=lambda one: one.arrived_ms, default=None)
        figures = (last.lateness_ms if last else None, late.p50, late.max)
        rows.add_row(kind, str(part.due_by(view.now_ms)), str(part.received), *(_ms(figure) for figure in figures))
    newest = Table.grid(padding=(0, 2))
    for one in reversed(_newest(view.account)):
        newest.add_row(_clock(one.arrived_ms), one.tag, f"due {_clock(one.due_ms)}", f"{one.lateness_ms:+d} ms")
    bar = ProgressBar(total=1.0, completed=view.progress, width=60)
    received = Text(f"{view.account.received} of {view.account.expected} fires   ")
    footer = Table.grid()
    footer.add_row(received, bar)
    return Group(rows, newest, footer)


class _OnTerminal:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, view: View) -> None:
        self._live.update(table(view))


class Plain:
    """One line every few seconds."""

    def __init__(self) -> None:
        self._next_ms = 0

    def show(self, view: View) -> None:
        """Prints a line, if it is time for one."""
        if view.now_ms < self._next_ms:
            return
        self._next_ms = view.now_ms + _PLAIN_EVERY_MS
        account = view.account
        counts = f"due so far {account.due_by(view.now_ms)}, received {account.received} of {account.expected}"
        late = account.lateness()
        say(f"{_clock(view.now_ms)[:8]}  {counts}, late p50 {_ms(late.p50)}, max {_ms(late.max)}")


@contextmanager
def screen() -> Iterator[Screen]:
    """The screen that fits where the output goes."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        yield Plain()
        return
    with Live(console=console, refresh_per_second=_REFRESH) as live:
        yield _OnTerminal(live)


def _tier(name: str, late: Lateness) -> str:
    return f"  {name:<8}p50 {_ms(late.p50):<9}p99 {_ms(late.p99):<9}max {_ms(late.max):<9}({late.samples} fires)"


def _listed(word: str, fires: Sequence[Fire]) -> None:
    for tag, nominal_ms in fires[:_LISTED]:
        say(f"  {word}: {tag}" + (f", for {_clock(nominal_ms)} UTC" if nominal_ms else ""))
    if len(fires) > _LISTED:
        say(f"  and {len(fires) - _LISTED} more")


def summarize(account: Account, by_receiver: Account) -> None:
    """The result.

    Args:
        account: Of all jobs.
        by_receiver: Of those that the receiver saw.
    """
    counts = f"missing {len(account.missing)}, duplicate {account.duplicate}, early {len(account.early)}"
    say()
    say(f"Fires     expected {account.expected}, received {account.received}, {counts}")
    say("Lateness  arrival at the receiver minus due time, by precision tier")
    for tier in ("high", "normal"):
        say(_tier(tier, by_receiver.lateness(tier)))
    _listed("missing", account.missing)
    _listed("not asked for", account.unexpected)
    say("Result    " + ("all came, once, and none early." if account.sound else "NOT as the definitions say."))
