"""The wheel: its slots, who turns it, and how far it is turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.lease import Holding, Lease, Mark
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import Level, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.domain.wheel.span import EVERYTHING, Span


class Wheel(Protocol):
    """The slots."""

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """A page of a slot, in the order of sort keys, as of now: what was durable when the call began is there.

        It holds up to ``limits.LOADED_AT_ONCE`` items, a pack counting as one, and says which span is left to be
        read. There may be nothing in that.
        """

    def put(self, placed: Placed) -> None:
        """Writes a single; an equal one is overwritten. Takes no longer than ``limits.WRITE_BOUND_MS``."""

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """Writes a pack under a key that nobody else uses."""

    def remove(self, slot: Slot, keys: Sequence[str]) -> None:
        """Deletes singles by sort key; those that are gone do not matter. A repeat may be needed for very many.

        Raises:
            Throttled: Some were not deleted within ``limits.WRITE_BOUND_MS``.
        """

    def quarantine(self, item: Quarantined) -> None:
        """Keeps what cannot be understood under its partition and id until it expires; an equal one is overwritten.

        Of its text up to ``limits.QUARANTINE_CHARS`` are kept, of the problem up to ``limits.REASON_CHARS``.
        """


class Control(Protocol):
    """Who turns the wheel, and how far it is turned."""

    def layout(self) -> Layout | None:
        """The shards by time, as of now; None if nothing was ever put on the wheel."""

    def establish(self, layout: Layout) -> Layout:
        """Stores the first layout, unless there is one.

        Whoever writes to the wheel does so before its first write: a shard that was never turned is turned from the
        beginning of the layout on.

        Returns:
            The layout that stands.
        """

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """Replaces the layout, if it still is as seen. A repeat of an applied write succeeds."""

    def turned_at(self, pace: str, now_ms: int) -> int:
        """Notes at which pace the wheel is turned.

        Returns:
            Since when (ms) it is: ``now_ms`` of the first call that named this pace after any that named another.
        """

    def lease(self, instance: int = 0) -> Lease | None:
        """An instance's lease as of now; None if nobody ever held it."""

    def stand(self, seen: Lease, candidate: str) -> bool:
        """Announces a candidate to the holder. False if the lease has changed hands meanwhile."""

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        """Takes an instance's lease with the next epoch, if epoch and counter still are as seen.

        Returns:
            The new lease, or None if somebody was faster or the owner lives after all.
        """

    def renew(self, lease: Lease, mark: Mark | None = None) -> Lease:
        """Raises the counter, stores a mark if there is a new one, and returns the lease as stored.

        Raises:
            Lost: The epoch is no longer the caller's.
        """

    def release(self, lease: Lease) -> None:
        """Gives the lease up, if it is still the caller's."""

    def holding(self, shard: int) -> Holding | None:
        """Who holds a shard, as of now; None if nobody ever did."""

    def claim(self, shard: int, seen: Holding | None, instance: int, term: int, handed_ms: int = 0) -> Holding | None:
        """Claims a shard with the next epoch, if the stored epoch still is as seen, and stores how far (ms) it is
        known to be handed on, if that is further than was seen.

        Returns:
            The new holding with the cursors as they stand, or None if somebody was faster.
        """

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """Gives a shard up, if it is still held under this epoch; its cursors stay, its mark (ms) is stored."""

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """Stores a shard's cursors.

        Raises:
            Lost: The shard is not held under this epoch.
        """

    def sweep(self) -> Sweep | None:
        """How far the reconciler's sweep has come, as of now; None if there never was one."""

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """Stores how far it has come, if what is stored still is as seen.

        A write that was applied though it was reported as failed, and is repeated, succeeds.
        """
