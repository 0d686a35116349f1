"""Deadlines of writes to the wheel: no try of a request is sent once the slot may be loaded before it lands.

The SDK tells of each try right before it sends it, repeats included (botocore, event ``before-send``): it may have
waited for a pause between two tries, or the process may have been frozen since the call began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.wheel.entries import Placed
from tidewheel.ports import Clock, TooLate

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks

_CLOCK: Clock = SystemClock()  # the time at which a try is sent, below the engine's clock


@dataclass(slots=True)
class _Call:
    """A call with a deadline, which is under way on this thread."""

    operation: str
    placed: Placed
    tries: int = 0


_CALL: ContextVar[_Call | None] = ContextVar("call", default=None)


def heed(events: BaseEventHooks, service: str) -> None:
    """Has a client heed the deadlines of the calls that are made within ``sent_in_time``."""
    events.register_first(f"before-send.{service}", _before_send)


@contextmanager
def sent_in_time(operation: str, placed: Placed | None) -> Iterator[None]:
    """Within it no try of a call is sent after the deadline of the entry that it writes; without one, none is held up.

    Raises:
        TooLate: A try was due later.
    """
    token = _CALL.set(None if placed is None else _Call(operation, placed))
    try:
        yield
    finally:
        _CALL.reset(token)


def _before_send(**_: object) -> None:
    call = _CALL.get()
    if call is None:
        return
    if call.placed.is_too_late(_CLOCK.now_ms()):
        raise TooLate(call.operation, call.placed.key, tried=call.tries > 0)
    call.tries += 1
