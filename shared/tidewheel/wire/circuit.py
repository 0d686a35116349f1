"""A circuit on the wire: what is known of a party that jobs call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidewheel.domain.fleet.circuit import Circuit, Phase
from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant, from_ms

_STATES: dict[Phase, Literal["closed", "open", "half_open"]] = {
    Phase.CLOSED: "closed",
    Phase.OPEN: "open",
    Phase.READY: "half_open",
    Phase.PROBED: "half_open",
}


class CircuitAnswer(Model):
    """How a party fares that jobs call: one that failed lately."""

    party: Annotated[
        str,
        Field(
            description="The kind of target and whom it calls, as in `http:host:port` or `lambda:function`.",
            examples=["http:api.example.com:443"],
        ),
    ]
    state: Annotated[
        Literal["closed", "open", "half_open"],
        Field(description="`closed`: it is called. `open`: nobody calls it. `half_open`: one run tries it."),
    ]
    failures: Annotated[int, Field(description="In a row; unless it is closed, those that opened it.")]
    failing_since: Instant | None = Field(description="When the first of them was counted.")
    open_until: Instant | None = Field(description="Until when nobody calls it, or called it before it was tried.")
    updated_at: Annotated[Instant, Field(description="When this was last written down. Most successes never are.")]


class CircuitList(Model):
    """A page of circuits, by party; the cursor is null on the last. A party that never failed has none."""

    items: tuple[CircuitAnswer, ...]
    cursor: str | None


def circuit_answer(circuit: Circuit, now_ms: int) -> CircuitAnswer:
    """A circuit as of now (ms)."""
    return CircuitAnswer(
        party=circuit.key,
        state=_STATES[circuit.phase(now_ms)],
        failures=circuit.failures,
        failing_since=from_ms(circuit.since_ms) if circuit.failures else None,
        open_until=from_ms(circuit.open_until_ms) if circuit.open_until_ms else None,
        updated_at=from_ms(circuit.written_ms),
    )
