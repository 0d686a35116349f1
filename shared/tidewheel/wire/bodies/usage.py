"""What a tenant may use, and what it has used."""

from __future__ import annotations

from pydantic import Field

from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant


class LimitUse(Model):
    """A limit, and what is used of it."""

    limit: str = Field(description="Its name.", examples=["executions_per_day"])
    allowed: float | None = Field(description="How much may be used; null for any amount.")
    used: float | None = Field(description="How much is used; null if it is not limited, or nobody counts it.")
    reset_at: Instant | None = Field(description="When it is whole again; null if it does not count over time.")


class Usage(Model):
    """A tenant's limits, and what it has used of them."""

    tenant: str
    plan: str = Field(description="The name of its plan.")
    limits: tuple[LimitUse, ...] = Field(description="Every limit there is.")
