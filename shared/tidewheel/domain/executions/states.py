"""The states of an execution and the results of an attempt.

::

    (none) ──► queued ──► running ──► succeeded
       │          │         │  ▲ └───► failed, dead, timed_out, cancelled
       │          │         ▼  │
       │          │       retrying ──► cancelled, dead, timed_out
       └──────────┴──► skipped, blocked, cancelled, dead, timed_out

    dead, failed, timed_out ──► queued (someone redrives it)

``running`` may also follow ``running``: a worker renews its lease, someone asks the run to end, or another worker
takes over when the lease has ended. And ``queued`` may follow ``queued``, or ``retrying`` itself: an execution
waits for another of its job, for its target's circuit, or for its tenant's share, and its record says so. What ends
as ``dead`` without having run was given up by the queue, again and again; what ends so as ``timed_out`` met its
deadline. An execution that is redriven is the same one: its id stays, the numbers of its attempts go on rising, and
it may have as many of them anew as its job allows.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an execution stands."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


_ENDS = {State.SUCCEEDED, State.FAILED, State.DEAD, State.TIMED_OUT, State.CANCELLED}


_NEVER_RAN = {State.SKIPPED, State.BLOCKED, State.CANCELLED, State.DEAD, State.TIMED_OUT}


TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.QUEUED, State.RUNNING} | _NEVER_RAN),
    State.QUEUED: frozenset({State.QUEUED, State.RUNNING} | _NEVER_RAN),
    State.RUNNING: frozenset({State.RUNNING, State.RETRYING} | _ENDS),
    State.RETRYING: frozenset({State.RETRYING, State.RUNNING, State.CANCELLED, State.DEAD, State.TIMED_OUT}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.DEAD: frozenset({State.QUEUED}),
    State.SKIPPED: frozenset(),
    State.BLOCKED: frozenset(),
    State.CANCELLED: frozenset(),
    State.TIMED_OUT: frozenset({State.QUEUED}),
}
"""Every allowed step; None is the execution that has no record yet."""


def is_end(state: State) -> bool:
    """Whether nothing follows by itself; what ended without success may be redriven."""
    return state in _ENDS | _NEVER_RAN


DEAD_LETTERS = frozenset({State.DEAD, State.FAILED, State.TIMED_OUT})
"""The ends of executions that ran to no success, or could not run, and that someone should look at."""


class Result(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # someone asked for it while it ran
    HANDED_OVER = "handed_over"  # its worker had to end; the next attempt goes on from its checkpoint
    WORKER_LOST = "lost"  # its worker vanished; another took over when the lease ended


class Stop(StrEnum):
    """Why a call that is under way is to end."""

    CANCELLED = "cancelled"  # someone asked for it
    TIMED_OUT = "timed_out"  # its time is over
    SILENT = "silent"  # no sign of life for longer than the job allows
    DRAINED = "drained"  # its worker has to end
    LEASE_LOST = "lost"  # its lease is not the worker's any more, or about to pass unrenewed
