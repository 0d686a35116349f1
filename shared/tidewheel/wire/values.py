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
_WALL = r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
_TIME = re.compile(_WALL + r"(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)", re.ASCII)
_LOCAL = re.compile(_WALL, re.ASCII)
_NAIVE = re.compile(rf"\d{{4}}-\d\d-\d\d|{_WALL}", re.ASCII)
_TIME_REMEDY = "write it as RFC 3339 with a UTC offset, such as 2026-11-20T16:47:00Z or 2026-11-20T17:47:00+01:00"
_ISO = re.compile(
    r"P(?=[\d]|T\d)(?:(?P<w>\d{1,6})(?P<wf>[.,]\d{1,3})?W)?(?:(?P<d>\d{1,9})(?P<df>[.,]\d{1,3})?D)?"
    r"(?:T(?=\d)(?:(?P<h>\d{1,9})(?P<hf>[.,]\d{1,3})?H)?(?:(?P<m>\d{1,9})(?P<mf>[.,]\d{1,3})?M)?"
    r"(?:(?P<s>\d{1,9})(?P<sf>[.,]\d{1,3})?S)?)?",
    re.ASCII,
)
_SHORT = re.compile(
    r"(?=\d)(?:(?P<w>\d{1,6})w)?(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m(?!s))?"
    r"(?:(?P<s>\d{1,9})(?P<sf>\.\d{1,3})?s)?(?:(?P<ms>\d{1,12})ms)?",
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
    """Parses a date and time with any UTC offset, or takes an aware ``datetime``; returns UTC in whole ms.

    Beside RFC 3339 it knows what ISO 8601 allows and programs write: no seconds, and offsets such as +0100 and +01.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise refusal(f"{value.isoformat()} has no UTC offset", _TIME_REMEDY)
        return from_ms(to_ms(value))
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        naive = isinstance(value, str) and _NAIVE.fullmatch(value)
        raise refusal(f"{shown(value)} {'has no UTC offset' if naive else 'is not a time'}", _TIME_REMEDY)
    try:
        return from_ms(to_ms(_wall(found).replace(tzinfo=_offset(*found.groups()[7:]))))
    except (ValueError, OverflowError) as error:
        raise refusal(f"{shown(value)} is not a time: {error}", _TIME_REMEDY) from error


def parse_instant_or_wall(value: object) -> datetime:
    """Parses a date and time with a UTC offset as ``parse_instant`` does, or without one: then it is local, and naive.

    Both are of whole ms.
    """
    if isinstance(value, datetime) and value.tzinfo is None:
        return _whole_ms(value)
    found = _LOCAL.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return parse_instant(value)
    try:
        return _whole_ms(_wall(found))
    except (ValueError, OverflowError) as error:
        raise refusal(f"{shown(value)} is not a time: {error}", _TIME_REMEDY) from error


def _whole_ms(wall: datetime) -> datetime:
    return from_ms(to_ms(wall.replace(tzinfo=UTC))).replace(tzinfo=None)


def _wall(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = -(-int((found[7] or "0").ljust(9, "0")) // 1000)
    return datetime(year, month, day, hour, minute, second) + timedelta(microseconds=micros)  # noqa: DTZ001


def _offset(sign: str | None, *parts: str | None) -> timezone:
    hours, minutes = (int(part or 0) for part in parts)
    if not (hours < 24 and minutes < 60):  # noqa: PLR2004 -- a clock's bounds
        raise ValueError("the offset is more than a day")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


def format_instant(value: datetime) -> str:
    """The time as the API writes it: ``2026-11-20T16:47:00.000Z``."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def format_instant_or_wall(value: datetime) -> str:
    """An instant as ``format_instant`` has it; a local time likewise, but without the Z."""
    return value.isoformat(timespec="milliseconds") if value.tzinfo is None else format_instant(value)


def local_time(value: datetime) -> str:
    """The instant for people, in local time: ``2026-11-20 17:47:00.250 +01:00``; without ms where there are none."""
    local = value.astimezone()
    text = local.isoformat(sep=" ", timespec="milliseconds" if local.microsecond else "seconds")
    return f"{text[:-6]} {text[-6:]}"


def parse_duration(value: object) -> timedelta:
    """Parses an ISO 8601 duration without years and months, or a short one; or takes a ``timedelta``.

    The smallest unit of an ISO 8601 duration may have a fraction, as in PT1.5H.
    """
    if isinstance(value, timedelta) and value >= timedelta():
        return timedelta(milliseconds=to_ms(value))
    found = (_ISO.fullmatch(value) or _SHORT.fullmatch(value)) if isinstance(value, str) else None
    if found is None:
        raise refusal(f"{shown(value)} is not a duration", _DURATION_REMEDY)
    parts = {name: part for name, part in found.groupdict().items() if part is not None}
    fractions = [name for name in parts if name.endswith("f")]
    if fractions and fractions != [list(parts)[-1]]:
        raise refusal(f"{shown(value)} has a fraction before its smallest unit", _DURATION_REMEDY)
    total = sum(int(parts.get(unit, "0")) * size for unit, size in _UNITS.items())
    total += sum(_UNITS[name[:-1]] * int(parts[name][1:].ljust(3, "0")) // 1000 for name in fractions)
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


def short_duration(value: timedelta) -> str:
    """The duration for people, as options take it: ``1d2h3m``, ``4.5s``, ``250ms``; ``0s`` for none."""
    days, rest = divmod(to_ms(value), DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    if 0 < rest < SECOND_MS and not (days or hours or minutes):
        return f"{rest}ms"
    seconds = f"{rest // SECOND_MS}.{rest % SECOND_MS:03d}".rstrip("0").rstrip(".")
    parts = [f"{days}d" if days else "", f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    return "".join(parts) + (f"{seconds}s" if rest else "") or "0s"


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

InstantOrWall = Annotated[
    datetime,
    BeforeValidator(parse_instant_or_wall),
    PlainSerializer(format_instant_or_wall, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "description": "RFC 3339; or, beside a time zone, local time without an offset. Answered in UTC.",
            "examples": ["2026-11-20T16:47:00.000Z", "2026-11-20T17:47:00"],
        }
    ),
]
"""An aware ``datetime`` in UTC, or a naive one in a time zone that another field names; of whole ms."""
