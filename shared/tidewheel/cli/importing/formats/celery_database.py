"""Dumps of django-celery-beat: ``manage.py dumpdata django_celery_beat``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidewheel.cli.importing.celery_entries import FIELDS, SOURCE, apply_options, cron_schedule, task_target
from tidewheel.cli.importing.jobs import UNBOUNDED, JobDraft, Options, entry_of, refused
from tidewheel.cli.importing.outcome import Entry, NotCarried, Reading

_APP = "django_celery_beat."
_UNITS = {"days": "d", "hours": "h", "minutes": "m", "seconds": "s", "microseconds": ""}
_NOTES = ("a pool's worker must import the tasks, registered by the same names (tidewheel.tasks)",)


def read_dump(name: str, text: str, options: Options) -> Reading:
    """The periodic tasks of a dump."""
    try:
        rows = json.loads(text)
    except ValueError as error:
        return Reading((refused(name, "the file", f"it is no JSON: {error}", "give what dumpdata printed"),))
    tables: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and str(row.get("model", "")).startswith(_APP):
            tables.setdefault(row["model"].removeprefix(_APP), {})[row.get("pk")] = row.get("fields") or {}
    tasks = tables.get("periodictask", {})
    entries = tuple(_entry(name, task, tables, options) for task in tasks.values() if task.get("task") != _CLEANUP)
    if not entries:
        remedy = "give what manage.py dumpdata django_celery_beat printed"
        return Reading((refused(name, "the file", "it holds no periodic task", remedy),))
    return Reading(entries, _NOTES)


_CLEANUP = "celery.backend_cleanup"
"""Beat's own."""


def _entry(name: str, task: Mapping[str, Any], tables: Mapping[str, Any], options: Options) -> Entry:
    label = str(task.get("name") or task.get("task"))
    return entry_of(
        f"{name}#{label}", label, JobDraft(SOURCE, options), lambda draft: _fill(draft, label, task, tables)
    )


def _fill(draft: JobDraft, label: str, task: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
    if task.get("enabled") is False:
        draft.pauses("disabled")
    draft.fields["schedule"] = _schedule(draft, task, tables)
    entry = {"task": task.get("task"), "args": _json(task, "args", []), "kwargs": _json(task, "kwargs", {})}
    draft.calls(label, lambda: task_target(draft, None, entry))
    draft.fields |= {"timeout": UNBOUNDED, "retry": {"max_attempts": 1}}
    if task.get("start_time") and "at" not in draft.fields["schedule"]:
        draft.fields["start"] = str(task["start_time"])
    if task.get("one_off") and "at" not in draft.fields["schedule"]:
        raise NotCarried("one_off runs it once, at the schedule's next time", "make it a clocked task")
    expires = task.get("expires") or (f"{task['expire_seconds']} s" if task.get("expire_seconds") else None)
    options = {name: task.get(name) for name in ("queue", "exchange", "routing_key", "priority")} | {"expires": expires}
    apply_options(draft, {name: value for name, value in options.items() if value not in (None, "")})


def _json(task: Mapping[str, Any], name: str, default: Any) -> Any:
    try:
        return json.loads(task.get(name) or json.dumps(default))
    except (TypeError, ValueError) as error:
        raise NotCarried(f"its {name} are no JSON", "mend them there") from error


def _schedule(draft: JobDraft, task: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, str]:
    if task.get("solar"):
        raise NotCarried("solar follows the sun", "name a time of day")
    for kind in ("interval", "crontab", "clocked"):
        if task.get(kind) is None:
            continue
        row = tables.get(f"{kind}schedule", {}).get(task[kind])
        if row is None:
            raise NotCarried(f"its {kind} {task[kind]} is not in the dump", "dump the whole app django_celery_beat")
        if kind == "clocked":
            return {"at": str(row.get("clocked_time"))}
        if kind == "crontab":
            zone = row.get("timezone") or draft.options.timezone or "UTC"
            return cron_schedule(draft, {name: str(row.get(name, "*")) for name in FIELDS}, str(zone))
        return _interval(draft, row, task)
    raise NotCarried("it has no schedule", "give it one, or leave it behind")


def _interval(draft: JobDraft, row: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, str]:
    unit = _UNITS.get(str(row.get("period")))
    if not unit:
        raise NotCarried(f"its interval is counted in {row.get('period')}", "use a second or more")
    schedule = {"every": f"{row.get('every')}{unit}"}
    if task.get("last_run_at"):
        schedule["anchor"] = str(task["last_run_at"])
    else:
        draft.notes.append("it never ran: the interval is counted from the job's creation")
    return schedule
