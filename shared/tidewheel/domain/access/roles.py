"""Roles: what whoever calls may do in a tenant."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """From the least to the most; each may do what those before it may."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Runs, cancels, pauses, resumes, redrives, closes circuits."""
    EDITOR = "editor"
    """Creates, edits and deletes jobs."""
    ADMIN = "admin"
    """Makes and revokes the tenant's keys, and reads its audit log."""
    PLATFORM_ADMIN = "platform-admin"
    """Makes tenants and sets their limits, and does in every tenant what an admin does."""

    def includes(self, needed: Role) -> bool:
        """Whether this role may do what another one may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


def strongest(roles: Iterable[Role]) -> Role:
    """The role of these that may do the most.

    Raises:
        ValueError: There is none.
    """
    return max(roles, key=_RANK.__getitem__)
