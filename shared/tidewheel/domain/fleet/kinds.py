"""Which pools run the kinds of target that act with all rights of their worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.errors import Invalid

EVERY_POOL = "*"


@dataclass(frozen=True, slots=True)
class AllowedKinds:
    """What a deployment allows. A privileged kind runs only on the pools that it is allowed on, any other on all.

    Args:
        privileged: The kinds whose targets act with the rights of the worker, such as ``command``.
        by_pool: Of these, the ones that a pool runs; ``*`` stands for every pool.
    """

    privileged: frozenset[str]
    by_pool: Mapping[str, frozenset[str]]

    def allows(self, kind: str, pool: str) -> bool:
        """Whether targets of a kind may run on a pool."""
        return kind not in self.privileged or any(kind in self.by_pool.get(of, ()) for of in (pool, EVERY_POOL))

    def problem(self, kind: str, pool: str) -> str:
        """That a pool does not run a kind, for people."""
        return f"the pool {pool} is not allowed to run targets of the kind {kind}"

    def refuse(self, kind: str, pool: str) -> None:
        """Refuses a job whose target must not run on its pool.

        Raises:
            Invalid: On ``target.kind``.
        """
        if self.allows(kind, pool):
            return
        others = sorted(of for of, kinds in self.by_pool.items() if kind in kinds)
        elsewhere = f"use a pool that is ({', '.join(others)}), or " if others else ""
        remedy = f"{elsewhere}allow it in the deployment's context key allow_kinds: it has all rights of the worker"
        raise Invalid("target.kind", self.problem(kind, pool), remedy)
