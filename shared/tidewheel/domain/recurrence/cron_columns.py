"""The fields of a cron expression: their bounds, the names of their values, and the texts of refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidewheel.domain.errors import DomainError


class BadExpression(DomainError):
    """A cron expression that is refused.

    Args:
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Column:
    """One field of an expression, such as the hour.

    Attributes:
        name: Its name in messages.
        low: Its least value.
        high: Its greatest value; 7 is Sunday again.
        size: The number of different values.
        drawn: The greatest value that a bare H stands for.
        words: The names of the values, from ``low`` on.
    """

    name: str
    low: int
    high: int
    size: int
    drawn: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        word = text.upper()
        if word in self.words:
            return self.low + self.words.index(word)
        if not re.fullmatch(r"\d{1,2}", text, re.ASCII):
            raise unknown(self, text)
        if not self.low <= int(text) <= self.high:
            raise BadExpression(f"{text} is out of range for {self.name}", self.form())
        return int(text)

    def step(self, text: str) -> int:
        if not 1 <= int(text) <= self.size:
            raise BadExpression(
                f"a step of {text} does not fit into {self.name}",
                f"use a step from 1 to {self.size}, or an `every` schedule for longer intervals",
            )
        return int(text)

    def form(self) -> str:
        words = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        return f"write {self.name} as {self.low}-{self.high}{words}: a value, a-b, */n, a-b/n, or a list"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
SECOND = Column("second", 0, 59, 60, 59)
MINUTE = Column("minute", 0, 59, 60, 59)
HOUR = Column("hour", 0, 23, 24, 23)
DAY = Column("day of month", 1, 31, 31, 28)  # a bare H must fall into every month
MONTH = Column("month", 1, 12, 12, 12, _MONTHS)
WEEKDAY = Column("day of week", 0, 7, 7, 6, _DAYS)

_REFUSED = (
    (r"\?", "? is not cron", "write * where any day is meant"),
    (r"W|W\d+", "the nearest weekday is written with W behind", "write 15W in day of month, or LW for the last one"),
    (r"R\b.*", "a random value (R) would change at every reading", "use H, a draw that stays with the job"),
    (
        r".*~.*",
        "a random range (~) would change at every reading",
        "use H(a-b), a draw that stays with the job",
    ),
    (r"\w+L", "a last weekday stands in day of week, with L in front", "write it there, as in L5"),
    (r"L", "L stands by itself, in day of month", "write L in day of month, or L5 for the last Friday"),
    (r".*#.*", "# joins a day of week and a count from 1 to 5", "write 5#2 for the second Friday"),
    (r"H\b.*", "this H cannot be read", "write H, H(a-b), H/n or H(a-b)/n"),
)


def unknown(column: Column, element: str) -> BadExpression:
    """The refusal of a word, with what to write instead where the word is known from other crons."""
    for pattern, problem, remedy in _REFUSED:
        if re.fullmatch(pattern, element, re.ASCII | re.IGNORECASE):
            return BadExpression(f"{element[:40]!r} in {column.name}: {problem}", remedy)
    return BadExpression(f"{element[:40]!r} is not understood in {column.name}", column.form())
