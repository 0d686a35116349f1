"""The demo's jobs, each with the instants that its own definition names. Pure: the time is passed in.

The instants are counted here, from the definitions, and not asked from the server: it is what is being checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.demo.account import Promise
from tidewheel.wire.values import format_instant, from_ms

TAG = "made-by"
MARK = "demo"
RUN_MS = 30_000
"""From the first instant to the last."""

ONE_TIME, INTERVALS, AT_ONCE, CRON, LAMBDA = "one-time", "every 2 s", "run now", "cron, every 5 s", "lambda, every 5 s"
KINDS = (AT_ONCE, ONE_TIME, INTERVALS, CRON, LAMBDA)
_ONE_TIME_JOBS = 40
_INTERVAL_JOBS = 10
_INTERVAL_MS = 2_000
_CRON_MS = 5_000
_ZONE = "Europe/Paris"

Url = Callable[[str], str]
"""Gives the URL that notes a request under a tag."""


@dataclass(frozen=True)
class Planned:
    """A job to create, and what must come of it."""

    promise: Promise
    body: Mapping[str, Any]


def instant(ms: int) -> str:
    """Ms since the epoch as the API writes them."""
    return format_instant(from_ms(ms))


def _tier(high: bool) -> Mapping[str, str]:  # noqa: FBT001 -- one of two
    """High precision runs in a queue of its own: its messages are held until due, and would keep others waiting."""
    return {"precision": "high", "priority": "high"} if high else {"precision": "normal", "priority": "normal"}


def _http(url: Url, tag: str, kind: str, *, high: bool, nominals: tuple[int, ...] | None, **when: Any) -> Planned:
    body = {
        "name": f"{MARK} {kind}",
        "target": {"kind": "http", "url": url(tag), "body": {"kind": kind}},
        "tags": {TAG: MARK},
        **_tier(high),
        **when,
    }
    return Planned(Promise(tag, kind, body["precision"], nominals), body)


def at_once(url: Url, tag: str, *, high: bool = False) -> Planned:
    """A job that runs when it is created."""
    return _http(url, tag, AT_ONCE, high=high, nominals=None)


def one_time(url: Url, begin_ms: int) -> list[Planned]:
    """Jobs at instants spread over the run, off the full second; every other one of high precision."""
    gap = RUN_MS // _ONE_TIME_JOBS
    instants = [begin_ms + n * gap + n * 37 % gap for n in range(_ONE_TIME_JOBS)]
    return [
        _http(url, f"at-{n}", ONE_TIME, high=n % 2 == 0, nominals=(ms,), schedule={"at": instant(ms)})
        for n, ms in enumerate(instants)
    ]


def intervals(url: Url, begin_ms: int) -> list[Planned]:
    """Jobs that fire every 2 s until the run's end, staggered; every other one of high precision."""
    planned = []
    for n in range(_INTERVAL_JOBS):
        anchor, end = begin_ms + n * _INTERVAL_MS // _INTERVAL_JOBS, begin_ms + RUN_MS
        schedule = {"every": f"{_INTERVAL_MS}ms", "anchor": instant(anchor)}
        nominals = tuple(range(anchor, end, _INTERVAL_MS))
        high = n % 2 == 0
        made = _http(url, f"every-{n}", INTERVALS, high=high, nominals=nominals, schedule=schedule, end=instant(end))
        planned.append(made)
    return planned


def _multiples(of_ms: int, start_ms: int, end_ms: int) -> tuple[int, ...]:
    return tuple(range(-(-start_ms // of_ms) * of_ms, end_ms, of_ms))


def cron(url: Url, begin_ms: int) -> Planned:
    """A job by a cron expression in a zone, seconds first, between two bounds."""
    bounds = {"start": instant(begin_ms), "end": instant(begin_ms + RUN_MS)}
    schedule = {"cron": "*/5 * * * * *", "timezone": _ZONE}
    nominals = _multiples(_CRON_MS, begin_ms, begin_ms + RUN_MS)
    return _http(url, "cron", CRON, high=True, nominals=nominals, schedule=schedule, **bounds)


def invocation(function: str, begin_ms: int) -> Planned:
    """A job that invokes a Lambda function; what it answered is read from the API."""
    anchor, end = begin_ms, begin_ms + RUN_MS
    body = {
        "name": f"{MARK} {LAMBDA}",
        "target": {"kind": "lambda", "function": function, "payload": {"hello": "tidewheel"}},
        "tags": {TAG: MARK},
        "schedule": {"every": f"{_CRON_MS}ms", "anchor": instant(anchor)},
        "end": instant(end),
    }
    nominals = tuple(range(anchor, end, _CRON_MS))
    return Planned(Promise("lambda", LAMBDA, "normal", nominals), body)


def scheduled(url: Url, function: str, begin_ms: int) -> list[Planned]:
    """All jobs whose first instant is ``begin_ms`` or later, those that fire first first."""
    jobs = [*one_time(url, begin_ms), *intervals(url, begin_ms), cron(url, begin_ms), invocation(function, begin_ms)]
    return sorted(jobs, key=lambda job: min(job.promise.nominals or (0,)))
