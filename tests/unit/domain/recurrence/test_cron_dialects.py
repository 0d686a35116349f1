"""Expressions as other crons read them: what is accepted, and what is refused with which expression instead."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.instants import first_of
from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused

CASES = json.loads((Path(__file__).parents[3] / "cases" / "cron_dialects.json").read_text())
HTTP = {"kind": "http", "url": "https://example.com/hook"}
MINUTE_MS = 60_000


def timing(schedule: dict[str, str]) -> Timing:
    body = read_job({"name": "a", "target": HTTP, "schedule": schedule})
    assert body.schedule is not None
    return body.schedule.timing("job", 0, None, None)


def remedy(expression: str) -> str:
    with pytest.raises(Invalid) as refused:
        parse_cron(expression, "UTC", salt="")
    return refused.value.remedy


def days(expression: str, count: int = 3) -> list[str]:
    found = first_of(Schedule(parse_cron(expression, "UTC", salt="")), 1_767_225_600_000, count)  # 2026-01-01
    return [datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%d %H:%M") for at in found]


@pytest.mark.parametrize("case", CASES["aws_six_fields_with_year"] + CASES["quartz"], ids=lambda case: case["given"])
def test_a_dialect_that_is_not_named_is_refused_with_the_whole_expression(case: dict[str, str]) -> None:
    assert remedy(case["given"]) == f"write {case['ours']}"


@pytest.mark.parametrize("case", CASES["wrapped"], ids=lambda case: case["given"])
def test_what_names_its_dialect_is_read_as_that(case: dict[str, Any]) -> None:
    wanted = case["accept_as"] if isinstance(case["accept_as"], dict) else {"cron": case["accept_as"]}
    assert timing({"cron": case["given"]}) == timing(wanted)


@pytest.mark.parametrize("case", CASES["wrapping_ranges"] + CASES["accept"], ids=lambda case: case["given"])
def test_these_are_accepted(case: dict[str, Any]) -> None:
    assert isinstance(timing({"cron": case["given"]}), Cron)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("0 22-2/2 * * *", ["01-01 00:00", "01-01 02:00", "01-01 22:00"]),
        ("45-15/10 * * * *", ["01-01 00:05", "01-01 00:15", "01-01 00:45"]),
        ("0 0 * * FRI-MON", ["01-02 00:00", "01-03 00:00", "01-04 00:00", "01-05 00:00", "01-09 00:00"]),
        ("0 0 * * 7-1", ["01-04 00:00", "01-05 00:00", "01-11 00:00"]),
        ("0 0 30-2 * *", ["01-01 00:00", "01-02 00:00", "01-30 00:00", "01-31 00:00", "02-01 00:00"]),
        ("0 0 1 NOV-FEB *", ["01-01 00:00", "02-01 00:00", "11-01 00:00", "12-01 00:00"]),
        ("5/15 * * * *", ["01-01 00:05", "01-01 00:20", "01-01 00:35", "01-01 00:50", "01-01 01:05"]),
        ("0 0 * * 5/1", ["01-02 00:00", "01-03 00:00", "01-09 00:00"]),
        ("0 0 LW * *", ["01-30 00:00", "02-27 00:00", "03-31 00:00", "04-30 00:00", "05-29 00:00"]),
        ("30 9 15W * *", ["01-15 09:30", "02-16 09:30", "03-16 09:30"]),
        ("0 0 1W * *", ["01-01 00:00", "02-02 00:00", "03-02 00:00", "04-01 00:00"]),
        ("0 0 31W * *", ["01-30 00:00", "03-31 00:00", "05-29 00:00"]),
        ("0 0 L-3 * *", ["01-28 00:00", "02-25 00:00", "03-28 00:00"]),
        ("0 0 L-30 * *", ["01-01 00:00", "03-01 00:00", "05-01 00:00"]),
        ("0 0 1W,L * 1", ["01-01 00:00", "01-05 00:00", "01-12 00:00", "01-19 00:00", "01-26 00:00", "01-31 00:00"]),
        ("0 0 */100,1-7 * MON", ["01-05 00:00", "02-02 00:00", "03-02 00:00"]),
        ("0 0 */100,15W * 4", ["01-01 00:00", "01-15 00:00", "10-01 00:00", "10-15 00:00"]),
        ("10,50 0 8,20 LW * *", ["01-30 08:00", "01-30 08:00", "01-30 20:00"]),
    ],
)
def test_what_they_mean(expression: str, found: list[str]) -> None:
    assert days(expression, len(found)) == found


@pytest.mark.parametrize("case", CASES["refuse_with_pointer"], ids=lambda case: case["given"])
def test_what_is_no_schedule_is_refused_without_another_one(case: dict[str, str]) -> None:
    assert "@weekly" not in remedy(case["given"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("0 9 * * 1-5 root /usr/bin/backup", "write the schedule alone: 0 9 * * 1-5"),
        ("0 9 * * 1-5 /usr/bin/backup --all", "write the schedule alone: 0 9 * * 1-5"),
        ("@daily /usr/bin/backup", "write the schedule alone: @daily"),
        ("0 0 * * 3L", "write 0 0 * * L3"),
        ("0 0 0 * * 1,friL", "write 0 0 0 * * 1,Lfri"),
        ("0 0 12 ? * 2-6 *", "write 0 0 12 * * 1-5"),
        ("0 9 ? * 7 *", "write 0 9 * * 6"),
        ("0 9 ? * 2/2 *", "write 0 9 * * 1/2"),
        ("0 10 * * ? 2027", "leave the year out; bound the job by start and end"),
        ("cron(0 10 * * ? 2027)", "leave the year out; bound the job by start and end"),
        ("cron(0 10 * * * *)", "put ? in the one that is not to count"),
        ("cron(0 9 ? * 0 *)", "use 1-7 or SUN-SAT"),
        ("0 ? * * * *", "write * where any value is meant"),
        ("rate(0 minutes)", "count whole minutes, hours or days, as in rate(5 minutes)"),
        ("@every 1d", "write it as in @every 1h30m, in h, m and s"),
        ("0 0 L-31 * *", "use L-1 to L-30"),
    ],
)
def test_the_remedy_is_exact(given: str, wanted: str) -> None:
    assert remedy(given) == wanted


@pytest.mark.parametrize("alias", ["@biweekly", "@weekend", "@quarterly", "@bimonthly", "@midday"])
def test_an_unknown_alias_is_not_taken_for_a_known_one(alias: str) -> None:
    assert not remedy(alias).startswith("use @weekly")
    assert len(remedy(alias).split()) > 2


def test_the_weekday_in_words_is_no_command() -> None:
    assert "alone" not in remedy("0 0 9 * * sunday")


def test_an_interval_keeps_its_anchor_as_long_as_it_stays_the_same() -> None:
    body = read_job({"name": "a", "target": HTTP, "schedule": {"cron": "rate(5 minutes)"}}).schedule
    assert body is not None
    before = Every(5 * MINUTE_MS, 7)
    assert body.timing("job", 99, None, before) is before
    assert body.timing("job", 99, None, Every(MINUTE_MS, 7)) == Every(5 * MINUTE_MS, 99)
    assert body.timing("job", 99, 50, before) == Every(5 * MINUTE_MS, 50)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"cron": "TZ=Europe/Paris 0 9 * * *", "timezone": "UTC"}, "schedule.timezone"),
        ({"cron": "CRON_TZ=PST 0 9 * * *"}, "schedule.timezone"),
        ({"cron": "TZ=Europe/Paris 0 99 * * *"}, "schedule.cron"),
        ({"cron": "@every 10ms"}, "schedule.cron"),
    ],
)
def test_what_stands_around_an_expression_is_checked(schedule: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        timing(schedule)
    assert [error.field for error in refused.value.errors] == [field]


def test_a_zone_twice_is_one_zone() -> None:
    twice = {"cron": "TZ=Europe/Paris 0 9 * * *", "timezone": "Europe/Paris"}
    assert timing(twice) == Cron("0 9 * * *", "Europe/Paris")
