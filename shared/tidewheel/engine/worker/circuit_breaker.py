"""The circuit breaker of a worker: a cache of the stored circuits, and the writes that open and close them.

A party is whom targets call, such as a host; it has one circuit per tenant. While a party works, its circuit costs no
write, and one read per ``limits.CIRCUIT_FRESH_MS`` and process. Up to that time other workers may go on calling a
party whose circuit has just opened. A success writes nothing while no failure is stored: the process remembers when it
was, so that the next failure seen here starts a new count.
"""

from __future__ import annotations

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.fleet.circuit import Circuit, Sign, Tolerance
from tidewheel.domain.limits import CIRCUIT_FRESH_MS
from tidewheel.ports import Circuits, Clock, Fenced, PortError, Telemetry

_TRIES = 4
_MOST_KNOWN = 10_000

_Key = tuple[str, str]


class CircuitBreaker:
    """One per process.

    Args:
        circuits: The store of circuits.
        clock: Reads the time.
        telemetry: Counts and logs.
        tolerance: How many failures open a circuit, and for how long.
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
        """Whether circuits can open in this deployment."""
        return self._tolerance.failures > 0

    def circuit(self, tenant: str, key: str) -> Circuit:
        """A party's circuit, at most ``limits.CIRCUIT_FRESH_MS`` old. A stored one that is malformed counts as closed.

        Raises:
            PortError: The circuit could not be read.
        """
        known = self._known.get((tenant, key))
        if known is not None and self._clock.monotonic_ms() - known[1] < CIRCUIT_FRESH_MS:
            return known[0]
        try:
            return self._remember(self._circuits.get(tenant, key) or Circuit(tenant, key))
        except Unreadable as error:
            self._telemetry.count("record_unreadable")
            self._telemetry.error("a circuit cannot be read and counts as closed", circuit=key, problem=str(error))
            return self._remember(Circuit(tenant, key))

    def probe(self, circuit: Circuit, claim: str, until_ms: int) -> Circuit | None:
        """Writes a claim into a circuit that is not closed as its probe.

        Args:
            circuit: The circuit as it was read.
            claim: The name of the claim whose call is the probe.
            until_ms: The end of the probe's lease (ms since the epoch).

        Returns:
            None if the claim is the probe now; else the circuit as another worker wrote it meanwhile.

        Raises:
            PortError: A store failed; the probe may be written or not.
        """
        return self._write(circuit.probed(claim, until_ms, self._clock.now_ms()))

    def extend(self, tenant: str, key: str, claim: str, until_ms: int) -> bool:
        """Extends a probe's lease to ``until_ms`` (ms since the epoch); False if the claim is not the probe any more.

        Raises:
            PortError: A store failed; the lease may be extended or not.
        """
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
        """Records on a circuit how a call went. Never raises: a store that fails must not fail the execution.

        Args:
            tenant: The tenant of the job.
            key: The key of the circuit.
            seen: What the call says about the party.
            claim: The name of the claim that called.
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
                self._report(circuit, new, now)
                return
            circuit = standing
        self._telemetry.count("circuit_not_updated")  # other workers write it as well: one report less does not matter

    def _report(self, before: Circuit, after: Circuit, now: int) -> None:
        phases = before.open_until_ms > 0, after.open_until_ms > 0
        if after.open_until_ms > max(now, before.open_until_ms):
            self._telemetry.count("circuit_opened")
            self._telemetry.info("a circuit opened", tenant=after.tenant, circuit=after.key, failures=after.failures)
        elif phases == (True, False):
            self._telemetry.count("circuit_closed")
            self._telemetry.info("a circuit closed", tenant=after.tenant, circuit=after.key)

    def _write(self, new: Circuit) -> Circuit | None:
        """Writes a circuit over the version before it; returns None, or the stored one if that is another version."""
        try:
            standing = self._circuits.swap(new)
        except Fenced:
            standing = Circuit(new.tenant, new.key)  # the row has expired since it was read
        self._remember(standing or new)
        return standing

    def _last(self, tenant: str, key: str) -> Circuit:
        """The circuit as this process knows it, however old: the conditional write finds out if it has changed."""
        known = self._known.get((tenant, key))
        return known[0] if known is not None else self.circuit(tenant, key)

    def _remember(self, circuit: Circuit) -> Circuit:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._worked.clear()
        self._known[circuit.tenant, circuit.key] = circuit, self._clock.monotonic_ms()
        return circuit
