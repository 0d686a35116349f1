"""The health of a deployment: from what its schedulers measure to what it still takes on.

========== =====================================================================================
state      what follows
========== =====================================================================================
normal     nothing
busy       what is due at priority ``low`` is held back for a while; the wheel keeps it
overloaded the API refuses to create work as well; what was accepted goes on
read-only  the API refuses every change; what was accepted goes on
========== =====================================================================================

A measure enters a state at one threshold and leaves it at a lower one, and a state that was entered lasts
``limits.HEALTH_DWELL_MS`` at least, so that a value about a threshold does not switch anything on and off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.limits import HEALTH_DWELL_MS, HEALTH_STALE_MS, HEALTH_WINDOW_MS, SECOND_MS


class HealthState(StrEnum):
    """From the best to the worst."""

    NORMAL = "normal"
    BUSY = "busy"
    OVERLOADED = "overloaded"
    READ_ONLY = "read-only"

    def reaches(self, other: HealthState) -> bool:
        """Whether it is as bad as another one, or worse."""
        return _RANK[self] >= _RANK[other]


_RANK = {state: rank for rank, state in enumerate(HealthState)}


@dataclass(frozen=True, slots=True)
class Signals:
    """What one scheduler measured, or several did.

    Args:
        queue_age_ms: How long (ms) the oldest message has waited in a queue for a worker; messages of priority
            ``low`` apart, which wait on purpose.
        route: The route of that queue; empty if nothing waits.
        behind_ms: How long (ms) the oldest occurrence has been due that no queue has taken, what is caught up with or
            held back apart.
        overdue: Occurrences in memory that are long overdue and caught up with.
        throttled: Requests that AWS refused as too many within ``limits.HEALTH_WINDOW_MS``.
        failed: Requests to a store that failed otherwise within that time.
    """

    queue_age_ms: int = 0
    route: str = ""
    behind_ms: int = 0
    overdue: int = 0
    throttled: int = 0
    failed: int = 0


NOTHING = Signals()
"""What a scheduler measures where nothing is amiss."""


def together(signals: Iterable[Signals]) -> Signals:
    """What several schedulers measured: the longest waits, and the sums of what is counted."""
    known = tuple(signals)
    oldest = max(known, key=lambda one: one.queue_age_ms, default=NOTHING)
    return Signals(
        queue_age_ms=oldest.queue_age_ms,
        route=oldest.route,
        behind_ms=max((one.behind_ms for one in known), default=0),
        overdue=sum(one.overdue for one in known),
        throttled=sum(one.throttled for one in known),
        failed=sum(one.failed for one in known),
    )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a state holds.

    Args:
        id: Which measure says so, or what else does; see ``MEASURES``, ``OPERATOR``, ``SILENT`` and ``STORE_AWAY``.
        text: The same as a sentence without a full stop; it names no tenant.
    """

    id: str
    text: str


OPERATOR = "operator"
"""The reason of an operator's switch."""
SILENT = "silent"
"""The reason of a state that nobody has measured lately."""
STORE_AWAY = "store-away"
"""The reason where the API cannot read the state."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a measure says that a state holds.

    Args:
        enter: From this value on.
        leave: Once it was entered, from this value on; at most ``enter``.
    """

    enter: int
    leave: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured.

    Args:
        id: Its name, the id of the reason.
        value: Its value among the signals.
        text: The reason's text.
        thresholds: By the state that they are for.
    """

    id: str
    value: Callable[[Signals], int]
    text: Callable[[Signals], str]
    thresholds: Mapping[HealthState, Threshold]


def _seconds(duration_ms: int) -> str:
    return f"{duration_ms / SECOND_MS:.0f} s"


MEASURES = (
    Measure(
        "queue-age",
        lambda signals: signals.queue_age_ms,
        lambda signals: f"a message has waited {_seconds(signals.queue_age_ms)} for a worker of {signals.route}",
        {
            HealthState.BUSY: Threshold(5 * SECOND_MS, 2 * SECOND_MS),
            HealthState.OVERLOADED: Threshold(30 * SECOND_MS, 10 * SECOND_MS),
        },
    ),
    Measure(
        "behind",
        lambda signals: signals.behind_ms,
        lambda signals: f"what is due is handed over {_seconds(signals.behind_ms)} late",
        {
            HealthState.BUSY: Threshold(3 * SECOND_MS, SECOND_MS),
            HealthState.OVERLOADED: Threshold(15 * SECOND_MS, 5 * SECOND_MS),
        },
    ),
    Measure(
        "overdue",
        lambda signals: signals.overdue,
        lambda signals: f"{signals.overdue} occurrences are long overdue",
        {
            HealthState.BUSY: Threshold(1_000, 100),
            HealthState.OVERLOADED: Threshold(20_000, 10_000),
        },
    ),
    Measure(
        "throttled",
        lambda signals: signals.throttled,
        lambda signals: f"AWS refused {signals.throttled} requests as too many within {_seconds(HEALTH_WINDOW_MS)}",
        {
            HealthState.BUSY: Threshold(20, 5),
            HealthState.OVERLOADED: Threshold(200, 50),
        },
    ),
    Measure(
        "store",
        lambda signals: signals.failed,
        lambda signals: f"{signals.failed} requests to the stores failed within {_seconds(HEALTH_WINDOW_MS)}",
        {
            HealthState.BUSY: Threshold(10, 3),
            HealthState.READ_ONLY: Threshold(50, 10),
        },
    ),
)
"""All measures."""


@dataclass(frozen=True, slots=True)
class Health:
    """A state, since when it holds, and why.

    Args:
        state: Which one.
        since_ms: Since when (ms since the epoch).
        reasons: Why; empty if and only if the state is normal, unless nobody measures it.
    """

    state: HealthState = HealthState.NORMAL
    since_ms: int = 0
    reasons: tuple[Reason, ...] = ()

    @property
    def holds_back(self) -> bool:
        """Whether what is due at priority ``low`` is held back."""
        return self.state.reaches(HealthState.BUSY)

    @property
    def creates(self) -> bool:
        """Whether the API takes on new work."""
        return not self.state.reaches(HealthState.OVERLOADED)

    @property
    def writes(self) -> bool:
        """Whether the API changes anything."""
        return not self.state.reaches(HealthState.READ_ONLY)


def judge(before: Health, signals: Signals, now_ms: int) -> Health:
    """The health that follows from what was measured.

    It gets worse at once. It gets better once the state before has lasted ``limits.HEALTH_DWELL_MS``, to what the
    signals say then; until then the reasons stay, if the signals give none for the state any more.

    Args:
        before: The health so far.
        signals: What was measured.
        now_ms: The time (ms since the epoch).
    """
    state, reasons = _told(before, signals)
    if state is before.state:
        return Health(state, before.since_ms, reasons)
    better = before.state.reaches(state)
    if better and 0 <= now_ms - before.since_ms < HEALTH_DWELL_MS:
        return before
    return Health(state, now_ms, reasons)


def _told(before: Health, signals: Signals) -> tuple[HealthState, tuple[Reason, ...]]:
    """The worst state that a measure tells of, with the reasons of all that do."""
    for state in reversed(HealthState):
        told = tuple(Reason(one.id, one.text(signals)) for one in MEASURES if _says(one, state, before, signals))
        if told:
            return state, told
    return HealthState.NORMAL, ()


def _says(measure: Measure, state: HealthState, before: Health, signals: Signals) -> bool:
    """Whether a measure says that a state holds."""
    threshold = measure.thresholds.get(state)
    if threshold is None:
        return False
    said_so = before.state.reaches(state) and any(reason.id == measure.id for reason in before.reasons)
    return measure.value(signals) >= (threshold.leave if said_so else threshold.enter)


@dataclass(frozen=True, slots=True)
class Measured:
    """A health that a scheduler stored.

    Args:
        health: Which one.
        at_ms: When it was stored last (ms since the epoch).
        epoch: The epoch under which the scheduler holds shard 0.
    """

    health: Health
    at_ms: int
    epoch: int = 0

    def is_due(self, health: Health, now_ms: int) -> bool:
        """Whether another one is to be stored by now (ms since the epoch): it differs, or this one has aged."""
        old_ms = HEALTH_STALE_MS // 3 if health.state is HealthState.NORMAL else 10 * SECOND_MS
        differs = health.state is not self.health.state or health.since_ms != self.health.since_ms
        return differs or not 0 <= now_ms - self.at_ms < old_ms


@dataclass(frozen=True, slots=True)
class Switch:
    """An operator's switch: the deployment is read-only.

    Args:
        by: The principal that set it.
        reason: Why, as the operator wrote it.
        since_ms: Since when (ms since the epoch).
    """

    by: str
    reason: str
    since_ms: int


def in_force(measured: Measured | None, switch: Switch | None, now_ms: int) -> Health:
    """The health that callers meet.

    What nobody has measured for ``limits.HEALTH_STALE_MS`` refuses nothing: schedulers that are away make nothing
    worse that is stored meanwhile.

    Args:
        measured: What was stored last; None if nothing ever was.
        switch: The operator's; None if it is off.
        now_ms: The time (ms since the epoch).
    """
    if switch is not None:
        said = Reason(OPERATOR, f"an operator has switched to read-only: {switch.reason}")
        return Health(HealthState.READ_ONLY, switch.since_ms, (said,))
    if measured is None:
        return Health(reasons=(Reason(SILENT, "no scheduler has reported yet"),))
    age_ms = now_ms - measured.at_ms
    if age_ms >= HEALTH_STALE_MS:
        said = Reason(SILENT, f"no scheduler has reported for {_seconds(age_ms)}")
        return Health(HealthState.NORMAL, measured.at_ms, (said,))
    return measured.health
