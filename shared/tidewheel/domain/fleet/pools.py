"""What a pool can do for a job: whether this deployment has it, and how long an attempt may last on it."""

from __future__ import annotations

from collections.abc import Collection

from tidewheel.domain.errors import Invalid
from tidewheel.domain.fleet.route import LAMBDA_POOL
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.limits import MAX_POOL_TIMEOUT_MS, MAX_TIMEOUT_MS, MINUTE_MS


def longest_ms(pool: str) -> int:
    """How long (ms) an attempt may last on a pool."""
    return MAX_TIMEOUT_MS if pool == LAMBDA_POOL else MAX_POOL_TIMEOUT_MS


def refuse(definition: Definition, pools: Collection[str]) -> None:
    """Refuses a job that no worker could run.

    Args:
        definition: The job's definition.
        pools: The pools of this deployment.

    Raises:
        Invalid: On ``pool`` or ``timeout``.
    """
    refuse_call(definition.pool, definition.timeout_ms, pools)


def refuse_call(pool: str, timeout_ms: int, pools: Collection[str]) -> None:
    """Refuses calls that no worker could make.

    Args:
        pool: The pool whose workers are to make them.
        timeout_ms: How long (ms) one may take.
        pools: The pools of this deployment.

    Raises:
        Invalid: On ``pool`` or ``timeout``.
    """
    if pool not in pools:
        known = ", ".join(sorted(pools))
        remedy = f"use one of {known}, or name it in the deployment's context key pools"
        raise Invalid("pool", f"{pool!r} is no pool of this deployment", remedy)
    if timeout_ms > longest_ms(pool):
        most = longest_ms(pool) // MINUTE_MS
        others = sorted(set(pools) - {LAMBDA_POOL}) if pool == LAMBDA_POOL else []
        elsewhere = f", or another pool: {', '.join(others)}" if others else ""
        problem = f"an attempt on the pool {pool} may take {most} minutes at most"
        raise Invalid("timeout", problem, f"use {most}m or less{elsewhere}")
