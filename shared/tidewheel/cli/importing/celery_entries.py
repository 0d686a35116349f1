"""Entries of Celery's beat: their schedules and tasks as ours."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tidewheel.cli.importing.clock_changes import ClockRule, checked, clock_difference, zone_matters
from tidewheel.cli.importing.cron_grammar import Days, Grammar
from tidewheel.cli.importing.jobs import JobDraft
from tidewheel.cli.importing.outcome import NotCarried
from tidewheel.cli.importing.static import Called, Named, Source, settled, whole
from tidewheel.domain.fleet.route import FARGATE_POOL
from tidewheel.domain.recurrence.cron_columns import MONTH, WEEKDAY
from tidewheel.wire.values import short_duration

SOURCE = "celery"
GRAMMAR = Grammar("Celery", Days.BOTH, wraps=True, open_step=False)
CLOCKS = ClockRule("Celery", settled=False)
FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_ARGUMENTS = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
"""The order of crontab's positional arguments."""


def schedule_of(draft: JobDraft, schedule: Any, zone: str | None) -> dict[str, str]:
    """A schedule of Celery's as one of ours.

    Raises:
        NotCarried: There is no such schedule here.
    """
    if isinstance(schedule, timedelta | int | float) and not isinstance(schedule, bool):
        return _every(schedule)
    if isinstance(schedule, Called):
        kind = schedule.name.rpartition(".")[2]
        if kind == "crontab":
            return _crontab(draft, schedule, zone)
        if kind == "schedule" and (schedule.args or "run_every" in schedule.kwargs):
            if schedule.kwargs.get("relative"):
                draft.differs("relative", "rounded to its unit", "counted from the job's creation")
            return _every(schedule.args[0] if schedule.args else schedule.kwargs["run_every"])
        if kind == "solar":
            raise NotCarried("solar follows the sun", "name a time of day, such as crontab(hour=6, minute=0)")
        raise NotCarried(f"{kind} is a schedule of the program's own", "write crontab(…) or a number of seconds")
    raise NotCarried("it has no schedule that can be read", "write crontab(…), timedelta(…) or a number of seconds")


def _every(interval: Any) -> dict[str, str]:
    if not isinstance(interval, timedelta | int | float) or isinstance(interval, bool):
        raise NotCarried("its interval cannot be read", "write timedelta(…) or a number of seconds")
    whole_ms = interval if isinstance(interval, timedelta) else timedelta(seconds=interval)
    if whole_ms < timedelta(seconds=1):
        raise NotCarried(f"its interval is {whole_ms.total_seconds():g} s", "use a second or more")
    return {"every": short_duration(timedelta(milliseconds=round(whole_ms.total_seconds() * 1000)))}


def _crontab(draft: JobDraft, call: Called, zone: str | None) -> dict[str, str]:
    given = dict(zip(_ARGUMENTS, call.args, strict=False)) | dict(call.kwargs)
    if given.pop("nowfun", None) is not None:
        raise NotCarried("nowfun gives it a clock of its own", "set the timezone, and leave nowfun out")
    if unknown := sorted(set(given) - set(FIELDS) - {"app"}):
        raise NotCarried(f"crontab has no {unknown[0]}", f"use {', '.join(FIELDS)}")
    return cron_schedule(draft, {name: _text(name, given.get(name, "*")) for name in FIELDS}, zone)


def cron_schedule(draft: JobDraft, fields: Mapping[str, str], zone: str | None) -> dict[str, str]:
    """The five fields of a crontab of Celery's, which must all match, as one of ours."""
    expression = GRAMMAR.ours([_names(name, fields[name]) for name in FIELDS])
    checked(expression, zone or "UTC", "Celery")
    if zone_matters(expression) and (difference := clock_difference(expression, zone or "UTC", CLOCKS)):
        draft.differences.append(difference)
    return {"cron": expression, "timezone": zone or "UTC"}


def _text(name: str, value: Any) -> str:
    match value:
        case bool():
            raise NotCarried(f"{name} is {value}", "write numbers or a text")
        case int() | str():
            return str(value)
        case list() | tuple() | set() | frozenset() if value:
            return ",".join(_text(name, one) for one in (sorted(value) if isinstance(value, set) else value))
    raise NotCarried(f"{name} cannot be read", "write numbers or a text")


def _names(name: str, text: str) -> str:
    """A field with its names of days and months in the short form, without blanks."""
    plain = text.replace(" ", "").lower()
    column = {"day_of_week": WEEKDAY, "month_of_year": MONTH}.get(name)
    if column is None:
        return plain
    words = {word.lower(): word for word in column.words}
    parts = "".join(c if c.isalpha() else f" {c} " for c in plain).split(" ")
    return "".join(words.get(part[:3], part) if part.isalpha() else part for part in parts)


def task_target(draft: JobDraft, source: Source | None, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Python function of an entry as a target.

    Raises:
        NotCarried: It has no name, or arguments without names that cannot be told.
    """
    task = settled(entry.get("task"))
    task = task.name if isinstance(task, Named) else task
    if not isinstance(task, str) or not task:
        raise NotCarried("it names no task", "write the task's name")
    arguments = dict(whole(entry.get("kwargs")) or {})
    args = whole(entry.get("args")) or []
    if not isinstance(args, Sequence) or isinstance(args, str):
        raise NotCarried("its args are no list", "write a list")
    if args:
        names = _parameters(source, task)
        if len(names) < len(args):
            raise NotCarried(
                f"it gives the task {len(args)} arguments without names, and jobs name each",
                "write them as kwargs, or define the task in the same file",
            )
        arguments = {**dict(zip(names, args, strict=False)), **arguments}
        draft.notes.append("its args go by the names that the task's definition in this file gives them")
    return {"kind": "python", "function": task, "arguments": arguments}


def _parameters(source: Source | None, task: str) -> list[str]:
    """The names of a task's parameters, where the file defines it."""
    wanted = task.rpartition(".")[2]
    for node in ast.walk(source.tree) if source else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == wanted:
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            return names[1:] if names[:1] == ["self"] else names
    return []


def apply_options(draft: JobDraft, options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        match name:
            case "queue" | "routing_key" | "exchange" | "priority":
                draft.differs(name, f"{value}", f"the pool {draft.options.pool or FARGATE_POOL}, in priority normal")
            case "expires":
                draft.differs("expires", f"left out if not begun after {value}", "begun whenever a worker is free")
            case "time_limit" if isinstance(value, int | float):
                draft.fields["timeout"] = short_duration(timedelta(seconds=value))
            case "soft_time_limit" | "ignore_result" | "relative" | "headers" | "serializer" | "compression":
                draft.differs(name, str(value), "not known")
            case _:
                raise NotCarried(f"its options have {name}", "take it out")
