"""Bounds the rows that refusals make: whoever floods the API does not fill the audit log."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from tidewheel.domain.limits import MINUTE_MS

REFUSALS_A_MINUTE = 20
"""How many refusals of one principal have a row in a minute, in each process of the API."""
_PRINCIPALS = 1_000
"""How many principals are counted at once; who was refused longest ago is forgotten first."""


@dataclass(slots=True)
class _Minute:
    number: int
    kept: int = 0
    more: int = 0


class RefusalCap:
    """Counts the refusals of each principal in the minute that runs."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[tuple[str, str], _Minute] = OrderedDict()

    def admit(self, tenant: str, principal: str, now_ms: int) -> int | None:
        """Whether a refusal has a row.

        Args:
            tenant: Where it was made.
            principal: Whose.
            now_ms: Now (ms since the epoch).

        Returns:
            None if it has none; else how many had none in the last minute in which there were any, to be told with it.
        """
        key, number = (tenant, principal), now_ms // MINUTE_MS
        found = self._minutes.pop(key, None) or _Minute(number)
        more = 0
        if found.number != number:
            more, found = found.more, _Minute(number)
        self._minutes[key] = found
        if len(self._minutes) > _PRINCIPALS:
            self._minutes.popitem(last=False)
        if found.kept >= REFUSALS_A_MINUTE:
            found.more += 1
            return None
        found.kept += 1
        return more
