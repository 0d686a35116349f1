"""Cron expressions: tables of what they name, and of what is refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tests.support.instants import first_of
from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence import zones
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings import cron as cron_module
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.domain.recurrence.zones import HORIZON_S, known_zone


def ms(wall: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def walls(expression: str, zone: str, start: str, count: int) -> list[str]:
    cron = parse_cron(expression, zone, salt="job")
    instants = first_of(Schedule(cron), ms(start, zone), count)
    return [datetime.fromtimestamp(instant / 1000, ZoneInfo(zone)).isoformat()[5:] for instant in instants]


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # spring, fixed: the skipped 02:30 fires when the gap ends
        ("30 2 * * *", "Europe/Paris", "2026-03-28T00:00", ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00"]),
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["03-08T03:00:00-04:00", "03-09T02:30:00-04:00"]),
        # several skipped times are one instant, and the same one as a time that is due then anyway
        ("0,20,40 2 * * *", "Europe/Paris", "2026-03-29T00:00", ["03-29T03:00:00+02:00", "03-30T02:00:00+02:00"]),
        ("0 2,3 * * *", "Europe/Paris", "2026-03-29T00:00", ["03-29T03:00:00+02:00", "03-30T02:00:00+02:00"]),
        # spring, elapsed: nothing is made up for the skipped hour
        ("30 * * * *", "Europe/Paris", "2026-03-29T01:00", ["03-29T01:30:00+01:00", "03-29T03:30:00+02:00"]),
        ("*/30 2 * * *", "Europe/Paris", "2026-03-29T00:00", ["03-30T02:00:00+02:00", "03-30T02:30:00+02:00"]),
        ("0 */2 * * *", "America/New_York", "2026-03-08T00:00", ["03-08T00:00:00-05:00", "03-08T04:00:00-04:00"]),
        # autumn, fixed: the first of the two only
        ("30 2 * * *", "Europe/Paris", "2026-10-25T00:00", ["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"]),
        ("30 1 * * *", "America/New_York", "2026-11-01T00:00", ["11-01T01:30:00-04:00", "11-02T01:30:00-05:00"]),
        ("0 3 * * *", "Europe/Paris", "2026-10-25T00:00", ["10-25T03:00:00+01:00", "10-26T03:00:00+01:00"]),
        # autumn, elapsed: both passes
        (
            "30 * * * *",
            "Europe/Paris",
            "2026-10-25T02:00",
            ["10-25T02:30:00+02:00", "10-25T02:30:00+01:00", "10-25T03:30:00+01:00"],
        ),
        ("*/30 1 * * *", "America/New_York", "2026-11-01T01:30", ["11-01T01:30:00-04:00", "11-01T01:00:00-05:00"]),
        # half an hour
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00", ["10-04T02:30:00+11:00", "10-05T02:15:00+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00", ["04-05T01:45:00+11:00", "04-06T01:45:00+10:30"]),
        ("45 * * * *", "Australia/Lord_Howe", "2026-04-05T01:00", ["04-05T01:45:00+11:00", "04-05T01:45:00+10:30"]),
        # the change is at midnight
        ("0 0 * * *", "America/Sao_Paulo", "2017-10-14T12:00", ["10-15T01:00:00-02:00", "10-16T00:00:00-02:00"]),
        ("30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00", ["02-17T23:30:00-02:00", "02-18T23:30:00-03:00"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["04-24T01:00:00+03:00", "04-25T00:00:00+03:00"]),
        ("0 0 * * *", "Africa/Cairo", "2026-10-29T12:00", ["10-30T00:00:00+02:00", "10-31T00:00:00+02:00"]),
        # ... and the day it repeats an hour of has no later time that matches
        ("0 * 29 10 *", "Africa/Cairo", "2026-10-29T23:00", ["10-29T23:00:00+03:00", "10-29T23:00:00+02:00"]),
        # a day that never was
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00",
            ["12-29T09:00:00-10:00", "12-31T00:00:00+14:00", "12-31T09:00:00+14:00"],
        ),
        ("0 * * * *", "Pacific/Apia", "2011-12-29T23:00", ["12-29T23:00:00-10:00", "12-31T00:00:00+14:00"]),
        # far away
        ("30 2 * * *", "Europe/Paris", "2499-03-29T00:00", ["03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]),
        ("0 12 * * *", "Asia/Kathmandu", "2026-01-01T00:00", ["01-01T12:00:00+05:45", "01-02T12:00:00+05:45"]),
    ],
)
def test_changes_of_the_offset(expression: str, zone: str, start: str, expected: list[str]) -> None:
    assert walls(expression, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 L * *", ["01-31", "02-28", "03-31"]),
        ("0 0 15,L * *", ["01-15", "01-31", "02-15"]),
        ("0 0 L * L5", ["01-30", "01-31", "02-27"]),
        ("0 0 * * L5", ["01-30", "02-27", "03-27"]),
        ("0 0 * * LFRI", ["01-30", "02-27", "03-27"]),
        ("0 0 * * 5#2", ["01-09", "02-13", "03-13"]),
        ("0 0 * * fri#5", ["01-30", "05-29", "07-31"]),
        ("0 0 1 * 5#2", ["01-01", "01-09", "02-01"]),
        ("0 0 * * 1,5#2", ["01-05", "01-09", "01-12"]),
        ("0 0 13 * 5", ["01-02", "01-09", "01-13"]),
        ("0 0 1-7 * */7", ["01-04", "02-01", "03-01"]),
        ("0 0 */2 * 1", ["01-05", "01-19", "02-09"]),
        ("0 0 1,15 * *", ["01-01", "01-15", "02-01"]),
        ("0 0 * * 7", ["01-04", "01-11", "01-18"]),
        ("0 0 * * 6-7", ["01-03", "01-04", "01-10"]),
        ("0 0 * * fri-sun", ["01-02", "01-03", "01-04"]),
        ("0 0 * * sun-sun", ["01-04", "01-11", "01-18"]),
        ("0 0 * * 1-7/3", ["01-01", "01-04", "01-05"]),
        ("0 0 1 jan-MAR/2,dec *", ["01-01", "03-01", "12-01"]),
        ("0 0 31 * *", ["01-31", "03-31", "05-31"]),
        ("0 0 30 2 5", ["02-06", "02-13", "02-20"]),
        ("@weekly", ["01-04", "01-11", "01-18"]),
        ("@monthly", ["01-01", "02-01", "03-01"]),
        ("@Midnight", ["01-01", "01-02", "01-03"]),
    ],
)
def test_days(expression: str, days: list[str]) -> None:
    assert [wall[:5] for wall in walls(expression, "UTC", "2026-01-01T00:00", 3)] == days


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("5-5 * * * *", ["00:05:00", "01:05:00", "02:05:00"]),
        ("10-40/15 * * * *", ["00:10:00", "00:25:00", "00:40:00"]),
        ("0 8-18/5,23 * * *", ["08:00:00", "13:00:00", "18:00:00"]),
        ("*/20 30 12 * * *", ["12:30:00", "12:30:20", "12:30:40"]),
        ("5,10 * * * * *", ["00:00:05", "00:00:10", "00:01:05"]),
        ("@hourly", ["00:00:00", "01:00:00", "02:00:00"]),
    ],
)
def test_times(expression: str, times: list[str]) -> None:
    assert [wall[6:14] for wall in walls(expression, "UTC", "2026-01-01T00:00", 3)] == times


def test_asked_in_the_second_pass_a_fixed_time_has_had_its_turn() -> None:
    cron = Cron("30 2 * * *", "Europe/Paris")
    second_pass = ms("2026-10-25T01:10")  # 02:10 again
    assert cron.next_after(second_pass) == ms("2026-10-26T01:30")
    assert Cron("30 * * * *", "Europe/Paris").next_after(second_pass) == ms("2026-10-25T01:30")


def test_folds_are_remembered_across_new_year_and_across_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """No zone has done this so far; a government may."""
    new_year = ms("2027-01-01T00:00") // 1000
    first, second = new_year - 1800, new_year - 600  # back by an hour, and twenty minutes later by half of one

    def offset(_: ZoneInfo, instant: int) -> int:
        return 3600 if instant < first else 0 if instant < second else -1800

    monkeypatch.setattr(zones, "_offset", offset)
    old, new = (zones._stretches.__wrapped__("UTC", year) for year in (2026, 2027))
    assert [(stretch.start, stretch.offset, stretch.reached) for stretch in old[1:]] == [
        (first, 0, first + 3600),
        (second, -1800, first + 3600),
    ]
    assert (new[0].start, new[0].offset, new[0].reached) == (new_year, -1800, first + 3600)
    assert old[-1].end == new_year


def test_the_shared_croniter_does_not_move() -> None:
    (alternative,) = cron_module._plan("0 0 * * *").alternatives
    before = alternative.cur
    assert cron_module._first_wall(alternative, 1) == 86_400
    assert alternative.cur == before


def test_a_leap_day_is_found_across_a_century_without_one() -> None:
    cron = parse_cron("0 0 29 2 *", "UTC", salt="")
    assert cron.next_after(ms("2096-03-01T00:00")) == ms("2104-02-29T00:00")
    assert parse_cron("0 0 29 2 */7", "UTC", salt="").next_after(ms("2088-03-01T00:00")) == ms("2128-02-29T00:00")


def test_alias_blanks_and_names_are_stored_plainly() -> None:
    assert parse_cron("@daily", "UTC", salt="").expression == "0 0 * * *"
    assert parse_cron("  0\t9  * * Mon-FRI\n", "UTC", salt="").expression == "0 9 * * Mon-FRI"


def test_fractions_of_a_second_do_not_lose_or_repeat_an_instant() -> None:
    cron = Cron("* * * * * *", "UTC")
    assert cron.next_after(999) == 1000
    assert cron.next_after(1000) == 2000
    assert cron.next_after(1001) == 2000
    assert cron.next_after(-1) == 0
    assert cron.next_after(-500_000) == 0


def test_there_is_an_end_of_time() -> None:
    assert Cron("0 0 1 1 *", "Europe/Paris").next_after((HORIZON_S - 86_400) * 1000) == (HORIZON_S - 3600) * 1000
    assert Cron("0 0 1 1 *", "Europe/Paris").next_after((HORIZON_S - 3600) * 1000) is None
    assert Cron("0 0 1 1 *", "UTC").next_after(10**18) is None


@pytest.mark.parametrize("column", range(6))
def test_draws_are_stable_and_cover_the_column(column: int) -> None:
    low, high = [(0, 59), (0, 59), (0, 23), (1, 28), (1, 12), (0, 6)][column]
    columns = ["0", "0", "0", "1", "1", "*"]
    columns[column] = "H"

    def drawn(salt: str) -> str:
        return parse_cron(" ".join(columns), "UTC", salt=salt).expression.split()[column]

    draws = [int(drawn(f"job-{n}")) for n in range(600)]
    assert draws == [int(drawn(f"job-{n}")) for n in range(600)]
    assert set(draws) == set(range(low, high + 1))
    assert max(draws.count(value) for value in set(draws)) < 3 * 600 / (high - low + 1)


def test_columns_of_one_job_are_drawn_apart() -> None:
    drawn = {tuple(parse_cron("H H * * * *", "UTC", salt=str(n)).expression.split()[:2]) for n in range(300)}
    assert len(drawn) > 270
    assert sum(second == minute for second, minute in drawn) < 20


def test_a_draw_keeps_its_value_between_releases() -> None:
    assert parse_cron("H H(9-17) H/10 * H(MON-FRI)", "UTC", salt="job").expression == "49 12 10-31/10 * 1"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("H(10-12)", {"10", "11", "12"}),
        ("H/20", {f"{n}-59/20" for n in range(20)}),
        ("H/60", {str(n) for n in range(60)}),
        ("H(30-39)/5", {f"{n}-39/5" for n in range(30, 35)}),
        ("H(58-59)/30", {"58", "59"}),
        ("H(7-7)", {"7"}),
        ("h(0-1),H(30-31)", {"0,30", "1,31"}),
    ],
)
def test_draws_within_bounds(text: str, allowed: set[str]) -> None:
    drawn = {parse_cron(f"{text} * * * *", "UTC", salt=str(n)).expression.split()[0] for n in range(900)}
    assert drawn == allowed


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "0 0 * *",
        "0 0 0 1 1 * 2026",
        "@reboot",
        "@dayly",
        "@",
        "60 * * * *",
        "* 24 * * *",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 0 *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "-1 * * * *",
        "*/0 * * * *",
        "*/90 * * * *",
        "0 0 * * */8",
        "0 0 ? * 1",
        "0 0 1-L * *",
        "0 0 * * L",
        "0 0 * * 5L",
        "0 0 * * 5#6",
        "0 0 * * 5#0",
        "0 0 * * 1-3#2",
        "0 0 * * *#2",
        "L * * * *",
        "R * * * *",
        "R(0-3) * * * *",
        "0~30 * * * *",
        "H(40-20) * * * *",
        "H(0-99) * * * *",
        "H/0 * * * *",
        "H/90 * * * *",
        "H5 * * * *",
        "1,,2 * * * *",
        "1, * * * *",
        "** * * * *",
        "1 2 3 4 mon-",
        "\u0663 * * * *",
        "0 0 * * \u00a01",
        "0 0 * * funday",
        "cron(0 0 * * *)",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 */30 * 5#3",
        "0," * 600 + "0 * * * *",
        "x" * 100_000,
    ],
)
def test_refused_expressions(expression: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_cron(expression, "UTC", salt="job", field="body.cron")
    assert refused.value.field == "body.cron"
    assert refused.value.problem
    assert refused.value.remedy
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        ("0 0 * * 5L", "L5"),
        ("0 0 ? * 1", "write 0 0 * * 1"),
        ("@dayly", "@daily"),
        ("@reboot", "leave the schedule out"),
        ("R * * * *", "H"),
        ("*/90 * * * *", "every"),
        ("0 0 * * *  2026 x", "year"),
    ],
)
def test_remedies_name_the_way_out(expression: str, remedy: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_cron(expression, "UTC", salt="job")
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("", "IANA"),
        ("../etc/passwd", "IANA"),
        ("/etc/passwd", "IANA"),
        ("Europe/../../etc/passwd", "IANA"),
        ("America", "IANA"),
        ("posix/Europe/Paris", "Europe/Paris"),
        ("localtime", "IANA"),
        ("+02:00", "IANA"),
        ("UTC\0", "UTC"),
        ("zone.tab", "IANA"),
        ("Z" * 100_000, "IANA"),
    ],
)
def test_refused_zones(zone: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_cron("0 0 * * *", zone, salt="job", zone_field="body.tz")
    assert refused.value.field == "body.tz"
    assert hint in refused.value.remedy
    assert len(str(refused.value)) < 300


def test_every_zone_of_the_database_is_known() -> None:
    assert {name for name in available_timezones() if known_zone(name) is None} <= {"Factory", "localtime"}
