"""Celery beat: the schedules of a configuration file, read without running it, and dumps of django-celery-beat."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.cli.importing.celery_entries import SOURCE, apply_options, schedule_of, task_target
from tidewheel.cli.importing.formats.celery_database import read_dump
from tidewheel.cli.importing.jobs import UNBOUNDED, JobDraft, Options, cut, entry_of, refused
from tidewheel.cli.importing.outcome import Entry, NotCarried, Reading
from tidewheel.cli.importing.static import Called, Named, Source, line_of, settled, whole

_SCHEDULES = {"beat_schedule", "CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"}
_ZONES = {"timezone", "CELERY_TIMEZONE"}
_NOTES = (
    "a pool's worker must import the tasks, registered by the same names (tidewheel.tasks)",
    "beat counts an interval from the last run that it remembers; here it is counted from the job's creation",
    "Celery runs a task for as long as it takes unless it has a time limit; here a run ends after 11 h",
)
_NO_ZONE = "the file names no timezone: it is read in UTC, Celery's default"


@dataclass(frozen=True)
class _Found:
    """An entry of the schedules: its name, its value and its line."""

    name: str
    value: Any
    line: int


def read(name: str, text: str, options: Options) -> Reading:
    """The schedules of a Python file, or of a JSON dump of django-celery-beat.

    Args:
        name: The file's name.
        text: The file.
        options: What it does not say.
    """
    if text.lstrip().startswith(("[", "{")) and not name.endswith(".py"):
        return read_dump(name, text, options)
    try:
        source = Source(text)
    except NotCarried as error:
        return Reading((refused(name, "the file", error.problem, error.remedy),))
    zone = _zone(source)
    entries = tuple(_entry(name, source, found, zone, options) for found in _schedules(source))
    notes: tuple[str, ...] = _NOTES if any(entry.job for entry in entries) else ()
    if notes and zone is None and options.timezone is None:
        notes += (_NO_ZONE,)
    return Reading(entries, notes)


def _schedules(source: Source) -> Iterator[_Found]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                if _last_name(target) in _SCHEDULES:
                    yield from _items(source, value)
                elif isinstance(target, ast.Subscript) and _last_name(target.value) in _SCHEDULES:
                    yield from _items(source, ast.Dict(keys=[target.slice], values=[value], lineno=target.lineno))
            case ast.Call():
                yield from _of_call(source, node)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in _SCHEDULES:
                        yield from _items(source, value)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""


def _of_call(source: Source, node: ast.Call) -> Iterator[_Found]:
    for keyword in node.keywords:
        if keyword.arg in _SCHEDULES:
            yield from _items(source, keyword.value)
    called = _last_name(node.func)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if called == "update" and owner is not None and _last_name(owner) in _SCHEDULES and node.args:
        yield from _items(source, node.args[0])
    if called == "add_periodic_task" and len(node.args) > 1:
        yield _periodic(source, node)


def _items(source: Source, node: ast.expr) -> Iterator[_Found]:
    try:
        value = source.value(node)
    except NotCarried as error:
        yield _Found("the schedule", error, node.lineno)
        return
    if isinstance(value, dict):
        for key, one in value.items():
            yield _Found(str(key), one, line_of(one) or node.lineno)


def _periodic(source: Source, node: ast.Call) -> _Found:
    """``add_periodic_task(schedule, task.s(…), name=…)``."""
    named = {one.arg: one.value for one in node.keywords if one.arg}
    try:
        schedule, task = source.value(node.args[0]), source.value(node.args[1])
    except NotCarried as error:
        return _Found("add_periodic_task", error, node.lineno)
    entry: dict[str, Any] = {"schedule": schedule, "args": (), "kwargs": {}}
    if isinstance(task, Called):
        entry |= {"args": task.args, "kwargs": dict(task.kwargs)}
        name = task.name.removesuffix(".s").removesuffix(".si").removesuffix(".signature")
    else:
        name = task.name.removesuffix(".s") if isinstance(task, Named) else str(task)
    entry["task"] = name
    label = source.value(named["name"]) if isinstance(named.get("name"), ast.Constant) else name
    return _Found(str(label), entry, node.lineno)


def _zone(source: Source) -> str | None:
    """The time zone that the file sets, if it does."""
    found: str | None = None
    for node in ast.walk(source.tree):
        value: ast.expr | None = None
        match node:
            case ast.Assign(targets=[target], value=given) if _last_name(target) in _ZONES:
                value = given
            case ast.keyword(arg=str() as name, value=given) if name in _ZONES:
                value = given
            case ast.Dict(keys=keys, values=values):
                for key, given in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in _ZONES:
                        value = given
        if value is not None:
            try:
                zone = source.value(value)
            except NotCarried:
                continue
            found = zone if isinstance(zone, str) else found
    return found


def _entry(file: str, source: Source, found: _Found, zone: str | None, options: Options) -> Entry:
    where = f"{file}:{found.line}"
    try:
        entry = _settled(found.value)
        text = f"{found.name} {_shown(entry)}"
    except NotCarried as error:
        return refused(where, found.name, error.problem, error.remedy)

    def fill(draft: JobDraft) -> None:
        schedule = settled(entry.get("schedule"))
        draft.fields["schedule"] = schedule_of(draft, schedule, zone or options.timezone)
        draft.calls(found.name, lambda: task_target(draft, source, entry))
        draft.fields |= {"timeout": UNBOUNDED, "retry": {"max_attempts": 1}}
        apply_options(draft, whole(entry.get("options")) or {})

    return entry_of(where, text, JobDraft(SOURCE, options), fill)


def _settled(value: Any) -> Mapping[str, Any]:
    if isinstance(value, NotCarried):
        raise value
    entry = settled(value)
    if not isinstance(entry, Mapping):
        raise NotCarried("it is no dict", "write task and schedule")
    return entry


def _shown(entry: Mapping[str, Any]) -> str:
    node = getattr(entry.get("schedule"), "node", None)
    if isinstance(node, ast.expr):
        return cut(ast.unparse(node), 60)
    schedule = settled(entry.get("schedule"))
    return f"{schedule.name}(…)" if isinstance(schedule, Called) else str(schedule)
