"""The timeline of an execution: its events in time order, as far as its record has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result


class Event(StrEnum):
    """What may happen to an execution."""

    DUE = "due"
    DISPATCHED = "dispatched"  # an attempt's message was sent to the queue
    RECEIVED = "received"  # a worker received it
    LEFT = "left"  # a worker lacked what its target needs, and left it to others
    CLAIMED = "claimed"  # that worker wrote its claim
    STARTED = "started"  # the target was called
    ENDED = "ended"  # the attempt did, with its result
    HANDED_OVER = "handed_over"  # its worker had to end
    LOST = "lost"  # another worker found that its worker had vanished
    CANCEL_REQUESTED = "cancel_requested"  # a user requested it while it ran
    REDRIVEN = "redriven"
    FINISHED = "finished"  # the execution ended


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline.

    Args:
        at_ms: When (ms since the epoch, by the clock of the machine that recorded it).
        event: What happened.
        attempt: The number of the attempt; None if it concerns the whole execution.
        detail: More about it, for people.
    """

    at_ms: int
    event: Event
    attempt: int | None = None
    detail: str = ""


_ENDS = {Result.WORKER_LOST: Event.LOST, Result.HANDED_OVER: Event.HANDED_OVER}


def timeline(record: Execution) -> list[Moment]:
    """The recorded events in time order; equal times in the order of the steps.

    Only the newest ``limits.ATTEMPTS_KEPT`` attempts are recorded. The time of the claim is known of the current or
    last attempt and of lost ones, and the time of the target call of attempts that have ended.
    """
    return sorted(_steps(record), key=lambda moment: moment.at_ms)


def _steps(record: Execution) -> Iterator[Moment]:
    redriven_ms = record.redriven_ms
    yield Moment(record.due_ms, Event.DUE)
    for account in record.attempts:
        if redriven_ms is not None and account.started_ms >= redriven_ms:
            yield Moment(redriven_ms, Event.REDRIVEN)
            redriven_ms = None
        yield from _attempt(account, record)
    if redriven_ms is not None:
        yield Moment(redriven_ms, Event.REDRIVEN)
    if not any(account.number == record.attempt for account in record.attempts):
        yield from _to_worker(record.attempt, record.sent_ms, record.received_ms, record.claimed_ms)
    if record.left_ms is not None:
        yield Moment(record.left_ms, Event.LEFT, detail=record.left)
    if record.cancel_ms is not None:
        yield Moment(record.cancel_ms, Event.CANCEL_REQUESTED, detail=record.cancel)
    if record.finished_ms is not None:
        yield Moment(record.finished_ms, Event.FINISHED, detail=_said(record.state, record.reason))


def _attempt(account: Attempt, record: Execution) -> Iterator[Moment]:
    is_lost = account.result is Result.WORKER_LOST
    newest = account.number == record.attempt
    claimed_ms = account.started_ms if is_lost else record.claimed_ms if newest else None
    yield from _to_worker(account.number, account.sent_ms, account.received_ms, claimed_ms)
    if not is_lost:
        yield Moment(account.started_ms, Event.STARTED, account.number)
    event = _ENDS.get(account.result, Event.ENDED)
    detail = _said(account.result, account.reason) if event is Event.ENDED else account.reason
    yield Moment(account.finished_ms, event, account.number, detail)


def _to_worker(number: int, sent_ms: int | None, received_ms: int | None, claimed_ms: int | None) -> Iterator[Moment]:
    """The events from the queue to the claim of an attempt, as far as they are known."""
    steps = ((sent_ms, Event.DISPATCHED), (received_ms, Event.RECEIVED), (claimed_ms, Event.CLAIMED))
    yield from (Moment(at_ms, event, number) for at_ms, event in steps if at_ms is not None)


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else str(what)


def queue_ms(record: Execution) -> int | None:
    """How long (ms) the message of the first recorded attempt was in the queue; None if that is not known."""
    first = record.attempts[0] if record.attempts else record
    if first.sent_ms is None or first.received_ms is None:
        return None
    return max(0, first.received_ms - first.sent_ms)  # two clocks


def run_ms(record: Execution) -> int | None:
    """How long (ms) the recorded attempts ran, without the lost ones; None before one has ended."""
    ended = [one.finished_ms - one.started_ms for one in record.attempts if one.result is not Result.WORKER_LOST]
    return sum(ended) if ended else None
