"""Who calls the API: a principal of a tenant, by what it signed in with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidewheel.domain.access.roles import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a request is made by.

    Args:
        tenant: The tenant in which it acts; nothing of another one is shown to it.
        name: What the audit log calls it: ``key:<key id>``, ``<issuer>|<subject>`` of a token, or the ARN of an
            AWS identity.
        role: What it may do.
        kinds: The privileged kinds of target that it may give to a job, such as ``command``.
        key: The id of the API key that it signed in with; empty for any other way.
        tags: Its jobs are those that have all of these tags, each as key and value; empty for all of the tenant's.
        address: The network address that it calls from; empty if it is not known.
    """

    tenant: str
    name: str
    role: Role
    kinds: frozenset[str] = frozenset()
    key: str = ""
    tags: frozenset[tuple[str, str]] = frozenset()
    address: str = ""

    def sees(self, tags: Iterable[tuple[str, str]]) -> bool:
        """Whether what has these tags is among what it is for: a job, or a key for the jobs with them."""
        return self.tags.issubset(tags)

    def tags_missing_in(self, tags: Iterable[tuple[str, str]]) -> str:
        """Those of its own tags that are not among these, for people; empty if all are."""
        return ", ".join(f"{name}:{value}" for name, value in sorted(self.tags.difference(tags)))
