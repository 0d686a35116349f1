"""The lines of a crontab, as Debian's cron and cronie read them (crontab(5), ``entry.c`` and ``env.c`` of both).

They agree on all that is read here without a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tidewheel.cli.importing.cron_grammar import COLUMNS, top
from tidewheel.cli.importing.outcome import Difference, NotCarried
from tidewheel.domain.recurrence.cron_columns import DAY, WEEKDAY, BadExpression, Column, unknown
from tidewheel.domain.recurrence.cron_fields import ALIASES

_ASSIGNMENT = re.compile(r"(?:\"(?P<d>[^\"]*)\"|'(?P<s>[^']*)'|(?P<n>[^\s=\"'@*#][^\s=]*))\s*=\s*(?P<value>.*)")
_RANGE = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_RANDOM = re.compile(r"(?P<low>\d{1,2})?~(?P<high>\d{1,2})?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_DRAW = re.compile(r"H(?:\(\d+-\d+\))?(?:/\d+)?", re.ASCII)
_OURS = re.compile(r"L|L-\d+|LW|\d+W|L\w+|\w+#[1-5]", re.ASCII | re.IGNORECASE)
_FREEBSD = {"@every_minute": "* * * * *"}
_CRONS = "Debian's cron and cronie"
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?(?::[\w.-]+)?(?:/[\w.-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CronLine:
    """A line that runs something.

    Args:
        number: From 1.
        text: As it stands.
        environment: The assignments above it; the last of a name counts.
    """

    number: int
    text: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """What a line says.

    Args:
        expression: The schedule in our form.
        command: The text for the shell.
        stdin: What the command reads; None for nothing.
        user: Who it runs as; empty in the user form.
        differences: Between both readings of the schedule.
    """

    expression: str
    command: str
    stdin: str | None
    user: str
    differences: tuple[Difference, ...]


def lines_of(text: str) -> Iterator[CronLine]:
    """The lines that run something, each with the assignments above it."""
    environment: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t")
        if not line.rstrip("\r") or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line.rstrip("\r"))
        if match:
            environment[match["d"] or match["s"] or match["n"] or ""] = _unquoted(match["value"])
        else:
            yield CronLine(number, line, dict(environment))


def _unquoted(value: str) -> str:
    value = value.rstrip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def task_of(text: str, *, system: bool) -> Task:
    """What a line says.

    Raises:
        NotCarried: It cannot be carried over, or no cron takes it.
    """
    differences: list[Difference] = []
    text = text.removeprefix("-")  # no line in the system's log; cronie
    if text.endswith("\r"):
        text = text.rstrip("\r")
        differences.append(Difference("the carriage return at the end", "part of the command", "left out"))
    if text.endswith("\\"):
        raise NotCarried("the line ends in a backslash, and a crontab has no continued lines", "write it on one line")
    expression, rest = _schedule(text, differences)
    user = ""
    if system:
        user, rest = _user(rest)
    command, stdin = _percent(rest)
    if not command.strip():
        raise NotCarried("the line has no command", "add one, or leave the line out")
    if not system and re.match(r"(root|www-data|nobody|daemon)[ \t]+\S", command):
        raise NotCarried(f"{command.split()[0]!r} would be the command", "pass --system if it is the user's name")
    return Task(expression, command.strip(), stdin, user, tuple(differences))


def _schedule(text: str, differences: list[Difference]) -> tuple[str, str]:
    if text.startswith("@"):
        return _alias(text, differences)
    parts = re.split(r"[ \t]+", text, maxsplit=5)
    if len(parts) <= len(COLUMNS):
        raise NotCarried(f"the line has {len(parts)} parts", "write five fields, and then the command")
    fields = [
        ",".join(_element(column, one, len(part.split(",")), differences) for one in part.split(","))
        for column, part in zip(COLUMNS, parts, strict=False)
    ]
    return " ".join(fields), parts[5]


def _alias(text: str, differences: list[Difference]) -> tuple[str, str]:
    alias, _, rest = text.partition("\t" if "\t" in text.partition(" ")[0] else " ")
    name = alias.lower()
    if name == "@reboot":
        raise NotCarried(
            "@reboot names no time: it runs when the machine starts", "have the machine's init system run it (systemd)"
        )
    if name == "@every":
        interval, _, rest = rest.strip().partition(" ")
        differences.append(Difference("@every", f"refused by {_CRONS}, known to Go's", "an interval"))
        return f"@every {interval}", rest
    if name in _FREEBSD:
        differences.append(Difference(name, "known to FreeBSD's cron alone", "every minute"))
        return _FREEBSD[name], rest
    if name not in ALIASES:
        raise NotCarried(f"{alias[:20]!r} is not known to {_CRONS}", "write the schedule in five fields")
    return ALIASES[name], rest


def _element(column: Column, element: str, among: int, differences: list[Difference]) -> str:
    """An element of a list in our form."""
    if random := _RANDOM.fullmatch(element):
        return _random(column, random, differences)
    match = _RANGE.fullmatch(element)
    if match is None or _DRAW.fullmatch(element) or (column in {DAY, WEEKDAY} and _OURS.fullmatch(element)):
        return _foreign(column, element, differences)
    step = _step(column, element, match["step"])
    if not match["low"]:
        return f"*/{min(step, column.size)}" if match["step"] and among == 1 else element
    low = _number(column, match["low"])
    if not match["high"]:
        if match["step"]:
            theirs = f"refused by {_CRONS}; FreeBSD's and others count from {low} up"
            differences.append(Difference(f"{element} in {column.name}", theirs, f"{low}-{top(column)}/{step}"))
        return element
    high = _number(column, match["high"])
    if low > high == 0 and column is WEEKDAY:
        differences.append(Difference(f"{element} in {column.name}", "read by cronie, refused by Debian's", "up to 7"))
        high = 7
    if low > high:
        raise NotCarried(
            f"{element!r} in {column.name} ends before it begins: cron refuses it, and with it the whole file",
            f"write {low}-{top(column)},{column.low}-{high}",
        )
    if not match["step"]:
        return f"{low}-{high}"
    return f"{low}-{high}/{step}" if step <= column.size and step <= high - low else str(low)


def _step(column: Column, element: str, text: str | None) -> int:
    if text is not None and int(text) == 0:
        raise NotCarried(
            f"{element!r} in {column.name} has a step of 0, which cron refuses", "write a step of 1 or more"
        )
    return int(text or 1)


def _number(column: Column, text: str) -> int:
    try:
        return column.number(text)
    except BadExpression as error:
        raise NotCarried(f"cron refuses {text[:40]!r} in {column.name}", column.form()) from error


def _random(column: Column, match: re.Match[str], differences: list[Difference]) -> str:
    """A random value of cronie's and OpenBSD's, as a draw that stays with the job."""
    low = _number(column, match["low"]) if match["low"] else column.low
    high = _number(column, match["high"]) if match["high"] else top(column)
    if low > high:
        raise NotCarried(f"{match[0]!r} in {column.name} ends before it begins", "write the lower bound first")
    if match["step"]:
        raise NotCarried(f"{match[0]!r} in {column.name} has a random value and a step", "write H(a-b)/n")
    ours = f"drawn once from the job's id, from {low} to {high}"
    theirs = "a random value, drawn whenever cronie reads the file (Debian's refuses it)"
    differences.append(Difference(f"{match[0]} in {column.name}", theirs, ours))
    return f"H({low}-{high})"


def _foreign(column: Column, element: str, differences: list[Difference]) -> str:
    """An element that no cron takes and other schedulers do."""
    if _DRAW.fullmatch(element):
        ours = "drawn from the job's id, another value in the same range"
        differences.append(Difference(f"{element} in {column.name}", "drawn from the name of Jenkins' project", ours))
        return element
    if element == "?":
        differences.append(Difference(f"? in {column.name}", f"refused by {_CRONS}", "any value"))
        return "*"
    if column in {DAY, WEEKDAY} and _OURS.fullmatch(element):
        differences.append(Difference(f"{element} in {column.name}", f"refused by {_CRONS}", "as other crons read it"))
        return element
    raise NotCarried(f"cron refuses {element[:40]!r} in {column.name}", unknown(column, element).remedy)


def _user(rest: str) -> tuple[str, str]:
    user, _, command = rest.replace("\t", " ").partition(" ")
    if not _USER.fullmatch(user) or not command.strip():
        raise NotCarried(f"{user[:40]!r} stands where the user's name belongs", "pass --user if no line names one")
    return user, rest[len(user) :].lstrip(" \t")


def _percent(rest: str) -> tuple[str, str | None]:
    r"""The command, and what it reads: behind the first ``%``, where others are line breaks; ``\%`` is a ``%``."""
    parts = [part.replace("\\%", "%") for part in re.split(r"(?<!\\)%", rest)]
    return parts[0], "\n".join(parts[1:]) if len(parts) > 1 else None
