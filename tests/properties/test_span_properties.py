"""What is left of a slot, cut into spans: every key lies in exactly one of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.world_examples import NOW_MS
from tidewheel.domain import keys
from tidewheel.domain.wheel.levels import RINGS, Slot, late
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span, side_by_side

_SLOTS = [Slot(ring.level, ring.start_of(NOW_MS), 0) for ring in RINGS] + [late(0)]
_WIDEST_MS = max(ring.slot_ms for ring in RINGS)
_dues = st.integers(-2_000, 70_000) | st.integers(0, _WIDEST_MS)
_singles = st.builds(lambda due, job: f"e#{NOW_MS - 60_000 + due:013d}#acme#{job}#o1", _dues, st.sampled_from("abc"))
_packs = st.builds(keys.pack_sort, st.integers(0, 20), st.integers(1, 9), st.integers(0, 500))
_odd = st.sampled_from(["?", "e", "e#", "e#bad", "e#1", "e#²", "p#bad", "z", "☂"])


def holds(span: Span, key: str) -> bool:
    return span.first <= key <= span.last and (span.after is None or key > span.after)


@given(
    st.sampled_from(_SLOTS),
    st.sampled_from([EVERYTHING, SINGLES]),
    st.sets(_singles | _packs | _odd, min_size=1),
    st.data(),
)
def test_every_key_that_is_left_lies_in_one_span(slot: Slot, span: Span, keys: set[str], data: st.DataObject) -> None:
    asked = sorted(key for key in keys if holds(span, key))
    if not asked:
        return
    rest = replace(span, after=data.draw(st.sampled_from(asked)))
    spans = side_by_side(slot, rest)
    assert 1 <= len(spans) <= 9
    for key in keys:
        assert sum(holds(part, key) for part in spans) == holds(rest, key), key


def test_windows_are_about_as_wide_as_the_first_page() -> None:
    minute = Slot(RINGS[3].level, NOW_MS, 0)

    def windows(due_ms: int) -> int:
        return len(side_by_side(minute, replace(SINGLES, after=f"e#{NOW_MS + due_ms:013d}#acme#j#o1")))

    assert [windows(due_ms) for due_ms in (0, 1_000, 10_000, 20_000, 45_000, 59_999)] == [8, 8, 5, 2, 1, 1]
