"""Heroku: the jobs of Heroku Scheduler as its dashboard's API lists them, and ``cron`` of an app.json.

``{"data": [{"attributes": {"command": …, "every": 10 | 60 | 1440, "at": minutes}}]}``; or a list of objects with
``command`` and ``frequency`` as the dashboard shows it; or app.json with ``cron``, as Dokku reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidewheel.cli.importing.clock_changes import checked, cron_schedule
from tidewheel.cli.importing.crontab_lines import task_of
from tidewheel.cli.importing.jobs import JobDraft, Options, entry_of, refused
from tidewheel.cli.importing.outcome import NotCarried, Reading
from tidewheel.cli.importing.programs import command_name, shell_target, unattended

SOURCE = "heroku"
_TEN, _HOUR, _DAY = 10, 60, 1440
_OVERLAPS = {"allow": "allow", "forbid": "skip", "replace": "replace"}
_EVERY_TEN = re.compile(r"every 10 minutes", re.IGNORECASE)
_HOURLY = re.compile(r"(?:hourly|every hour)(?: at)? :?(?P<minute>\d{1,2})", re.IGNORECASE)
_DAILY = re.compile(
    r"(?:daily|every day)(?: at)? (?P<hour>\d{1,2}):(?P<minute>\d\d) ?(?P<half>[ap]m)?(?: utc)?", re.IGNORECASE
)
_NOTES = (
    (
        "Heroku runs each job in a one-off dyno of the app, with its code and config vars; here a pool's worker must "
        "have both"
    ),
    "Heroku Scheduler may leave a run out or start it twice; Tidewheel accounts for each",
    "here a run ends after 11 h",
)


def read(name: str, text: str, options: Options) -> Reading:
    """The jobs of a file.

    Args:
        name: The file's name.
        text: JSON.
        options: Names the time zone of an app.json.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        return Reading((refused(name, "the file", f"it is no JSON: {error}", "give the jobs as JSON"),))
    entries = []
    for index, (job, host_cron) in enumerate(_jobs(value), start=1):
        shown = f"{job.get('schedule') or job.get('frequency') or job.get('every', '')} {job.get('command', '')}"

        def fill(draft: JobDraft, job: Mapping[str, Any] = job, host_cron: bool = host_cron) -> None:
            _fill(draft, job, host_cron=host_cron)

        entries.append(entry_of(f"{name}#{index}", shown, JobDraft(SOURCE, options), fill))
    if not entries:
        entries = [refused(name, "the file", "it holds no jobs", "give Scheduler's jobs, or an app.json with cron")]
    return Reading(tuple(entries), _NOTES if any(entry.job for entry in entries) else ())


def _jobs(value: Any) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The jobs, each with whether its schedule is one of the host's crontab."""
    if isinstance(value, Mapping) and isinstance(value.get("cron"), list):
        yield from ((one, True) for one in value["cron"] if isinstance(one, Mapping))
        return
    listed = value.get("data") if isinstance(value, Mapping) else value
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, Mapping):
            attributes = one.get("attributes")
            yield (attributes if isinstance(attributes, Mapping) else one), False


def _fill(draft: JobDraft, job: Mapping[str, Any], *, host_cron: bool) -> None:
    command = job.get("command") or job.get("job")
    if not isinstance(command, str) or not command.strip():
        raise NotCarried("it has no command", "add one, or leave it behind")
    draft.calls(command_name(command), lambda: shell_target(command.strip()))
    unattended(draft)
    if host_cron:
        _of_app_json(draft, job, command)
    else:
        draft.fields["schedule"] = {"cron": _expression(job), "timezone": "UTC"}
    if size := job.get("dyno-size") or job.get("dyno"):
        draft.notes.append(f"its dyno is {size}: how much a run may take is a matter of the pool's workers")


def _expression(job: Mapping[str, Any]) -> str:
    every, at = job.get("every"), job.get("at") or 0
    if isinstance(every, int) and isinstance(at, int):
        if every == _TEN:
            return "*/10 * * * *"
        if every == _HOUR and 0 <= at < _HOUR:
            return f"{at} * * * *"
        if every == _DAY and 0 <= at < _DAY:
            return f"{at % _HOUR} {at // _HOUR} * * *"
        raise NotCarried(f"Heroku Scheduler knows no interval of {every} at {at}", "write 10, 60 or 1440 minutes")
    frequency = " ".join(str(job.get("frequency", "")).split())
    if _EVERY_TEN.fullmatch(frequency):
        return "*/10 * * * *"
    if match := _HOURLY.fullmatch(frequency):
        return checked(f"{int(match['minute'])} * * * *", "UTC", "Heroku")
    if match := _DAILY.fullmatch(frequency):
        hour = int(match["hour"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
        return checked(f"{int(match['minute'])} {hour} * * *", "UTC", "Heroku")
    raise NotCarried(f"its frequency {frequency[:40]!r} cannot be read", "write it as in Daily at 3:30 AM UTC")


def _of_app_json(draft: JobDraft, job: Mapping[str, Any], command: str) -> None:
    if job.get("maintenance") is True:
        draft.pauses("in maintenance")
    policy = str(job.get("concurrency_policy", "allow")).lower()
    if policy not in _OVERLAPS:
        raise NotCarried(f"concurrency_policy is {policy!r}", "write allow, forbid or replace")
    draft.fields["overlap"] = _OVERLAPS[policy]
    task = task_of(f"{job.get('schedule', '')} {command}", system=False)
    draft.differences += task.differences
    draft.fields["schedule"] = cron_schedule(
        draft, task.expression, draft.options.timezone, "cron", unnamed="the host's, which the file does not name"
    )
