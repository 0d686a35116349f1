"""The timeline of an execution: what its record says of when things happened."""

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
    CLAIMED = "claimed"  # that worker wrote its claim
    STARTED = "started"  # the target was called
    ENDED = "ended"  # the attempt did, with its result
    HANDED_OVER = "handed_over"  # its worker had to end
    LOST = "lost"  # another worker found that its worker had vanished
    CANCEL_REQUESTED = "cancel_requested"  # someone wanted it to end while it ran
    REDRIVEN = "redriven"
    FINISHED = "finished"  # the execution ended


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline.

    Args:
        at_ms: When (ms since the epoch, by the clock of whoever noted it).
        event: What.
        attempt: Whose; None for what is the execution's own.
        detail: More about it, for people.
    """

    at_ms: int
    event: Event
    attempt: int | None = None
    detail: str = ""


_ENDS = {Result.WORKER_LOST: Event.LOST, Result.HANDED_OVER: Event.HANDED_OVER}


def timeline(record: Execution) -> list[Moment]:
    """What is on record, in time order; where times are equal, in the order of the steps.

    Of long histories the oldest attempts are no longer on record. When one was claimed is known of the current or last
    attempt, and of those that were lost; when a running one called its target, once it has ended.
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
        yield from _way(record.attempt, record.sent_ms, record.received_ms, record.claimed_ms)
    if record.cancel_ms is not None:
        yield Moment(record.cancel_ms, Event.CANCEL_REQUESTED, detail=record.cancel)
    if record.finished_ms is not None:
        yield Moment(record.finished_ms, Event.FINISHED, detail=_said(record.state, record.reason))


def _attempt(account: Attempt, record: Execution) -> Iterator[Moment]:
    with_lost_attempt = account.result is Result.WORKER_LOST
    newest = account.number == record.attempt
    claimed_ms = account.started_ms if with_lost_attempt else record.claimed_ms if newest else None
    yield from _way(account.number, account.sent_ms, account.received_ms, claimed_ms)
    if not with_lost_attempt:
        yield Moment(account.started_ms, Event.STARTED, account.number)
    event = _ENDS.get(account.result, Event.ENDED)
    detail = _said(account.result, account.reason) if event is Event.ENDED else account.reason
    yield Moment(account.finished_ms, event, account.number, detail)


def _way(number: int, sent_ms: int | None, received_ms: int | None, claimed_ms: int | None) -> Iterator[Moment]:
    """How an attempt came to its worker, as far as it is known."""
    steps = ((sent_ms, Event.DISPATCHED), (received_ms, Event.RECEIVED), (claimed_ms, Event.CLAIMED))
    yield from (Moment(at_ms, event, number) for at_ms, event in steps if at_ms is not None)


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else str(what)


def queue_ms(record: Execution) -> int | None:
    """How long (ms) the message of the first attempt on record waited in the queue; None if that is not known."""
    first = record.attempts[0] if record.attempts else record
    if first.sent_ms is None or first.received_ms is None:
        return None
    return max(0, first.received_ms - first.sent_ms)  # two clocks


def run_ms(record: Execution) -> int | None:
    """How long (ms) the attempts on record ran, those left out that were lost; None before one has ended."""
    ended = [one.finished_ms - one.started_ms for one in record.attempts if one.result is not Result.WORKER_LOST]
    return sum(ended) if ended else None
