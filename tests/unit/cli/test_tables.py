"""What people see: tables that fit a terminal of 80 columns, with whole times and ids, and everything that was set."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from tidewheel.cli import show
from tidewheel.cli.tables import Rows
from tidewheel.domain.ids import ExecutionId, Origin, job_id
from tidewheel.wire.bodies.circuit import CircuitList
from tidewheel.wire.bodies.execution import ExecutionList, LedgerAnswer
from tidewheel.wire.bodies.job import JobAnswer, JobList, Upcoming
from tidewheel.wire.values import duration, from_ms, parse_duration, short_duration, to_ms

AT_MS = 1_763_657_220_123
JOB = job_id(b"0123456789")
RUN = str(ExecutionId(JOB, AT_MS, Origin.RUN, "0123456z"))
AT = "2025-11-20T16:47:00.123Z"
WHOLE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
HTTP = {"kind": "http", "url": "https://api.example.com/a/long/path/to/a/hook/that/goes/on", "method": "PUT"}
BODY: dict[str, Any] = {
    "name": "the daily report of all the departments",
    "schedule": {"every": "1h30m", "anchor": AT},
    "target": HTTP | {"headers": {"X-A": "b"}, "body": {"a": [1]}, "redirects": 2},
    "priority": "high",
    "precision": "low",
    "pool": "fargate",
    "jitter": "7s",
    "window": "11m",
    "timeout": "13m",
    "deadline": "17h",
    "heartbeat": "19s",
    "retry": {"max_attempts": 23, "strategy": "linear", "base": "29s", "cap": "31m", "jitter": 0.37, "on": ["409"]},
    "overlap": "queue",
    "misfire": {"policy": "all", "grace": "41s", "limit": 43},
    "start": "2025-11-21T00:00:47Z",
    "end": "2026-11-21T00:00:53Z",
    "tags": {"team": "billing"},
}
SET = {"id": JOB, "tenant": "acme", "generation": 59, "state": "active", "created_at": AT, "updated_at": AT}
JOB_ANSWER = JobAnswer.model_validate(BODY | SET | {"next_fire_at": AT})
EXECUTION: dict[str, Any] = {
    "id": RUN,
    "job": JOB,
    "generation": 1,
    "origin": "run",
    "state": "succeeded",
    "nominal_at": AT,
    "due_at": AT,
    "started_at": AT,
    "finished_at": "2025-11-20T16:47:01.323Z",
    "lateness_ms": 40,
    "attempt": 1,
    "attempts": (),
    "output": "",
    "reason": "",
}
LEDGER_LINE = {"nominal_at": AT, "due_at": AT, "generation": 1, "state": "succeeded", "execution": RUN, "reason": ""}
CIRCUIT = {
    "id": "http~3Aapi.example.com~3A443~2Forders",
    "party": "http:api.example.com:443/orders",
    "state": "half_open",
    "failures": 5,
    "failing_since": AT,
    "open_until": AT,
    "updated_at": AT,
}
LISTS: dict[str, RenderableType] = {
    "jobs": show.jobs(JobList(items=(JOB_ANSWER,) * 3, cursor="c" * 20)),
    "executions": show.executions(ExecutionList.model_validate({"items": (EXECUTION,) * 3, "cursor": None})),
    "reasons": show.executions(
        ExecutionList.model_validate({"items": (EXECUTION, EXECUTION | {"reason": "no " * 30}), "cursor": None})
    ),
    "ledger": show.ledger(
        LedgerAnswer.model_validate(
            {"start": AT, "end": AT, "missing": 0, "items": (LEDGER_LINE, LEDGER_LINE | {"reason": "coalesced"})}
        )
    ),
    "upcoming": show.upcoming(Upcoming.model_validate({"items": ({"nominal_at": AT, "due_at": AT},) * 2})),
    "circuits": show.circuits(CircuitList.model_validate({"items": (CIRCUIT,), "cursor": None})),
    "job": show.job(JOB_ANSWER),
}


def drawn(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, highlight=False, force_terminal=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


@pytest.mark.parametrize("width", [60, 80, 240])
@pytest.mark.parametrize("kind", LISTS)
def test_no_time_and_no_id_is_broken_at_any_width(kind: str, width: int) -> None:
    text = drawn(LISTS[kind], width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    wide = drawn(LISTS[kind], 1_000)
    for pattern in (WHOLE_TIME, re.compile(re.escape(RUN)), re.compile(re.escape(JOB))):
        assert len(pattern.findall(text)) == len(pattern.findall(wide))


@pytest.mark.parametrize("kind", sorted(LISTS.keys() - {"job"}))
def test_the_offset_stands_beside_the_times(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 240):
        assert "+00:00" in drawn(LISTS[kind], width)


def test_times_on_both_sides_of_a_change_have_their_own_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    def zoned(value: datetime) -> str:
        return f"2026-10-25 02:30:00 +0{2 if to_ms(value) == 0 else 1}:00"

    monkeypatch.setattr("tidewheel.cli.tables.local_time", zoned)
    text = drawn(Rows(("DUE",), [(from_ms(0),), (from_ms(1),)]), 80)
    assert [line.strip() for line in text.splitlines()] == [
        "DUE", "2026-10-25 02:30:00 +02:00", "2026-10-25 02:30:00 +01:00"
    ]  # fmt: skip


def test_a_job_shows_everything_that_was_set() -> None:
    text = drawn(show.job(JOB_ANSWER), 240)
    for value in (
        *("daily report", "acme", "active", "every 1h30m", "anchor", "2025-11-21", "2026-11-21", "https://api", "PUT"),
        *('{"X-A": "b"}', '{"a": [1]}', "redirects", "high", "low", "fargate", "7s", "11m", "13m", "17h", "19s"),
        *("23 attempts", "linear", "29s", "31m", "37%", "409", "queue", "all", "41s", "43", "team:billing", "59"),
    ):
        assert value in text, value


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (9, "9ms"),
        (1_000, "1s"),
        (1_250, "1.25s"),
        (60_000, "1m"),
        (5_400_000, "1h30m"),
        (90_061_001, "1d1h1m1.001s"),
    ],
)
def test_durations_are_written_as_options_take_them(ms: int, text: str) -> None:
    assert short_duration(duration(ms)) == text
    assert to_ms(parse_duration(text)) == ms
