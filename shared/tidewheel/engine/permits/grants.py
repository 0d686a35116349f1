"""Gives permits to the executions that wait in line: the permit first, then the message, then the entry goes.

In this order nothing gets lost when a process dies in between: until the message is sent, the entry stands. A permit
whose message was not sent, and an entry whose removal failed, are found by the line guard.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.ids import nonce
from tidewheel.domain.limits import LEASE_MS, LINE_HEAD
from tidewheel.domain.permits.line import LineEntry, choose
from tidewheel.domain.permits.permit import Grant, Permit
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.ports import Clock, Entropy, Executions, PermitLines, Permits, PortError, Queue, Refused, Telemetry


@dataclass(frozen=True, slots=True)
class PermitGrants:
    """Gives permits away. Every method raises ``PortError`` if a store or queue fails.

    Args:
        permits: The store of permits.
        lines: The lines.
        executions: The records.
        queue: Where the messages go that wake who waits.
        clock: Reads the time.
        entropy: Makes the tokens of permits unique.
        telemetry: Counts.
        put: Puts an entry on the wheel, if no queue takes its message. None: the line guard sees to that.
    """

    permits: Permits
    lines: PermitLines
    executions: Executions
    queue: Queue
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    put: Callable[[ExecutionEntry], None] | None = None

    def token(self) -> str:
        """A token that no other permit, claim or entry has."""
        return nonce(self.entropy.bytes(5))

    def records(self, tenant: str, permits: Iterable[Permit]) -> Mapping[str, Execution]:
        """The records of the executions that a tenant's permits name, by id, as ``free_permits`` wants them."""
        found = self.executions.several({(tenant, permit.execution) for permit in permits})
        return {id: record for (_, id), record in found.items()}

    def give(self, permit: Permit, limit: int, passed_over: Collection[str] = ()) -> bool:
        """Gives a permit, in place of its holder, to the next in its tenant's line.

        Entries of executions that do not wait any more are removed on the way.

        Args:
            permit: The permit as it is to be replaced. Its holder has no use for it.
            limit: How many permits the tenant has.
            passed_over: Keys of entries that are not to get it: they have got one already.

        Returns:
            Whether the permit is somebody else's now; False if nobody waits for it.
        """
        gone = set(passed_over)
        while True:
            waiting = [entry for entry in self.lines.head(permit.tenant, LINE_HEAD) if entry.key not in gone]
            entry = choose(waiting, permit.number, limit)
            if entry is None:
                return False
            if not self.waits(entry):
                gone.add(entry.key)
                continue
            if self._granted(entry, permit):
                return True
            gone.add(entry.key)

    def waits(self, entry: LineEntry) -> bool:
        """Whether an entry's execution still waits; if not, the entry is removed."""
        if not entry.is_over(self.executions.get(entry.tenant, entry.execution)):
            return True
        self.lines.leave(entry)
        return False

    def _granted(self, entry: LineEntry, permit: Permit) -> bool:
        """Gives a permit to an entry, unless another process has given it away meanwhile.

        Returns:
            Whether the permit is somebody else's now; False if no queue takes the entry's message.
        """
        now = self.clock.now_ms()
        grant = Grant(permit.number, self.token(), max(now, entry.due_ms) + LEASE_MS, entry.redriven_ms)
        if self.permits.take(grant.permit(entry.tenant, entry.execution, entry.attempt), now, permit.holder):
            self.telemetry.count("permit_granted")
            return self.wake(entry, grant)
        return True

    def wake(self, entry: LineEntry, grant: Grant) -> bool:
        """Sends the message of an entry that was given a permit, then removes the entry.

        A worker may lack the right to send to another pool's queue: then the line guard does. If that is refused, the
        wheel gets it, which sets aside what can never be delivered, and others get the permit.

        Returns:
            Whether the permit is still the entry's.
        """
        try:
            if not all(self.queue.send(entry.route, [entry.wake(grant)])):
                raise PortError("permits.wake", entry.execution, "the queue did not accept its message")
        except Refused as error:
            self.telemetry.count("permit_message_refused")
            self.telemetry.info("who waits in line could not be woken", execution=entry.execution, problem=str(error))
            if self.put is None:
                return True
            self.put(entry.on_the_wheel(self.clock.now_ms()))
            self.permits.leave(grant.permit(entry.tenant, entry.execution, entry.attempt))
            self.lines.leave(entry)
            return False
        self.lines.leave(entry)
        return True

    def marked(self, entry: LineEntry) -> LineEntry:
        """The entry with another mark, to be written."""
        return replace(entry, mark=self.token())
