"""A window: a slot that the owner of its shard has in hand, or one entry of the late slot, and the states of its life.

::

    loading ──► planned ──► sending ──► settled ──► retiring ──► passed ──► retired
                   ▲           ▲          ▲  │         │                      ▲
                   └───────────┴──────────┼──┼─────────┘ a straggler          │
                                          │  └────────────────────────────────┘ an entry of the late slot

========  ==================================================  ====================================================
state     what the window waits for                           who ends it
========  ==================================================  ====================================================
loading   its entries are read, and planned as they come      ``Loader``, after the last page; ``ShardWheel``, after
                                                              planning an entry of the late slot
planned   next entries, ledger rows or quarantined items      ``Armer``, ``Accountant``, ``Quarantine``, each when
          are not durable yet                                 its write is durable
sending   only occurrences are left that no queue has taken   ``Dispatcher``, when the queue has accepted the last
settled   nothing but the end of its slot's time              ``Retirer``; ``LateSlot``, which retires at once
retiring  its singles are read once more                      ``Loader``: nothing new was found, or stragglers were
passed    the ring cursor lies behind it, not yet durably     ``Retirer``, when the stored cursor has passed it
retired   the end: its singles may be deleted                 nobody
========  ==================================================  ====================================================

A state that has nothing to wait for is skipped. Occurrences are sent in any state up to ``sending``, each at its due
time, and writes go on while pages are read; the state names the last thing that the window waits for. What it waits
for is an *obligation*: it is opened while entries are read and planned, and never later, so a window whose
obligations are all settled gets no new ones unless it is read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tidewheel.domain.errors import IllegalTransition
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Slot


class WindowState(StrEnum):
    """Where a window stands."""

    LOADING = "loading"
    PLANNED = "planned"
    SENDING = "sending"
    SETTLED = "settled"
    RETIRING = "retiring"
    PASSED = "passed"
    RETIRED = "retired"


class Obligation(StrEnum):
    """What must be durable before a window may be retired."""

    SEND = "send"  # an occurrence, accepted by its queue
    ARM = "arm"  # the entry of a next occurrence, or one on its way to a finer slot, written where it rests next
    ACCOUNT = "account"  # a ledger row of what was missed, or an item in quarantine


_READ = frozenset({WindowState.PLANNED, WindowState.SENDING, WindowState.SETTLED})

TRANSITIONS: Mapping[WindowState, frozenset[WindowState]] = {
    WindowState.LOADING: _READ,
    WindowState.PLANNED: frozenset({WindowState.SENDING, WindowState.SETTLED}),
    WindowState.SENDING: frozenset({WindowState.SETTLED}),
    WindowState.SETTLED: frozenset({WindowState.RETIRING}),
    WindowState.RETIRING: _READ | {WindowState.PASSED},
    WindowState.PASSED: frozenset({WindowState.RETIRED}),
    WindowState.RETIRED: frozenset(),
}
"""Every allowed step of a slot."""

LATE_TRANSITIONS: Mapping[WindowState, frozenset[WindowState]] = {
    WindowState.LOADING: _READ,
    WindowState.PLANNED: TRANSITIONS[WindowState.PLANNED],
    WindowState.SENDING: TRANSITIONS[WindowState.SENDING],
    WindowState.SETTLED: frozenset({WindowState.RETIRED}),
    WindowState.RETIRED: frozenset(),
}
"""Those of an entry of the late slot: no cursor passes that slot, and it is read every second anyway."""

_READING = frozenset({WindowState.LOADING, WindowState.RETIRING})
_OWING = frozenset({WindowState.PLANNED, WindowState.SENDING})


@dataclass(slots=True, eq=False)
class Window:
    """A slot in hand, or one entry of the late slot.

    Args:
        slot: Where it rests.
        ends_ms: From when (ms since the epoch) it may be retired.
        singles: Sort keys of the singles that were loaded: the second read leaves them out, and when the window is
            retired they are deleted.
    """

    slot: Slot
    ends_ms: int
    singles: set[str] = field(default_factory=set)
    _state: WindowState = field(default=WindowState.LOADING, init=False)
    _open: Counter[Obligation] = field(default_factory=Counter, init=False)
    _nominal_ms: dict[tuple[str, str, int], int] = field(default_factory=dict, init=False)

    @property
    def state(self) -> WindowState:
        """Where it stands."""
        return self._state

    def is_over(self, now_ms: int) -> bool:
        """Whether nothing is left to do and its slot's time (ms) is over, so that it may be retired."""
        return self._state is WindowState.SETTLED and self.ends_ms <= now_ms

    def waits_for_its_end(self, now_ms: int) -> bool:
        """Whether nothing is left to do before its slot's time (ms) is over."""
        return self._state is WindowState.SETTLED and self.ends_ms > now_ms

    # --- obligations --------------------------------------------------------------------------------------

    def opens(self, obligation: Obligation, count: int = 1) -> None:
        """Notes obligations that come from an entry which was read.

        Raises:
            IllegalTransition: The window is not being read.
        """
        if self._state not in _READING:
            raise self._illegal(f"owing more to {obligation}")
        self._open[obligation] += count

    def settles(self, obligation: Obligation) -> None:
        """Notes that one of them is durable; after the last one the window goes on.

        Raises:
            IllegalTransition: None of that kind is open.
        """
        left = self._open[obligation] - 1
        if left < 0:
            raise self._illegal(f"owing less than nothing to {obligation}")
        self._open[obligation] = left
        if not left and self._state in _OWING:
            self._go_on()

    def owes(self, obligation: Obligation) -> bool:
        """Whether any of that kind is open."""
        return self._open[obligation] > 0

    # --- steps --------------------------------------------------------------------------------------------

    def read(self, found: int) -> None:
        """Notes that a passage through the slot has ended.

        Args:
            found: How many entries it found that were not in hand before; all of them are planned.

        Raises:
            IllegalTransition: The window was not being read.
        """
        if self._state not in _READING:
            raise self._illegal("read")
        after = self._awaited()
        nothing_new = after is WindowState.SETTLED and not found
        self._enter(WindowState.PASSED if nothing_new and self._state is WindowState.RETIRING else after)

    def retires(self) -> None:
        """Notes that its slot's time is over and the second read begins.

        Raises:
            IllegalTransition: Something is left to do.
        """
        self._enter(WindowState.RETIRING)

    def retired(self) -> None:
        """Notes that no later owner will read it again, or, of an entry of the late slot, needs to.

        Raises:
            IllegalTransition: The cursor has not passed it, or something is left to do.
        """
        self._enter(WindowState.RETIRED)

    def _go_on(self) -> None:
        awaited = self._awaited()
        if awaited is not self._state:
            self._enter(awaited)

    def _awaited(self) -> WindowState:
        """The state of a window that was read, by what is open."""
        if self.owes(Obligation.ARM) or self.owes(Obligation.ACCOUNT):
            return WindowState.PLANNED
        return WindowState.SENDING if self.owes(Obligation.SEND) else WindowState.SETTLED

    def _enter(self, after: WindowState) -> None:
        table = LATE_TRANSITIONS if self.slot.level is Level.LATE else TRANSITIONS
        if after not in table[self._state]:
            raise self._illegal(after)
        self._state = after

    def _illegal(self, step: str) -> IllegalTransition:
        return IllegalTransition(f"window {self.slot.key}", self._state, step)

    # --- doubles ------------------------------------------------------------------------------------------

    def is_new(self, entry: ScheduleEntry) -> bool:
        """Whether the entry is no double of one in hand: the earlier nominal time of two covers the later."""
        key = (entry.tenant, entry.job, entry.generation)
        seen = self._nominal_ms.get(key)
        if seen is not None and seen <= entry.nominal_ms:
            return False
        self._nominal_ms[key] = entry.nominal_ms
        return True
