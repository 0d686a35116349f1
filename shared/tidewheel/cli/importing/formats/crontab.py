"""Crontabs: the user form, and the system form with a user's name in each line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tidewheel.cli.importing.clock_changes import cron_schedule
from tidewheel.cli.importing.crontab_lines import CronLine, Task, lines_of, task_of
from tidewheel.cli.importing.jobs import JobDraft, Options, entry_of
from tidewheel.cli.importing.outcome import NotCarried, Reading
from tidewheel.cli.importing.programs import SHELL, command_name, shell_target, unattended
from tidewheel.domain.recurrence.cron_dialects import interval_of
from tidewheel.wire.values import duration, short_duration

SOURCE = "crontab"
_SYSTEM = re.compile(r"(?:.*/)?(?:etc/crontab|cron\.d/[^/]+)")
_CRONS_OWN = {"SHELL", "MAILTO", "MAILFROM", "CRON_TZ", "LOGNAME", "USER", "RANDOM_DELAY"}
_CRONS_OWN |= {"CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"}
_NOTES = (
    "cron's jobs run as their crontab's owner, in the owner's home; here as the user of the pool's programs",
    "cron sets PATH to /usr/bin:/bin unless the file does; here it is the worker's",
    "cron lets a job run on for ever; here a run ends after 11 h",
)
_MAIL = "cron mails what a job prints; here it is the run's log"
_CRON_TZ = "CRON_TZ is read as cronie does; Debian's cron knows none, and reads the lines in the machine's zone"
_TZ = "TZ is given to the command alone, as by Debian's cron and cronie: the schedule does not follow it"


def read(name: str, text: str, options: Options) -> Reading:
    """The lines of a crontab.

    Args:
        name: The file's name, by which the system form is known: ``/etc/crontab``, ``/etc/cron.d/*``.
        text: The file.
        options: What it does not say.
    """
    system = bool(_SYSTEM.fullmatch(name)) if options.system is None else options.system
    lines = list(lines_of(text))
    entries = tuple(
        entry_of(
            f"{name}:{line.number}",
            line.text,
            JobDraft(SOURCE, options),
            lambda draft, line=line: _fill(draft, line, system=system),  # type: ignore[misc]
        )
        for line in lines
    )
    return Reading(entries, _notes(lines, entries_made=any(entry.job for entry in entries)))


def _notes(lines: list[CronLine], *, entries_made: bool) -> tuple[str, ...]:
    if not entries_made:
        return ()
    notes = [*_NOTES]
    if any("MAILTO" not in line.environment for line in lines):
        notes.append(_MAIL)
    if any("CRON_TZ" in line.environment for line in lines):
        notes.append(_CRON_TZ)
    return tuple(notes)


def _fill(draft: JobDraft, line: CronLine, *, system: bool) -> None:
    environment = line.environment
    task = task_of(line.text, system=system)
    draft.differences += task.differences
    draft.calls(command_name(task.command), lambda: _target(draft, task, environment))
    draft.fields["schedule"] = _schedule(draft, task, environment)
    unattended(draft)
    if draft.own_target:
        _tell(draft, task, environment)
    if delay := environment.get("RANDOM_DELAY"):
        _delay(draft, delay)


def _schedule(draft: JobDraft, task: Task, environment: Mapping[str, str]) -> dict[str, str]:
    if task.expression.startswith("@every"):
        interval_ms = interval_of(task.expression)
        if interval_ms is None:
            raise NotCarried(f"{task.expression[:40]!r} is no interval", "write it as in @every 1h30m")
        return {"every": short_duration(duration(interval_ms))}
    zone = environment.get("CRON_TZ") or draft.options.timezone
    return cron_schedule(draft, task.expression, zone, "cron", unnamed="the machine's, which the file does not name")


def _target(draft: JobDraft, task: Task, environment: Mapping[str, str]) -> Mapping[str, object]:
    given = {name: value for name, value in environment.items() if name not in _CRONS_OWN}
    home = given.get("HOME", "")
    if home and not home.startswith("/"):
        raise NotCarried(f"HOME is {home[:40]!r}", "give an absolute path")
    if task.user:
        draft.differs("the user", task.user, "the user of the pool's programs")
    return shell_target(
        task.command,
        program=environment.get("SHELL") or SHELL,
        stdin=task.stdin,
        environment=given,
        directory=home or None,
    )


def _tell(draft: JobDraft, task: Task, environment: Mapping[str, str]) -> None:
    if mail := environment.get("MAILTO"):
        draft.differs("the output", f"mailed to {mail[:80]}", "the run's log")
    if "TZ" in environment:
        draft.notes.append(_TZ)
    if re.search(r"\bflock\b", task.command):
        draft.notes.append("flock holds on one machine; `overlap: skip` does it for all workers of the pool")
    if any("$" in value for name, value in environment.items() if name not in _CRONS_OWN):
        draft.notes.append("cron does not expand $ in assignments; neither does Tidewheel")


def _delay(draft: JobDraft, minutes: str) -> None:
    if not minutes.isdecimal():
        raise NotCarried(f"RANDOM_DELAY is {minutes[:20]!r}", "give whole minutes")
    if int(minutes):
        draft.fields["window"] = f"{int(minutes)}m"
        ours = "a delay within the same minutes, which follows from the job's id"
        draft.differs("RANDOM_DELAY", "a share of the minutes that cronie draws when it starts", ours)
