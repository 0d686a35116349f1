"""A circuit on the wire: what is known of a party that jobs call."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote, unquote

from pydantic import Field

from tidewheel.domain.fleet.circuit import Circuit, Phase
from tidewheel.wire.model import Model
from tidewheel.wire.parameters import CIRCUIT_ID_PATTERN
from tidewheel.wire.values import Instant, from_ms

_STATES: dict[Phase, Literal["closed", "open", "half_open"]] = {
    Phase.CLOSED: "closed",
    Phase.OPEN: "open",
    Phase.READY: "half_open",
    Phase.PROBED: "half_open",
}


_ID = re.compile(CIRCUIT_ID_PATTERN, re.ASCII)


def circuit_id(party: str) -> str:
    """The id of a party's circuit: the party's key in characters that a URL's path takes as they are.

    ``~`` and two digits stand where percent-encoding has ``%``, which proxies and gateways decode in paths.
    """
    return quote(party, safe="", errors="surrogatepass").replace("~", "%7E").replace("%", "~")


def party_of(id: str) -> str | None:
    """The inverse of ``circuit_id``; None if the text is no such id."""
    if not _ID.fullmatch(id):
        return None
    try:
        party = unquote(id.replace("~", "%"), errors="strict")
    except UnicodeDecodeError:
        return None
    return party if circuit_id(party) == id else None


class CircuitAnswer(Model):
    """How a party fares that jobs call: one that failed lately."""

    id: Annotated[
        str,
        Field(
            description="Names it in paths: the party, with `~` and two digits for what a path does not take.",
            examples=["http~3Aapi.example.com~3A443~2Forders"],
        ),
    ]
    party: Annotated[
        str,
        Field(
            description="The kind of target and whom it calls, as in `http:host:port/path` or `lambda:function`.",
            examples=["http:api.example.com:443/orders"],
        ),
    ]
    state: Annotated[
        Literal["closed", "open", "half_open"],
        Field(
            description="`closed`: it is called. `open`: nobody calls it, but for runs that someone requested, one at "
            "a time. `half_open`: one run tries it."
        ),
    ]
    failures: Annotated[int, Field(description="In a row; unless it is closed, those that opened it.")]
    failing_since: Instant | None = Field(description="When the first of them was counted.")
    open_until: Instant | None = Field(description="Until when no schedule calls it; past once it may be tried.")
    updated_at: Annotated[Instant, Field(description="When this was last written down. Most successes never are.")]


class CircuitList(Model):
    """A page of circuits, by party; the cursor is null on the last. A party that never failed has none."""

    items: tuple[CircuitAnswer, ...]
    cursor: str | None


def circuit_answer(circuit: Circuit, now_ms: int) -> CircuitAnswer:
    """A circuit as of now (ms)."""
    return CircuitAnswer(
        id=circuit_id(circuit.key),
        party=circuit.key,
        state=_STATES[circuit.phase(now_ms)],
        failures=circuit.failures,
        failing_since=from_ms(circuit.since_ms) if circuit.failures else None,
        open_until=from_ms(circuit.open_until_ms) if circuit.open_until_ms else None,
        updated_at=from_ms(circuit.written_ms),
    )
