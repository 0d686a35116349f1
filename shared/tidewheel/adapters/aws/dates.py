"""What time AWS says it is, by the ``Date`` headers of the responses that its clients receive anyway."""

from __future__ import annotations

import calendar
import threading
from email.utils import parsedate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tidewheel.domain.fleet.skew import Deviation, Sighting, deviation, sighted
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks

_SENT = "tidewheel_sent_ms"


class Dates:
    """``ports.ClockWatch`` over the responses of all clients that it listens to; one per process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sightings: tuple[Sighting, ...] = ()
        self._lock = threading.Lock()

    def listen(self, events: BaseEventHooks, service: str) -> None:
        """Listens to a client's responses, errors and those of single tries included."""
        events.register_last(f"request-created.{service}", self._sent)  # when it is signed
        events.register_first(f"response-received.{service}", self._received)

    def deviation(self) -> Deviation:
        """See ``ports.ClockWatch``."""
        return deviation(self._sightings, self._clock.now_ms())

    def _sent(self, request: Any, **_: object) -> None:
        request.context[_SENT] = self._clock.now_ms()

    def _received(
        self, response_dict: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **_: object
    ) -> None:
        if response_dict is None or context is None or _SENT not in context:
            return
        received_ms = self._clock.now_ms()
        date_ms = _parsed(str(response_dict["headers"].get("date", "")))
        if date_ms is not None:
            with self._lock:
                self._sightings = sighted(self._sightings, date_ms, context[_SENT], received_ms)


@lru_cache(maxsize=8)
def _parsed(date: str) -> int | None:
    """The header's instant (ms since the epoch, UTC), or None if it holds none (RFC 9110, 5.6.7)."""
    fields = parsedate(date) if date.endswith("GMT") else None
    if fields is None:
        return None
    try:
        return calendar.timegm(fields) * SECOND_MS
    except ValueError:
        return None
