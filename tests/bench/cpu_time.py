"""What CPU the processes of a system use, by their role: read at two times, and subtracted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from localstack import processes
from tidewheel.ports import Clock

Roles = Mapping[int, str]
"""The role of each process, by its id."""
Reading = Mapping[int, tuple[str, int]]
"""The role of each process and the CPU time that it had used (ms), by its id."""


def read(roles: Roles) -> Reading:
    """Reads the clocks of processes; one that has ended meanwhile is left out."""
    found = ((pid, role, processes.cpu_ms(pid)) for pid, role in roles.items())
    return {pid: (role, used) for pid, role, used in found if used is not None}


@dataclass(frozen=True)
class Used:
    """What was used between two readings.

    Args:
        by_role_ms: CPU time by role. One that began meanwhile counts from its start.
        started: How many processes began.
        ended: How many ended; what they used since the first reading is in no figure.
    """

    by_role_ms: Mapping[str, int]
    started: int
    ended: int

    @classmethod
    def between(cls, before: Reading, after: Reading) -> Used:
        """Subtracts."""
        used = Counter(dict.fromkeys(sorted({role for role, _ in (*before.values(), *after.values())}), 0))
        for pid, (role, now_ms) in after.items():
            used[role] += now_ms - (before[pid][1] if pid in before else 0)
        return cls(dict(used), len(after.keys() - before.keys()), len(before.keys() - after.keys()))

    def each(self, count: float) -> dict[str, float]:
        """Shared out evenly, with the sum as ``in_all``."""
        return {name: round(ms / count, 3) for name, ms in self._with_sum().items()} if count else {}

    def _with_sum(self) -> dict[str, int]:
        return {**self.by_role_ms, "in_all": sum(self.by_role_ms.values())}


def while_idle(roles: Callable[[], Roles], clock: Clock, duration_ms: int) -> Mapping[str, float]:
    """What a system uses by itself, ms of CPU a second, by role."""
    before, began_ms = read(roles()), clock.monotonic_ms()
    clock.sleep(duration_ms)
    after, ended_ms = read(roles()), clock.monotonic_ms()
    return Used.between(before, after).each((ended_ms - began_ms) / 1_000)


def beyond(each: Mapping[str, float], idle: Mapping[str, float], seconds: float, count: int) -> dict[str, float]:
    """What is left of ``each`` without what the system would have used by itself in those seconds.

    Args:
        each: Ms of CPU for one of ``count``, by role.
        idle: Ms of CPU a second, by role.
        seconds: How long was measured.
        count: Among how many it was shared out.
    """
    return {role: round(ms - idle.get(role, 0.0) * seconds / count, 3) for role, ms in each.items()}
