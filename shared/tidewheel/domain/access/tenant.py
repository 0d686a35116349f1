"""Tenants: whose jobs these are, and what is granted to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from tidewheel.domain.ids import DEFAULT_TENANT

EVERY_KIND = "*"
"""In a tenant's kinds: all privileged kinds that the deployment allows."""
DEFAULT_PLAN = "default"
"""The plan of the tenant that every deployment has."""


class TenantState(StrEnum):
    """What a tenant's requests are answered with."""

    ACTIVE = "active"
    """All that the caller's role may do."""
    READ_ONLY = "read-only"
    """Reads are served; whatever changes something is forbidden. Jobs go on firing."""
    SUSPENDED = "suspended"
    """Everything is forbidden."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. The tenant ``default`` exists without being stored: see ``unwritten``.

    Args:
        id: 1 to 32 of a-z, 0-9, _ and -; all its jobs, executions and keys lie under it.
        name: For people; it may be empty.
        plan: The name of its plan, which gives its limits.
        state: What its requests are answered with.
        limits: Limits of its own by name, which outrank its plan's.
        kinds: The privileged kinds of target, such as ``command``, that its jobs may have; ``EVERY_KIND`` stands for
            all. A principal needs the kind among its own, too, and the deployment must allow it on the job's pool.
        pools: The pools that its jobs may name; empty for all.
        weight: How many turns it gets where a tenant of weight 1 gets one, while both have more due than is sent.
        networks: The networks, in CIDR notation, that its callers sign in from; empty for any.
        targets: Patterns of the parties that its jobs may call, such as ``http:*.example.com``, in which ``*`` stands
            for any text; empty for all.
        budget_dollars: What its executions may cost a month, in US dollars; None for any amount.
        version: Raised by every write; 0 if it was never written.
        created_ms: When it was made (ms since the epoch, UTC).
        created_by: The name of the principal that made it.
        updated_ms: When it was last changed (ms since the epoch, UTC).
        updated_by: The name of the principal that changed it last.
    """

    id: str
    name: str = ""
    plan: str = DEFAULT_PLAN
    state: TenantState = TenantState.ACTIVE
    limits: Mapping[str, int] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    pools: frozenset[str] = frozenset()
    weight: int = 1
    networks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    budget_dollars: float | None = None
    version: int = 0
    created_ms: int = 0
    created_by: str = ""
    updated_ms: int = 0
    updated_by: str = ""

    def grants(self, kind: str) -> bool:
        """Whether its jobs may have targets of a privileged kind."""
        return EVERY_KIND in self.kinds or kind in self.kinds

    def runs_on(self, pool: str) -> bool:
        """Whether its jobs may name a pool."""
        return not self.pools or pool in self.pools

    def calls(self, party: str) -> bool:
        """Whether its jobs may call a party."""
        return not self.targets or any(fnmatchcase(party, pattern) for pattern in self.targets)


def unwritten(id: str) -> Tenant | None:
    """The tenant of this id if there is no row for it: ``default``, which has no limits; any other does not exist."""
    return Tenant(id, kinds=frozenset({EVERY_KIND})) if id == DEFAULT_TENANT else None
