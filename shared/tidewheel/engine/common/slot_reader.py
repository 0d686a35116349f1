"""Reads a slot page after page."""

from __future__ import annotations

from tidewheel.domain.wheel.levels import Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import Span
from tidewheel.ports import Wheel


def whole(wheel: Wheel, slot: Slot, span: Span) -> Load:
    """Everything that lies in a span of a slot.

    Raises:
        PortError: The wheel could not be read.
    """
    load = wheel.load(slot, span)
    singles, packs, damaged = dict(load.singles), dict(load.packs), list(load.damaged)
    while load.rest is not None:
        load = wheel.load(slot, load.rest)
        singles |= load.singles
        packs |= load.packs
        damaged += load.damaged
    return Load(singles, packs, damaged)
