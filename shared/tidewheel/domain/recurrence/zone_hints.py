"""What a text is that names no time zone, and which zone was meant where the guess cannot change the clock."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tidewheel.domain.recurrence.city_zones import city_zone
from tidewheel.domain.recurrence.windows_zones import windows_zone

Hint = tuple[str, str]
"""The problem without the text itself, and the remedy; both as sentences without a full stop."""

_FORM = "use an IANA name in the form Region/City"
_UNKNOWN = ("is not a known time zone", _FORM)
_OFFSET = re.compile(
    r"\(?(?:UTC|GMT|Z)?\s*(?P<sign>[+\u2212-])\s*(?P<h>\d{1,2})(?::?(?P<m>\d\d))?\)?", re.ASCII | re.IGNORECASE
)
_NO_OFFSET = re.compile(r"Z|UTC|GMT", re.IGNORECASE)
_MACHINE = re.compile(r"localtime|local|system|default|factory|posixrules|tzlocal\(\)", re.IGNORECASE)
_ABBREVIATION = re.compile(r"[A-Z]{2,5}|[a-z]{2,5}", re.ASCII)
_RULE = re.compile(r"<?[A-Za-z+-]{3,}[0-9:+-]+>?[A-Za-z0-9:+<>-]*(?:,[MJ]?[0-9./:,MJ-]+)?", re.ASCII)
_WORDS = re.compile(r".*\btime", re.IGNORECASE)
_EAST, _WEST = 14, 12
_FEWEST = 4
_PLACES = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
_SHARED = frozenset(
    {
        *("act", "lhi", "north", "nsw", "south", "victoria", "west", "yancowinna"),
        *("cordoba", "georgia", "merida", "samoa", "san_juan", "santarem", "tripoli"),
    }
)
"""Cities, and parts of Australia, whose name alone may mean a place with another clock."""
_OTHER_PLACES = frozenset({"asia/dilli"})
"""Places that look like a misspelt zone of another clock."""


def hint(text: str) -> Hint:
    """What is wrong with a text that is no zone's name."""
    found = (reader(text.strip()) for reader in _READERS)
    return next((one for one in found if one is not None), _UNKNOWN)


def _spelt(text: str) -> Hint | None:
    """Another spelling of a known name: case, blanks, accents, a prefix of the zone database's folders."""
    zones = _by_spelling().get(_bare(text.removeprefix("posix/"))) if not re.search(r"\d|[+]|\.", text) else None
    return _one_of(zones or set())


def _offset(text: str) -> Hint | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return ("is an offset", "use UTC") if _NO_OFFSET.fullmatch(text) else None
    hours, minutes = int(match["h"]), int(match["m"] or 0)
    east = match["sign"] == "+"
    problem = "is an offset, and a time zone has a name"
    if not hours and not minutes:
        return problem, "use UTC"
    if minutes or hours > (_EAST if east else _WEST):
        return problem, f"{_FORM}; no zone is named after this offset"
    zone = f"Etc/GMT{'-' if east else '+'}{hours}"
    return problem, f"use {zone}, whose sign is the other way round, or an IANA name in the form Region/City"


def _machine(text: str) -> Hint | None:
    return ("is the clock of a machine, not a time zone", _FORM) if _MACHINE.fullmatch(text) else None


def _windows(text: str) -> Hint | None:
    zone = windows_zone(text)
    return ("is a name that Windows has for a time zone", f"use {zone}") if zone else None


def _city(text: str) -> Hint | None:
    zone = city_zone(_plain(text))
    if zone:
        return "is a city without a time zone of its own", f"use {zone}, whose clock it follows"
    return _one_of(_by_city().get(_plain(text), set()))


def _abbreviation(text: str) -> Hint | None:
    if not _ABBREVIATION.fullmatch(text):
        return None
    return "is an abbreviation, which may stand for several zones or for half of the year", _FORM


def _rule(text: str) -> Hint | None:
    return ("is a rule in the style of POSIX, or an offset", _FORM) if _RULE.fullmatch(text) else None


def _words(text: str) -> Hint | None:
    return ("is a clock in words, not the name of a zone", _FORM) if _WORDS.fullmatch(text) else None


def _misspelt(text: str) -> Hint | None:
    """A slip of the pen: two neighbours swapped, one doubled, one left out; nothing that makes a new name."""
    if "/" not in text or re.search(r"[\d+.]", text) or _plain(text) in _OTHER_PLACES:
        return None
    bare = _bare(text)
    if len(bare.rpartition("/")[2]) < _FEWEST:
        return None
    found = {zone for known, zones in _by_spelling().items() if _slip(bare, known) for zone in zones}
    return _one_of(found)


_READERS: tuple[Callable[[str], Hint | None], ...] = (
    *(_machine, _offset, _windows, _spelt, _city, _abbreviation, _rule, _words, _misspelt),
)


def _one_of(zones: set[str]) -> Hint | None:
    """The hint at a zone, if all that were found keep the same time."""
    if len({_clock(zone) for zone in zones}) != 1:
        return None
    return _UNKNOWN[0], f"use an IANA name: {min(zones, key=lambda zone: (len(zone), zone))}"


def _slip(given: str, known: str) -> bool:
    if len(given) == len(known):
        return any(given == swapped for swapped in _swapped(known))
    longer, shorter = sorted((given, known), key=len, reverse=True)
    if len(longer) - len(shorter) != 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(longer, shorter, strict=False)) if a != b), len(shorter))
    if longer[:at] + longer[at + 1 :] != shorter:
        return False
    doubled = longer[at] == longer[at - 1]
    return longer[at].isalpha() and (doubled or (0 < at < len(longer) - 1 and longer[at - 1] != "/" != longer[at + 1]))


def _swapped(known: str) -> Iterator[str]:
    for at in range(len(known) - 1):
        yield known[:at] + known[at + 1] + known[at] + known[at + 2 :]


def _plain(text: str) -> str:
    """In lower case without accents, an underscore for blanks and hyphens."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return re.sub(r"[\s-]+", "_", bare.strip().casefold())


def _bare(text: str) -> str:
    return re.sub(r"[^a-z/]", "", _plain(text))


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in sorted(available_timezones()):
        if not re.search(r"\d", name) and not _MACHINE.fullmatch(name):
            found.setdefault(_bare(name), set()).add(name)
    return found


@lru_cache(maxsize=1)
def _by_city() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in sorted(available_timezones()):
        place, _, city = name.partition("/")
        if place in _PLACES and "/" not in city and city.casefold() not in _SHARED:
            found.setdefault(city.casefold(), set()).add(name)
    return found


@lru_cache(maxsize=64)
def _clock(name: str) -> tuple[timedelta | None, ...]:
    """The zone's offsets over thirty years, twice a month."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # listed, but without a file of its own
        return (None,)
    start = datetime(2010, 1, 1, tzinfo=UTC)
    return tuple((start + timedelta(days=15 * n)).astimezone(zone).utcoffset() for n in range(730))
