"""What a burst is put on: Tidewheel as it is deployed on a local stack. Its peers have the same shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from localstack import processes
from localstack.demo.jobs import instant
from tests.bench.cpu_time import Roles
from tests.e2e.stack import Stack
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import ApiError, Client
from tidewheel.domain.limits import SECOND_MS
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, physical

_FUNCTIONS = {Function.WORKER: "workers", Function.SCHEDULER: "schedulers"}
EMULATOR, OTHERS = "emulator", "others"
_CREATORS = 4


class TooSlow(Exception):
    """The runs of a burst were not created ahead; the text says how late the last one was."""


@dataclass(frozen=True)
class Wanted:
    """A burst.

    Args:
        count: How many runs.
        due_ms: When all of them are due.
        url: What each of them calls.
        tag: By which they are told from other bursts' runs.
        precision: The tier, for a system that has tiers.
    """

    count: int
    due_ms: int
    url: str
    tag: str
    precision: str


class System(Protocol):
    """What runs a burst."""

    @property
    def name(self) -> str:
        """In the figures."""

    def lead_ms(self, count: int) -> int:
        """How long before its due time a burst is begun to be created."""

    def create(self, wanted: Wanted) -> None:
        """Creates the runs; on return all of them wait."""

    def roles(self) -> Roles:
        """Its processes now."""

    def clear(self) -> None:
        """Forgets what was created."""


@dataclass
class Tidewheel:
    """A deployed stack, used through its API.

    Args:
        stack: Where it is.
        client: Of its API.
        each_ms: How long the API took lately to create a job.
    """

    stack: Stack
    client: Client
    each_ms: float
    name: str = "tidewheel"
    _made: list[str] = field(default_factory=list)

    def lead_ms(self, count: int) -> int:
        """Twice what it takes at the pace of lately, and a time in which the scheduler has nothing else to do."""
        return round(2 * count * self.each_ms) + 15 * SECOND_MS

    def create(self, wanted: Wanted) -> None:
        """One-time jobs, by several callers.

        Raises:
            TooSlow: They were due before all had been created.
        """
        clock = SystemClock()
        began_ms = clock.monotonic_ms()

        def create(number: int) -> None:
            try:
                self._made.append(self.client.create_job(a_job(wanted, number)).id)
            except ApiError as error:
                if clock.now_ms() < wanted.due_ms:
                    raise
                raise TooSlow(f"{self.name}: job {number} of {wanted.count} was not created ahead") from error

        _by_several(create, range(wanted.count))
        self.each_ms = (clock.monotonic_ms() - began_ms) / wanted.count

    def roles(self) -> Roles:
        """The engine's group by function; what belongs to no function is the emulator."""
        table = processes.process_table()
        group = {row.pid: EMULATOR for row in table if row.group == self.stack.engine_pid and row.alive}
        for function in Function:
            for pid in self.stack.among(table, physical(DEFAULT_DEPLOYMENT, function)):
                group[pid] = _FUNCTIONS.get(function, OTHERS)
        return group

    def clear(self) -> None:
        """Deletes the jobs, so that the next burst finds tables as small as this one."""
        _by_several(self._delete, self._made)
        self._made.clear()

    def _delete(self, id: str) -> None:
        with suppress(ApiError):
            self.client.delete_job(id)


def a_job(wanted: Wanted, number: int) -> dict[str, Any]:
    """One job of a burst."""
    return {
        "name": f"{wanted.tag} {number}",
        "schedule": {"at": instant(wanted.due_ms)},
        "target": {"kind": "http", "url": wanted.url},
        "precision": wanted.precision,
    }


def _by_several(act: Callable[[Any], Any], of: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor(_CREATORS) as threads:
        return list(threads.map(act, of))
