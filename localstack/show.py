"""What the user sees: one line per step with its seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.text import Text

_out = Console(highlight=False, soft_wrap=True)
_err = Console(highlight=False, soft_wrap=True, stderr=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows that ``what`` is under way and, when it is done, how long it took."""
    begin = time.perf_counter()
    if _out.is_terminal:
        with _out.status(escape(what)):
            yield
        _out.print(f"[green]✓[/] {escape(what)} [dim]{time.perf_counter() - begin:.1f} s[/]")
    else:
        say(f"{what} ...")
        yield
        say(f"{what}: done in {time.perf_counter() - begin:.1f} s")


def say(line: str = "") -> None:
    """Prints a line."""
    _out.print(escape(line))
    sys.stdout.flush()


def tag(who: str, colour: str, line: str, style: str = "") -> None:
    """Prints a line of somebody's, whose name goes before it in a colour of its own."""
    _out.print(Text.assemble((f"{who:<10} ", colour), (line, style)))
    sys.stdout.flush()


def report(line: str, detail: str = "") -> None:
    """Prints what a tool said and then, last, the line that names the remedy."""
    if detail:
        _err.print(escape(detail), style="dim")
    _err.print(escape(line), style="red")
