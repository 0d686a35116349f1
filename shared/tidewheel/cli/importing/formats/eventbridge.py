"""EventBridge: schedules as ``get-schedule`` exports them, and rules with their targets.

Of rules: ``describe-rule`` or ``list-rules``, and behind each rule what ``list-targets-by-rule`` says of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tidewheel.cli.importing.aws_cron import aws_cron, aws_instant, aws_interval
from tidewheel.cli.importing.clock_changes import ClockRule, cron_schedule
from tidewheel.cli.importing.eventbridge_targets import target_of
from tidewheel.cli.importing.jobs import JobDraft, Options, entry_of, refused, utc_text
from tidewheel.cli.importing.outcome import Entry, NotCarried, Reading
from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import DAY_MS, MAX_ATTEMPTS, SECOND_MS
from tidewheel.domain.recurrence.zones import instant_of, require_zone
from tidewheel.wire.values import duration, parse_instant, short_duration, to_ms

SOURCE = "eventbridge"
CLOCKS = ClockRule("EventBridge Scheduler", skips=True, twice=False)
_MAX_RETRIES, _MAX_AGE_S = 185, DAY_MS // SECOND_MS
_NOTES = (
    (
        "EventBridge calls with a role of the schedule's; here workers call, and may call what is named "
        "<deployment>-target-* or listed when Tidewheel is deployed"
    ),
)
_EXPORT = "export each by aws scheduler get-schedule --name NAME"


@dataclass
class _Rule:
    """A rule, and the targets that follow it in the files."""

    value: Mapping[str, Any]
    targets: list[Mapping[str, Any]] = field(default_factory=list)


def read(name: str, text: str, options: Options) -> Reading:
    """The schedules and rules of a file, which may hold several JSON documents behind each other.

    Args:
        name: The file's name.
        text: What the AWS command line printed.
        options: What it does not say.
    """
    entries: list[Entry] = []
    rules: list[_Rule] = []
    try:
        for value in _values(text):
            entries += _schedules(name, value, options)
            _collect(value, rules)
    except ValueError as error:
        return Reading((*entries, refused(name, "the file", f"it is no JSON: {error}", "give the CLI's JSON output")))
    for rule in rules:
        entries += _of_rule(name, rule, options)
    return Reading(tuple(entries), _NOTES if any(entry.job for entry in entries) else ())


def _values(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    at = 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        value, at = decoder.raw_decode(text, at)
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                raise ValueError("a value is no object")  # noqa: TRY004 -- of the text, not of a type
            yield one


def _schedules(name: str, value: Mapping[str, Any], options: Options) -> Iterator[Entry]:
    if "Target" in value and "ScheduleExpression" in value:
        yield _schedule(name, value, options)
    for one in value.get("Schedules") or ():
        if "ScheduleExpression" in one:
            yield _schedule(name, one, options)
        else:
            shown = str(one.get("Name", "a schedule"))
            yield refused(f"{name}#{shown}", shown, "list-schedules leaves out when and what it calls", _EXPORT)


def _collect(value: Mapping[str, Any], rules: list[_Rule]) -> None:
    """Takes rules, and targets for the one before them."""
    if "Schedules" in value or "Target" in value:
        return
    listed = value.get("Rules")
    if isinstance(listed, list):
        rules += [_Rule(one, list(one.get("Targets") or ())) for one in listed]
    elif "Name" in value and ("ScheduleExpression" in value or "EventPattern" in value):
        rules.append(_Rule(value, list(value.get("Targets") or ())))
    elif isinstance(value.get("Targets"), list) and rules:
        rules[-1].targets += value["Targets"]
    else:
        raise ValueError(f"an object with the fields {', '.join(list(value)[:5])} is neither a schedule nor a rule")


def _schedule(name: str, value: Mapping[str, Any], options: Options) -> Entry:
    shown = str(value.get("Name", "schedule"))

    def fill(draft: JobDraft) -> None:
        _pause(draft, value)
        zone = str(value.get("ScheduleExpressionTimezone") or "UTC")
        draft.calls(shown, lambda: target_of(draft, value["Target"]))
        _when(draft, value, zone, clocks=CLOCKS)
        _window(draft, value)
        _retry(draft, value["Target"])
        if value.get("ActionAfterCompletion") == "DELETE":
            draft.notes.append("a one-time job that is over is kept for 30 days, and then deleted by itself")
        if group := value.get("GroupName"):
            draft.fields["tags"] = {"group": str(group)}

    text = f"{shown} {value['ScheduleExpression']}"
    return entry_of(f"{name}#{shown}", text, JobDraft(SOURCE, options), fill)


def _of_rule(name: str, rule: _Rule, options: Options) -> Iterator[Entry]:
    value = rule.value
    shown = str(value.get("Name", "rule"))
    where, text = f"{name}#{shown}", f"{shown} {value.get('ScheduleExpression', '')}"
    if not value.get("ScheduleExpression"):
        yield refused(where, text, "the rule waits for events, not for a time", "leave it with EventBridge")
        return
    if not rule.targets:
        remedy = "put what aws events list-targets-by-rule --rule NAME says behind the rule"
        yield refused(where, text, "the rule's targets are not in the file", remedy)
    for target in rule.targets:

        def fill(draft: JobDraft, target: Mapping[str, Any] = target) -> None:
            _pause(draft, value)
            id = f" {target.get('Id', '')}" if len(rule.targets) > 1 else ""
            draft.calls(shown + id, lambda: target_of(draft, target))
            _when(draft, value, "UTC", clocks=None)
            _retry(draft, target)

        yield entry_of(where, text, JobDraft(SOURCE, options), fill)


def _pause(draft: JobDraft, value: Mapping[str, Any]) -> None:
    if str(value.get("State", "ENABLED")).startswith("DISABLED"):
        draft.pauses("disabled")


def _when(draft: JobDraft, value: Mapping[str, Any], zone: str, clocks: ClockRule | None) -> None:
    try:
        require_zone(zone, field="ScheduleExpressionTimezone")
    except Invalid as error:
        raise NotCarried(error.problem, error.remedy) from error
    text = str(value["ScheduleExpression"]).strip()
    start, end = (_instant(value, name) for name in ("StartDate", "EndDate"))
    interval_ms = aws_interval(text)
    wall = aws_instant(text)
    if interval_ms is not None:
        draft.fields["schedule"] = _every(draft, value, interval_ms, start, rule=clocks is None)
    elif wall is not None:
        draft.fields["schedule"] = {"at": wall, "timezone": zone}
        start = end = None  # they do not count for a single time
    else:
        cron = aws_cron(text)
        draft.fields["schedule"] = cron_schedule(draft, cron.expression, zone, "EventBridge", clocks)
        start, end = _within(cron.years, zone, start, end)
    draft.fields |= {"start": start} if start and "anchor" not in draft.fields["schedule"] else {}
    draft.fields |= {"end": end} if end else {}


def _every(
    draft: JobDraft, value: Mapping[str, Any], interval_ms: int, start: str | None, *, rule: bool
) -> dict[str, str]:
    schedule = {"every": short_duration(duration(interval_ms))}
    if start:
        return {**schedule, "anchor": start}
    made, edited = _instant(value, "CreationDate"), _instant(value, "LastModificationDate")
    if made and edited in {None, made} and not rule:
        return {**schedule, "anchor": made}
    theirs = "when the rule was made or enabled" if rule else "when the schedule was made or last changed"
    draft.differs("where the interval begins", f"{theirs}, which the export does not say", "at the job's creation")
    return schedule


def _instant(value: Mapping[str, Any], name: str) -> str | None:
    """A time of an export, which has it as text or as seconds since 1970, in whole ms."""
    given = value.get(name)
    if given is None:
        return None
    try:
        found = datetime.fromtimestamp(given, UTC) if isinstance(given, int | float) else parse_instant(given)
    except (ValueError, OverflowError) as error:
        raise NotCarried(f"{name} is {str(given)[:40]!r}", "write it as 2027-01-31T09:00:00Z") from error
    return utc_text(to_ms(found))


def _within(
    years: tuple[int, int] | None, zone: str, start: str | None, end: str | None
) -> tuple[str | None, str | None]:
    """The bounds together with the years that the expression names."""
    if years is None:
        return start, end
    first, after = (to_ms(datetime(year, 1, 1, tzinfo=UTC)) for year in (years[0], years[1] + 1))
    starts = [instant_of(zone, first), *([to_ms(parse_instant(start))] if start else [])]
    ends = [instant_of(zone, after), *([to_ms(parse_instant(end))] if end else [])]
    return utc_text(max(starts)), utc_text(min(ends))


def _window(draft: JobDraft, value: Mapping[str, Any]) -> None:
    window = value.get("FlexibleTimeWindow") or {}
    if window.get("Mode") == "FLEXIBLE":
        draft.fields["jitter"] = f"{int(window.get('MaximumWindowInMinutes') or 0)}m"
        draft.notes.append("within its flexible window each run has another delay, as there, but not the same one")


def _retry(draft: JobDraft, target: Mapping[str, Any]) -> None:
    policy = target.get("RetryPolicy") or {}
    retries = int(policy.get("MaximumRetryAttempts", _MAX_RETRIES))
    age_s = int(policy.get("MaximumEventAgeInSeconds", _MAX_AGE_S))
    draft.fields["retry"] = {"max_attempts": min(retries + 1, MAX_ATTEMPTS)}
    draft.fields["deadline"] = short_duration(duration(age_s * SECOND_MS))
    if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
        theirs = f"sent to {str(queue).rpartition(':')[2]}"
        draft.differs("what could not be delivered", theirs, "a dead sign, which can be redriven")
