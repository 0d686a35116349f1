"""Tables for people, which fit the terminal: what would be cut off stands on lines of its own instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from tidewheel.wire.model import unfit
from tidewheel.wire.values import local_time, short_duration

_STYLES = {
    "active": "green",
    "succeeded": "green",
    "paused": "yellow",
    "queued": "cyan",
    "running": "cyan",
    "retrying": "yellow",
    "ok": "green",
    "failed": "red",
    "dead": "red",
    "timed_out": "red",
    "skipped": "yellow",
    "pending": "cyan",
    "missing": "red",
    "closed": "green",
    "half_open": "yellow",
    "open": "red",
}
_FOLDED = frozenset({"NAME", "SCHEDULE", "TARGET", "REASON", "PARTY", "DETAIL", "REMEDY"})
"""Columns whose texts may go on in the next line; all others are never broken."""
_NARROWEST = 10
"""Columns (of the terminal) that such a text needs at least, to be read."""


def legible(line: str) -> str:
    """A line without control characters, which may come from a target's answer: a terminal would obey them."""
    return "".join("·" if unfit(c) else c for c in line)


def time(value: datetime | None) -> str:
    """The time in local time with its offset, or a dash if there is none."""
    return "-" if value is None else local_time(value)


def _text(value: object) -> Text:
    plain = "-" if value is None or value == "" else str(value)
    return Text(legible(plain), style=_STYLES.get(plain, ""))


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """A table of two columns: names and values. Durations are short; times are local, with their offset."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), _text(_plain(value)))
    return table


def _plain(value: object) -> object:
    match value:
        case datetime():
            return local_time(value)
        case timedelta():
            return short_duration(value)
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows under heads. Times are local: their offset stands in the head, or beside each if they differ.

    Where the terminal is too narrow, each row becomes a few lines of heads and values. A column of texts without any
    is left out.

    Args:
        heads: The names of the columns.
        rows: Their cells: texts, numbers, times, durations, or None.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol."""
        columns = [
            _Column.of(head, cells)
            for head, cells in zip(self.heads, zip(*self.rows, strict=True), strict=True)
            if head not in _FOLDED or any(cell not in {None, ""} for cell in cells)
        ]
        room = options.max_width - sum(column.least for column in columns)
        gaps = len(columns) - 1
        if room >= gaps:
            yield _table(columns, gap=2 if room >= 2 * gaps else 1)
        else:
            yield _stacked(columns, options.max_width)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: its head and cells in a table, and the cells with all that the head says, for lines of their own."""

    name: str
    head: str
    cells: Sequence[Text]
    whole: Sequence[Text]

    @classmethod
    def of(cls, name: str, cells: Sequence[object]) -> _Column:
        whole = [_text(_plain(cell)) for cell in cells]
        offsets = {local_time(cell)[-6:] for cell in cells if isinstance(cell, datetime)}
        if len(offsets) != 1:
            return cls(name, name, whole, whole)
        short = [_text(local_time(cell)[:-7]) if isinstance(cell, datetime) else _text(cell) for cell in cells]
        return cls(name, f"{name} {offsets.pop()}", short, whole)

    @property
    def folds(self) -> bool:
        return self.name in _FOLDED

    @property
    def least(self) -> int:
        widest = max([len(self.head), *(cell.cell_len for cell in self.cells)])
        return min(widest, _NARROWEST) if self.folds else widest


def _table(columns: Sequence[_Column], gap: int) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for column in columns:
        least = column.least if column.folds else None
        table.add_column(column.head, overflow="fold", no_wrap=not column.folds, min_width=least)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _stacked(columns: Sequence[_Column], width: int) -> RenderableType:
    """Each row as lines: its first cell, then the others, each after its head; none is broken that a line can hold."""
    lines: list[Text] = []
    for row in zip(*(column.whole for column in columns), strict=True):
        lines.append(Text.assemble((row[0].plain, "bold")))
        line = Text()
        for column, cell in zip(columns[1:], row[1:], strict=True):
            if cell.plain == "-":
                continue
            part = Text.assemble("  ", (f"{column.name.lower()} ", "dim"), cell)
            if line and line.cell_len + part.cell_len > width:
                lines.append(line)
                line = Text()
            line.append_text(part)
        lines.append(line)
    return Group(*lines)
