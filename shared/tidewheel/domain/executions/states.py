"""The states of an execution and the results of an attempt.

::

    (none) ──► queued ──► running ──► succeeded
       │          │         │  ▲ └───► failed, dead, timed_out, cancelled
       │          │         ▼  │
       │          │       retrying ──► cancelled, dead, timed_out
       └──────────┴──► skipped, blocked, cancelled, dead, timed_out

    dead, failed, timed_out ──► queued (someone redrives it)

    (none), queued ──► open ──► succeeded, failed, timed_out, cancelled ──► open (steps of it run again)

``running`` may also follow ``running``: a worker renews its lease, a user requests a cancel, or another worker takes
over after the lease has ended. ``queued`` may follow ``queued``, and ``retrying`` itself: the record says that the
execution waits for another one of its job, for its target's circuit, for a permit, or for a worker that has what its
target needs. An execution that ends as ``dead`` without an attempt was given up by the queue several times, or no
worker had what its target needs; one that ends so as ``timed_out`` passed its deadline. A redriven execution keeps its
id, its attempts are numbered on, and it gets as many new ones as its job allows.

``open`` is the state of a run of a workflow while its steps run: no worker holds it. ``open`` follows itself when a
user pauses the run, or has steps run again.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of an execution."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


_ENDS = {State.SUCCEEDED, State.FAILED, State.DEAD, State.TIMED_OUT, State.CANCELLED}


_RUN_ENDS = {State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED}
_NEVER_RAN = {State.SKIPPED, State.BLOCKED, State.CANCELLED, State.DEAD, State.TIMED_OUT}


TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.QUEUED, State.RUNNING, State.OPEN} | _NEVER_RAN),
    State.QUEUED: frozenset({State.QUEUED, State.RUNNING, State.OPEN} | _NEVER_RAN),
    State.RUNNING: frozenset({State.RUNNING, State.RETRYING} | _ENDS),
    State.RETRYING: frozenset(
        {State.RETRYING, State.RUNNING, State.OPEN, State.CANCELLED, State.DEAD, State.TIMED_OUT}
    ),
    State.OPEN: frozenset({State.OPEN} | _RUN_ENDS),
    State.SUCCEEDED: frozenset({State.OPEN}),
    State.FAILED: frozenset({State.QUEUED, State.OPEN}),
    State.DEAD: frozenset({State.QUEUED}),
    State.SKIPPED: frozenset(),
    State.BLOCKED: frozenset(),
    State.CANCELLED: frozenset({State.OPEN}),
    State.TIMED_OUT: frozenset({State.QUEUED, State.OPEN}),
}
"""Every allowed transition; None stands for an execution without a record. Only a run of a workflow is ever open."""


def is_end(state: State) -> bool:
    """Whether a state is an end: only a redrive may follow, or that steps of a run run again."""
    return state in _ENDS | _NEVER_RAN


WAITING = frozenset({State.QUEUED, State.RETRYING})
"""The states in which something outside the record, a message or a wheel entry, must bring the next attempt."""
LISTED_WAITING = WAITING | {State.OPEN}
"""The states in which a record says by when somebody comes back to it, and is listed by that."""
DEAD_LETTERS = frozenset({State.DEAD, State.FAILED, State.TIMED_OUT})
"""The ends without success, which are listed as dead letters and may be redriven."""


class Result(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # a user requested it while it ran
    HANDED_OVER = "handed_over"  # its worker had to end; the next attempt continues from its checkpoint
    WORKER_LOST = "lost"  # its worker vanished; another took over when the lease ended


class Stop(StrEnum):
    """Why a running call is to end."""

    CANCELLED = "cancelled"  # a user requested it
    TIMED_OUT = "timed_out"  # its time is over
    SILENT = "silent"  # no sign of life for longer than the job allows
    DRAINED = "drained"  # its worker has to end
    LEASE_LOST = "lost"  # another worker has the execution, or the lease is about to end without a renewal
