"""For each entry of the files of imports: the instants that the other scheduler names, by ``other_crons``.

``python -m tests.support.other_sides`` compares the next 1,000 of each with the job's, and prints what it came to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from croniter import croniter

from tests.support import other_crons
from tests.support.imports import CASES, COUNT, FOLDER, NOW, UNTIL, Case, ours
from tidewheel.cli.importing.outcome import Entry

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
OF_THE_SCHEDULE = ("when the clocks", "the time zone", "the zone in", "where the interval", "relative", "start_date")
OF_THE_SCHEDULE += ("end_date", "runs less than", "@every", "RANDOM_DELAY")
"""How differences begin that concern which instants are named; so do those that name a field of cron."""
_FIELDS = (" in minute", " in hour", " in day of", " in month", "a step among the days")


def compares(entry: Entry) -> bool:
    """Whether an entry's job is to name the same instants as the other scheduler."""
    return entry.job is not None and not any(
        one.what.startswith(OF_THE_SCHEDULE) or any(field in one.what for field in _FIELDS) for one in entry.differences
    )


def theirs(case: Case, entry: Entry) -> Iterator[datetime]:
    """The instants after ``NOW`` that the other scheduler names."""
    return _SIDES[case.format](case, entry)


def _zone(entry: Entry) -> str:
    assert entry.job is not None
    return str(entry.job["schedule"].get("timezone", "UTC"))


def _crontab(_case: Case, entry: Entry) -> Iterator[datetime]:
    fields = entry.text.lstrip("-").split()
    return other_crons.debian(ALIASES.get(fields[0].lower()) or " ".join(fields[:5]), _zone(entry), NOW)


@cache
def _cronjobs() -> Mapping[str, Mapping[str, Any]]:
    documents = yaml.safe_load_all((FOLDER / "cronjobs.yaml").read_text())
    return {one["metadata"]["name"]: one["spec"] for one in documents if "spec" in one}


def _kubernetes(_case: Case, entry: Entry) -> Iterator[datetime]:
    spec = _cronjobs()[entry.text.split()[0]]
    schedule = spec["schedule"]
    return other_crons.robfig(ALIASES.get(schedule, schedule), spec.get("timeZone", "UTC"), NOW)


@cache
def _schedules() -> Mapping[str, Mapping[str, Any]]:
    lines = (FOLDER / "schedules.json").read_text().splitlines()
    return {one["Name"]: one for one in map(json.loads, lines) if "Name" in one}


def _eventbridge(_case: Case, entry: Entry) -> Iterator[datetime]:
    given = _schedules()[entry.text.split()[0]]
    expression, zone = given["ScheduleExpression"], given.get("ScheduleExpressionTimezone", "UTC")
    start, end = (_time(given.get(name)) for name in ("StartDate", "EndDate"))
    if expression.startswith("at("):
        return iter([datetime.fromisoformat(expression[3:-1]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)])
    if expression.startswith("rate("):
        count, unit = expression[5:-1].split()
        distance = timedelta(**{unit if unit.endswith("s") else f"{unit}s": int(count)})
        instants = other_crons.every(distance, start or _time(given.get("CreationDate")) or NOW, NOW)
    else:
        instants = other_crons.aws(expression, zone, NOW)
    return instants if end is None else takewhile(lambda one: one < end, instants)


def _time(given: str | None) -> datetime | None:
    return datetime.fromisoformat(given) if isinstance(given, str) else None


def _celery(case: Case, entry: Entry) -> Iterator[datetime]:
    if case.file.endswith(".json"):
        return _of_dump(entry)
    text = entry.text.split(" ", 1)[1]
    if text.startswith("celery.schedules.crontab"):  # the only one that is added by a call
        text = "crontab(hour=7, minute=30, day_of_week=1)"
    found = eval(
        text, {"crontab": _fields, "timedelta": timedelta, "schedule": lambda run_every: run_every, "HOUR": 3600}
    )
    if isinstance(found, dict):
        return other_crons.celery(found, _zone(entry), NOW)
    distance = found if isinstance(found, timedelta) else timedelta(seconds=found)
    return other_crons.every(distance, NOW + distance, NOW)


def _fields(
    minute: Any = "*", hour: Any = "*", day_of_week: Any = "*", day_of_month: Any = "*", month_of_year: Any = "*"
) -> dict[str, str]:
    given = {
        "minute": minute,
        "hour": hour,
        "day_of_week": day_of_week,
        "day_of_month": day_of_month,
        "month_of_year": month_of_year,
    }
    return {name: value if isinstance(value, str) else _joined(value) for name, value in given.items()}


def _joined(value: Any) -> str:
    return str(value) if isinstance(value, int) else ",".join(map(str, value))


def _of_dump(entry: Entry) -> Iterator[datetime]:
    rows = {
        (one["model"].split(".")[1], one["pk"]): one["fields"]
        for one in json.loads((FOLDER / "celery_beat.json").read_text())
    }
    task = next(one for (model, _), one in rows.items() if model == "periodictask" and one["name"] == entry.text)
    if "clocked" in task:
        return iter([datetime.fromisoformat(rows["clockedschedule", task["clocked"]]["clocked_time"])])
    if "crontab" in task:
        row = dict(rows["crontabschedule", task["crontab"]])
        return other_crons.celery(row, row.pop("timezone"), NOW)
    row = rows["intervalschedule", task["interval"]]
    distance = timedelta(**{row["period"]: row["every"]})
    return other_crons.every(distance, _time(task.get("last_run_at")) or NOW + distance, NOW)


def _airflow(_case: Case, entry: Entry) -> Iterator[datetime]:
    given = entry.text.split(" ", 1)[1]
    found = eval(given, {"timedelta": timedelta, "CronTriggerTimetable": lambda text, timezone: text})
    if isinstance(found, timedelta):
        return other_crons.every(found, datetime(2024, 1, 1, 3, 30, tzinfo=UTC), NOW)
    walker = croniter(ALIASES.get(found, found), NOW.astimezone(ZoneInfo(_zone(entry))))
    return (one.astimezone(UTC) for one in walker.all_next(datetime))


def _heroku(case: Case, entry: Entry) -> Iterator[datetime]:
    index = int(entry.where.rpartition("#")[2]) - 1
    document = json.loads((FOLDER / case.file).read_text())
    if "cron" in document:
        schedule = document["cron"][index]["schedule"]
        return other_crons.debian(ALIASES.get(schedule, schedule), "UTC", NOW)
    job = document["data"][index]["attributes"]
    midnight = datetime(2020, 1, 1, tzinfo=UTC)
    return other_crons.every(timedelta(minutes=job["every"]), midnight + timedelta(minutes=job["at"]), NOW)


def _github(_case: Case, entry: Entry) -> Iterator[datetime]:
    return other_crons.robfig(entry.text.removeprefix("Nightly checks "), _zone(entry), NOW)


_SIDES: Mapping[str, Callable[[Case, Entry], Iterator[datetime]]] = {
    "crontab": _crontab,
    "kubernetes": _kubernetes,
    "eventbridge": _eventbridge,
    "celery": _celery,
    "airflow": _airflow,
    "heroku": _heroku,
    "github": _github,
}


def unequal(case: Case, count: int, until: int) -> tuple[int, int, list[str]]:
    """Compares the next instants of a file's jobs with the other scheduler's.

    Returns:
        How many entries were compared, how many instants, and the entries that are not equal.
    """
    entries = [entry for entry in case.reading().entries if compares(entry)]
    instants, wrong = 0, []
    for entry in entries:
        assert entry.job is not None
        expected = other_crons.first(theirs(case, entry), count, until)
        instants += len(expected)
        if ours(entry.job, until, count) != expected:
            wrong.append(f"{entry.text}: {entry.job['schedule']}")
    return len(entries), instants, wrong


def _proof(count: int, until: int) -> Iterator[str]:
    yield f"{'format':12} {'file':18} {'compared':>8} {'instants':>9} {'unequal':>8}"
    for case in CASES:
        entries, instants, wrong = unequal(case, count, until)
        yield f"{case.format:12} {case.file:18} {entries:8} {instants:9} {len(wrong):8}"
        yield from (f"    {one}" for one in wrong)


if __name__ == "__main__":
    for line in _proof(COUNT, UNTIL):
        print(line, flush=True)  # noqa: T201 -- a program
