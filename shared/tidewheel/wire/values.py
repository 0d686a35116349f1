"""Times and durations: text on the wire, aware ``datetime`` (UTC, whole ms) and ``timedelta`` in models."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.wire.model import refusal, shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_TIME_REMEDY = "write it as RFC 3339 with a UTC offset, such as 2026-11-20T16:47:00Z or 2026-11-20T17:47:00+01:00"
_ISO = re.compile(
    r"P(?=[\dT])(?:(?P<w>\d{1,6})W)?(?:(?P<d>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<h>\d{1,9})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,9})(?:[.,](?P<f>\d{1,3}))?S)?)?",
    re.ASCII,
)
_SHORT = re.compile(
    r"(?=\d)(?:(?P<w>\d{1,6})w)?(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m(?!s))?"
    r"(?:(?P<s>\d{1,9})(?:\.(?P<f>\d{1,3}))?s)?(?:(?P<ms>\d{1,12})ms)?",
    re.ASCII,
)
_UNITS = {"w": 7 * DAY_MS, "d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
_DURATION_REMEDY = "write it as ISO 8601 in days, hours, minutes and seconds (PT30S, P1D) or short (30s, 5m, 1h, 500ms)"


def from_ms(instant_ms: int) -> datetime:
    """The time (UTC) that is so many ms after the epoch."""
    return _EPOCH + timedelta(milliseconds=instant_ms)


def duration(ms: int) -> timedelta:
    """The duration of so many ms."""
    return timedelta(milliseconds=ms)


def to_ms(value: datetime | timedelta) -> int:
    """Ms since the epoch, or ms of a duration. Fractions are rounded up, since nothing may start early."""
    return -((_EPOCH - value if isinstance(value, datetime) else -value) // _MS)


def parse_instant(value: object) -> datetime:
    """Parses RFC 3339 with any offset, or takes an aware ``datetime``; returns UTC in whole ms."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise refusal(f"{value.isoformat()} has no UTC offset", _TIME_REMEDY)
        return from_ms(to_ms(value))
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        naive = isinstance(value, str) and _NAIVE.fullmatch(value)
        raise refusal(f"{shown(value)} {'has no UTC offset' if naive else 'is not a time'}", _TIME_REMEDY)
    try:
        return _instant(found)
    except (ValueError, OverflowError) as error:
        raise refusal(f"{shown(value)} is not a time: {error}", _TIME_REMEDY) from error


def _instant(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, _zulu, sign, hours, minutes = found.groups()[6:]
    if minutes and not (int(hours) < 24 and int(minutes) < 60):  # noqa: PLR2004 -- a clock's bounds
        raise ValueError("the offset is more than a day")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    zone = timezone(-offset if sign == "-" else offset)
    micros = -(-int((fraction or "0").ljust(9, "0")) // 1000)
    return from_ms(
        to_ms(datetime(year, month, day, hour, minute, second, tzinfo=zone) + timedelta(microseconds=micros))
    )


def format_instant(value: datetime) -> str:
    """The time as the API writes it: ``2026-11-20T16:47:00.000Z``."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def local_time(value: datetime) -> str:
    """The instant for people, in local time: ``2026-11-20 17:47:00.250 +01:00``; without ms where there are none."""
    local = value.astimezone()
    text = local.isoformat(sep=" ", timespec="milliseconds" if local.microsecond else "seconds")
    return f"{text[:-6]} {text[-6:]}"


def parse_duration(value: object) -> timedelta:
    """Parses an ISO 8601 duration without years and months, or a short one; or takes a ``timedelta``."""
    if isinstance(value, timedelta) and value >= timedelta():
        return timedelta(milliseconds=to_ms(value))
    found = (_ISO.fullmatch(value) or _SHORT.fullmatch(value)) if isinstance(value, str) else None
    if found is None:
        raise refusal(f"{shown(value)} is not a duration", _DURATION_REMEDY)
    parts = found.groupdict(default="0")
    total = sum(int(parts.get(unit, "0")) * size for unit, size in _UNITS.items()) + int(parts["f"].ljust(3, "0"))
    try:
        return timedelta(milliseconds=total)
    except OverflowError as error:
        raise refusal(f"{shown(value)} is too long", _DURATION_REMEDY) from error


def format_duration(value: timedelta) -> str:
    """The duration as the API writes it: ``P1DT2H3M4.5S``; ``PT0S`` for none."""
    days, rest = divmod(to_ms(value), DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds = f"{rest // SECOND_MS}.{rest % SECOND_MS:03d}".rstrip("0").rstrip(".")
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{seconds}S" if rest else ""]
    time = "".join(parts)
    date = f"{days}D" if days else ""
    return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"


def _between(low_ms: int, high_ms: int) -> Callable[[object], timedelta]:
    def parse(value: object) -> timedelta:
        duration = parse_duration(value)
        if not low_ms <= to_ms(duration) <= high_ms:
            low, high = (format_duration(timedelta(milliseconds=ms)) for ms in (low_ms, high_ms))
            raise refusal(f"{format_duration(duration)} is out of bounds", f"use {low} to {high}")
        return duration

    return parse


_DURATION_SCHEMA = {
    "type": "string",
    "description": "ISO 8601 (`PT30S`, `P1D`) or short (`30s`, `5m`, `1h`, `500ms`); answered as ISO 8601.",
    "examples": ["PT30S", "5m"],
}


def bounded(low_ms: int, high_ms: int) -> tuple[Any, ...]:
    """Annotations of a ``timedelta`` field that must lie within bounds (ms, inclusive)."""
    return (
        BeforeValidator(_between(low_ms, high_ms)),
        PlainSerializer(format_duration, return_type=str, when_used="json"),
        WithJsonSchema(_DURATION_SCHEMA),
    )


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T16:47:00.000Z"]}),
]
"""An aware ``datetime`` in UTC, of whole ms."""
