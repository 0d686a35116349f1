"""Keys of the objects in the bucket of logs."""

from __future__ import annotations

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.keys.common import after

_GZIP = ".gz"


def log_prefix(tenant: str, execution: str, attempt: int) -> str:
    """Logs, object: what the keys of an attempt's parts begin with.

    Raises:
        Unreadable: ``execution`` is no execution id.
    """
    return f"{tenant}/{ExecutionId.parse(execution).job}/{execution}/{attempt:03d}/"


def log_part(prefix: str, part: int) -> str:
    """Logs, object: a part of an attempt's log, by number, from 0 on."""
    return f"{prefix}{part:05d}{_GZIP}"


def parse_log_part(prefix: str, key: str) -> int:
    """The number of a part.

    Raises:
        Unreadable: The object is no part of that attempt's log.
    """
    number = after(prefix, key).removesuffix(_GZIP)
    if not number.isdecimal():
        raise Unreadable("part of a log", key, "its name is not a part's number")
    return int(number)
