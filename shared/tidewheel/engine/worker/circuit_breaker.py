"""The breaker: what a worker knows of the parties that it calls, and what it tells the others of them.

A party that works costs no write, and a read in five seconds at most, however often it is called. What is not known
here yet is found out late: within those seconds others may still call what has just failed too often. A success that
knows of no failures writes nothing; its worker remembers it, and its own next failure begins a new row.
"""

from __future__ import annotations

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.fleet.circuit import Circuit, Phase, Sign, Tolerance
from tidewheel.domain.limits import CIRCUIT_FRESH_MS
from tidewheel.ports import Circuits, Clock, Fenced, PortError, Telemetry

_TRIES = 4
_MOST_KNOWN = 10_000

_Key = tuple[str, str]


class CircuitBreaker:
    """One per process.

    Args:
        circuits: Where the rows are.
        clock: Time.
        telemetry: Counts.
        tolerance: What is borne of a party.
    """

    def __init__(self, circuits: Circuits, clock: Clock, telemetry: Telemetry, tolerance: Tolerance) -> None:
        self._circuits = circuits
        self._clock = clock
        self._telemetry = telemetry
        self._tolerance = tolerance
        self._known: dict[_Key, tuple[Circuit, int]] = {}
        self._worked: dict[_Key, int] = {}

    @property
    def watches(self) -> bool:
        """Whether circuits ever open here."""
        return self._tolerance.failures > 0

    def circuit(self, tenant: str, key: str) -> Circuit:
        """A party's circuit, as it stood a few seconds ago at most.

        Raises:
            PortError: It could not be read.
        """
        known = self._known.get((tenant, key))
        if known is not None and self._clock.monotonic_ms() - known[1] < CIRCUIT_FRESH_MS:
            return known[0]
        try:
            return self._note(self._circuits.get(tenant, key) or Circuit(tenant, key))
        except Unreadable as error:
            self._telemetry.count("record_unreadable")
            self._telemetry.error("a circuit cannot be read and counts as closed", circuit=key, problem=str(error))
            return self._note(Circuit(tenant, key))

    def probe(self, circuit: Circuit, claim: str, until_ms: int) -> Circuit | None:
        """Sends a probe.

        Args:
            circuit: As it is thought to stand: half-open.
            claim: Who is to call.
            until_ms: Until when its lease lasts.

        Returns:
            None if it is the one; else the circuit, which stands otherwise.
        """
        return self._write(circuit.probed(claim, until_ms, self._clock.now_ms()))

    def extend(self, tenant: str, key: str, claim: str, until_ms: int) -> bool:
        """Extends a probe's lease; False if it has ended, and another may be under way."""
        circuit = self._last(tenant, key)
        for _ in range(_TRIES):
            if circuit.probe != claim:
                return False
            standing = self.probe(circuit, claim, until_ms)
            if standing is None:
                return True
            circuit = standing
        return False

    def tell(self, tenant: str, key: str, seen: Sign, claim: str) -> None:
        """Notes what an attempt says of its party. What cannot be written is lost, and the run is not.

        Args:
            tenant: Whose job it was.
            key: Whom it called.
            seen: What it says.
            claim: Whose attempt it was.
        """
        try:
            if seen is Sign.WORKS:
                self._worked[tenant, key] = self._clock.now_ms()
            self._tell(self._last(tenant, key), seen, claim)
        except (PortError, Unreadable) as error:
            self._telemetry.count("circuit_not_updated")
            self._telemetry.info(
                "the outcome of a call was not recorded on its circuit", circuit=key, problem=str(error)
            )

    def _tell(self, circuit: Circuit, seen: Sign, claim: str) -> None:
        for _ in range(_TRIES):
            now = self._clock.now_ms()
            worked_ms = self._worked.get((circuit.tenant, circuit.key), 0)
            new = circuit.after(seen, claim, self._tolerance, now, worked_ms)
            if new is None:
                return
            standing = self._write(new)
            if standing is None:
                self._say(circuit, new, now)
                return
            circuit = standing
        self._telemetry.count("circuit_not_updated")  # so many write it that one less changes nothing

    def _say(self, before: Circuit, after: Circuit, now: int) -> None:
        phases = before.open_until_ms > 0, after.open_until_ms > 0
        if after.phase(now) is Phase.OPEN:
            self._telemetry.count("circuit_opened")
            self._telemetry.info("a circuit opened", tenant=after.tenant, circuit=after.key, failures=after.failures)
        elif phases == (True, False):
            self._telemetry.count("circuit_closed")
            self._telemetry.info("a circuit closed", tenant=after.tenant, circuit=after.key)

    def _write(self, new: Circuit) -> Circuit | None:
        """None if it was written, else what stands."""
        try:
            standing = self._circuits.swap(new)
        except Fenced:
            standing = Circuit(new.tenant, new.key)  # its time to live was over
        self._note(standing or new)
        return standing

    def _last(self, tenant: str, key: str) -> Circuit:
        """What was known last: fresh enough to be told of a success that began when it was."""
        known = self._known.get((tenant, key))
        return known[0] if known is not None else self.circuit(tenant, key)

    def _note(self, circuit: Circuit) -> Circuit:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._worked.clear()
        self._known[circuit.tenant, circuit.key] = circuit, self._clock.monotonic_ms()
        return circuit
