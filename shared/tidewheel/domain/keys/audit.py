"""Keys of the Audit table: the rows of a tenant's day."""

from __future__ import annotations

import re

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.limits import DAY_MS

_SORT = re.compile(r"([0-9]{15})#([^#]{1,80})#([0-9]{5})", re.ASCII)
_BOUND = re.compile(r"[0-9]{15}", re.ASCII)
_MOST_MS = 10**15 - 1


def audit_partition(tenant: str, at_ms: int) -> str:
    """Audit, partition: a tenant's rows of a day (UTC), which is counted from the epoch's."""
    return f"{tenant}#{at_ms // DAY_MS:07d}"


def audit_sort(at_ms: int, request: str, number: int) -> str:
    """Audit, sort: a row of a request, by the request's time; ``request`` holds no ``#``."""
    return f"{at_ms:015d}#{request}#{number:05d}"


def parse_audit_sort(key: str) -> tuple[int, str, int]:
    """The time, request and number of a row.

    Raises:
        Unreadable: It is not such a key.
    """
    found = _SORT.fullmatch(key)
    if found is None:
        raise Unreadable("key", key, "expected time#request#number")
    return int(found[1]), found[2], int(found[3])


def audit_bound(at_ms: int) -> str:
    """Audit, sort: what all rows of earlier times sort below, and those of this time not."""
    return f"{min(max(at_ms, 0), _MOST_MS):015d}"


def audit_read_from(below: str) -> int:
    """An instant (ms since the epoch) of the day in which the rows below a key begin.

    Args:
        below: What ``audit_sort`` or ``audit_bound`` made; of a bound, the instant before it.

    Raises:
        Unreadable: It is neither.
    """
    if _BOUND.fullmatch(below):
        return int(below) - 1
    return parse_audit_sort(below)[0]
