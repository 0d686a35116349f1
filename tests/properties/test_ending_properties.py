"""The end of an output, whatever it holds and however it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewheel.adapters.targets.answers import Tail, ending
from tidewheel.domain.limits import OUTPUT_BYTES

SECRETS = st.lists(st.text("ab", min_size=1, max_size=40), max_size=3)
TEXTS = st.text("abä🌊", max_size=3 * OUTPUT_BYTES)


@given(st.binary(max_size=4 * OUTPUT_BYTES))
def test_the_end_is_text_and_never_too_long(output: bytes) -> None:
    text = ending(output)
    assert len(text.encode()) <= OUTPUT_BYTES
    assert "\x00" not in text


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=2 * OUTPUT_BYTES))
def test_of_a_text_it_is_the_end_without_the_half_of_a_character(output: str) -> None:
    text = ending(output.encode())
    cut = max(0, len(output.encode()) - OUTPUT_BYTES)
    assert output.endswith(text.removeprefix("\ufffd" * (len(text) - len(text.lstrip("\ufffd")))))
    assert len(output.encode()) - cut - len(text.lstrip("\ufffd").encode()) <= 3 * (cut > 0) + 3 * output.count(
        "\ufffd"
    )


@given(TEXTS.map(str.encode), st.lists(st.integers(1, 50), max_size=60), SECRETS)
def test_in_pieces_it_is_what_it_is_in_one(output: bytes, cuts: list[int], secrets: list[str]) -> None:
    """And what stands there of a secret was never one: nothing of it is left that the whole would not leave."""
    whole, parts = Tail(secrets), Tail(secrets)
    whole.add(output)
    start = 0
    for cut in cuts:
        parts.add(output[start : start + cut])
        start += cut
    parts.add(output[start:])
    assert parts.text() == whole.text()
    for tail in (whole, parts):
        assert not any(secret in tail.text() for secret in secrets if len(secret) > 1)
