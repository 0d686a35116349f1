"""Spans of a slot's sort keys: a large slot is read in several of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tidewheel.domain import keys
from tidewheel.domain.wheel.levels import RINGS, Slot

_WIDTHS = {ring.level: ring.slot_ms for ring in RINGS}
_MOST_SPANS = 8


@dataclass(frozen=True, slots=True)
class Span:
    """The sort keys from ``first`` to ``last``, both included; those up to ``after`` were read already."""

    first: str
    last: str
    after: str | None = None


EVERYTHING = Span(keys.FIRST, keys.SLOT_END)
SINGLES = Span(keys.SINGLES_FROM, keys.SINGLES_END)


def side_by_side(slot: Slot, rest: Span) -> Sequence[Span]:
    """What is left of a slot after its first page, as spans that may be read at the same time.

    Singles are sorted by due time, so what is left of them is cut into stretches of about the length that the first
    page covered, eight at most. Packs have no such order: the last span holds all of them.

    Args:
        slot: The slot.
        rest: What is left of ``EVERYTHING`` or ``SINGLES``.
    """
    due_ms, width = keys.due_of_single(rest.after or keys.FIRST), _WIDTHS.get(slot.level)
    if due_ms is None or width is None or not 0 <= due_ms - slot.start_ms < width:
        return [rest]
    left = slot.start_ms + width - due_ms
    count = min(_MOST_SPANS, -(-left // max(1, due_ms - slot.start_ms)))
    edges = [keys.single_bound(due_ms + left * n // count) for n in range(count)] + [keys.SINGLES_END]
    spans = [Span(first, last) for first, last in pairwise(edges)]
    spans[0] = replace(spans[0], after=rest.after)
    return spans if rest.last <= keys.SINGLES_END else [*spans, Span(keys.SINGLES_END, rest.last)]
