"""Texts without their secrets."""

from __future__ import annotations

import pytest

from tidewheel.domain.jobs.concealing import Concealment, forms


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("plain", {"plain"}), ('a"b', {'a"b', 'a\\"b'}), ('ä"', {'ä"', '\\u00e4\\"', 'ä\\"', '\\xc3\\xa4"'})],
)
def test_a_secret_is_shown_as_it_is_or_as_json_or_python_has_it(secret: str, shown: set[str]) -> None:
    assert forms(secret) == shown


def test_what_no_text_can_hold_is_found_nowhere() -> None:
    assert Concealment().and_of(["\ud800", ""]).clean("a ä".encode()) == "a ä".encode()


def test_one_that_is_in_use_stays_as_it_is_when_more_become_known() -> None:
    """A call says what is secret while its worker takes the log, on another thread."""
    concealment = Concealment().and_of(["a"])

    class Text(bytes):
        def find(self, *sought: object) -> int:
            concealment.and_of(["b"])
            return super().find(*sought)  # type: ignore[arg-type]

    assert concealment.clean(Text(b"a b")) == b"*** b"
    assert concealment.and_of(["b"]).clean(b"a b") == b"*** ***"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("no head: b'correct horse bat'", "no head: b'***'"),
        ("ends in ry staple", "ends in ***"),
        ("correct horse battery staple, whole", "***, whole"),
        ("a horde", "a horde"),
        ("pin is tw", "pin is tw"),
        ("pin is two", "pin is ***"),
    ],
)
def test_a_part_of_a_secret_goes_too_where_a_text_quotes_what_was_cut_off(text: str, clean: str) -> None:
    concealment = Concealment().and_of(["correct horse battery staple", "two"])
    assert concealment.clean_of_parts(text.encode()).decode() == clean
