"""Scheduled workflows of GitHub Actions: each becomes a call that starts the workflow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from tidewheel.cli.files import yaml_text
from tidewheel.cli.importing.clock_changes import ClockRule, cron_schedule
from tidewheel.cli.importing.cron_grammar import Days, Grammar
from tidewheel.cli.importing.jobs import JobDraft, Options, entry_of, refused
from tidewheel.cli.importing.outcome import NotCarried, Reading
from tidewheel.domain.recurrence.cron_fields import read as read_fields

SOURCE = "github"
GRAMMAR = Grammar("GitHub", Days.UNION_UNLESS_STAR)
CLOCKS = ClockRule("GitHub", settled=False)
SECRET = "github-token"  # noqa: S105 -- its name
_FIELDS, _SHORTEST = 5, 5
_MINUTES = 60
_DISPATCHES = "https://api.github.com/repos/{repository}/actions/workflows/{file}/dispatches"
_NOTES = (
    f"a token that may start workflows must lie in the deployment's secrets as {SECRET}",
    "take schedule out of the workflow once its job runs, or both start it",
    (
        "GitHub starts scheduled workflows late or not at all when it is busy, and none after 60 days without a "
        "commit; Tidewheel starts each at its time"
    ),
)


def read(name: str, text: str, options: Options) -> Reading:
    """The schedules of a workflow.

    Args:
        name: The file's name, by which GitHub knows the workflow.
        text: The file.
        options: Names the repository and the branch.
    """
    try:
        documents = list(yaml_text.documents(text))
    except yaml_text.Unreadable as error:
        where = f"{name}:{error.line}" if error.line else name
        return Reading((refused(where, "the file", error.problem, error.remedy),))
    if len(documents) != 1 or not isinstance(documents[0].value, Mapping):
        return Reading((refused(name, "the file", "it is no workflow", "give a file of .github/workflows"),))
    document = documents[0]
    on = document.value.get("on")
    schedules = on.get("schedule") if isinstance(on, Mapping) else None
    if not isinstance(schedules, list) or not isinstance(on, Mapping):
        return Reading((), (f"{name}: the workflow has no schedule",))
    entries = []
    for index, one in enumerate(schedules):
        line = document.line(("on", "schedule", index)) or 1
        label = str(document.value.get("name") or PurePosixPath(name).stem)
        shown = f"{label} {one.get('cron', '')}" if isinstance(one, Mapping) else label
        whole = one if isinstance(one, Mapping) else {}

        def fill(draft: JobDraft, whole: Mapping[str, Any] = whole, label: str = label) -> None:
            _schedule(draft, whole)
            draft.calls(label, lambda: _dispatch(draft, name, on, text))

        entries.append(entry_of(f"{name}:{line}", shown, JobDraft(SOURCE, options), fill))
    return Reading(tuple(entries), _NOTES)


def _schedule(draft: JobDraft, one: Mapping[str, Any]) -> None:
    text = one.get("cron")
    if unknown := sorted(set(one) - {"cron", "timezone"}):
        raise NotCarried(f"the schedule has {unknown[0]}", "write cron alone")
    fields = text.split() if isinstance(text, str) else []
    if len(fields) != _FIELDS:
        raise NotCarried(f"GitHub refuses a schedule of {len(fields)} fields", "write five fields, in quotes")
    expression = GRAMMAR.ours(fields)
    zone = str(one.get("timezone") or "UTC")
    draft.fields["schedule"] = cron_schedule(draft, expression, zone, "GitHub", CLOCKS)
    if _is_unclear(fields):
        theirs = "GitHub does not say whether a day must match both fields"
        draft.differs("a step among the days", theirs, "a day that matches one of them counts")
    if _shortest(expression) < _SHORTEST:
        draft.differs("runs less than five minutes apart", "every five minutes at most", "as the expression says")


def _is_unclear(fields: list[str]) -> bool:
    """Whether a day field begins with a star and has a step, while the other one is restricted too."""
    day, weekday = fields[2], fields[4]
    return "*" not in {day, weekday} and (day.startswith("*/") or weekday.startswith("*/"))


def _shortest(expression: str) -> int:
    """The shortest time between two runs of an hour, or of two hours that follow each other, in minutes."""
    fields = read_fields(expression)
    minutes = sorted(fields.minute.numbers)
    around = [minutes[0] + _MINUTES] if len(fields.hour.numbers) > 1 else []
    return min((later - earlier for earlier, later in pairwise([*minutes, *around])), default=_MINUTES)


def _dispatch(draft: JobDraft, name: str, on: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    repository = draft.options.repository
    if repository.count("/") != 1:
        raise NotCarried("the file does not say whose workflow it is", "pass --repository OWNER/NAME, or --target")
    if "workflow_dispatch" not in on:
        draft.notes.append("add workflow_dispatch to the workflow's on: only then can it be started by a call")
    if "github.event.schedule" in text or "event_name" in text:
        draft.differs("github.event_name", "schedule", "workflow_dispatch, without github.event.schedule")
    return {
        "kind": "http",
        "method": "POST",
        "url": _DISPATCHES.format(repository=repository, file=PurePosixPath(name).name),
        "headers": {
            "Authorization": {"secret": SECRET, "prefix": "Bearer "},
            "Accept": "application/vnd.github+json",
        },
        "body": {"ref": draft.options.branch},
    }
