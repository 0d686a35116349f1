"""The files of tests/cases/imports, read as the command line reads them; run as a program it prints what they came to.

``python -m tests.support.imports`` prints the table of counts, ``--entries`` each entry with its remarks.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from tidewheel.cli.importing.formats import READERS
from tidewheel.cli.importing.jobs import Options
from tidewheel.cli.importing.outcome import Entry, Reading, Standing, joined
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.wire.reading import read_job
from tidewheel.wire.values import from_ms, to_ms

FOLDER = Path(__file__).parents[1] / "cases" / "imports"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
COUNT = 1_000
"""Instants that are compared of each entry."""
UNTIL = 2998
"""The year in which the comparison ends, where so many instants take longer: schedules reach to the year 3000."""


@dataclass(frozen=True)
class Case:
    """A file, and with which options it is read."""

    format: str
    file: str
    options: Options

    def reading(self) -> Reading:
        """What it comes to."""
        text = (FOLDER / self.file).read_text()
        return joined([READERS[self.format](self.file, text, self.options)])


BERLIN = Options(timezone="Europe/Berlin")
CASES = (
    Case("crontab", "user.crontab", BERLIN),
    Case("crontab", "zones.crontab", BERLIN),
    Case("crontab", "system.crontab", Options(timezone="Europe/Berlin", system=True)),
    Case("kubernetes", "cronjobs.yaml", Options()),
    Case("eventbridge", "schedules.json", Options()),
    Case("celery", "celery_config.txt", Options()),
    Case("celery", "celery_beat.json", Options()),
    Case(
        "airflow",
        "dags.txt",
        Options(target={"kind": "http", "url": "https://airflow.example/api/v2/dags/{name}/dagRuns"}),
    ),
    Case("heroku", "scheduler.json", Options()),
    Case("heroku", "app.json", Options(timezone="UTC")),
    Case("github", "nightly.yml", Options(repository="acme/shop")),
)


def ours(job: Mapping[str, Any], until: int = UNTIL, count: int = COUNT) -> list[datetime]:
    """The first instants after ``NOW`` of a job's body, before a year."""
    body = read_job(job)
    start, end = (None if one is None else to_ms(one) for one in (body.start, body.end))
    assert body.schedule is not None
    schedule = Schedule(body.schedule.timing("job", to_ms(NOW), start, None), start, end)
    found: list[datetime] = []
    at = to_ms(NOW)
    while len(found) < count and (following := schedule.next_after(at)) is not None:
        at = following
        found.append(from_ms(at))
    return list(takewhile(lambda one: one.year < until, found))


def standings(entries: tuple[Entry, ...]) -> str:
    """The entries' standings, a sign each: c carried over, d with a difference, r refused."""
    return "".join(
        {Standing.CARRIED: "c", Standing.DIFFERENT: "d", Standing.REFUSED: "r"}[one.standing] for one in entries
    )


def table() -> Iterator[str]:
    """The lines of the table."""
    yield f"{'format':12} {'file':18} {'entries':>7} {'carried':>8} {'different':>10} {'refused':>8}"
    for case in CASES:
        counts = Counter(entry.standing for entry in case.reading().entries)
        shown = [counts[one] for one in Standing]
        yield f"{case.format:12} {case.file:18} {sum(shown):7} {shown[0]:8} {shown[1]:10} {shown[2]:8}"


def _entries() -> Iterator[str]:
    for case in CASES:
        for entry in case.reading().entries:
            yield f"{entry.standing:18} {entry.where}  {entry.text}"
            yield from (f"    {remark}" for remark in entry.remarks())


if __name__ == "__main__":
    print("\n".join(_entries() if "--entries" in sys.argv else table()))  # noqa: T201 -- a program
