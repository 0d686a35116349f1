"""YAML that means one thing, read and written."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tidewheel.cli.files.yaml_text import MOST_NODES, Unreadable, documents, written

SURPRISES = [
    "on",
    "no",
    "y",
    "12:30",
    "010",
    "0x1f",
    "1_000",
    "2026-01-01",
    "1e5",
    "~",
    "null",
    "<<",
    "=",
    "",
    " x",
    ".5",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(SURPRISES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
@example({"a": SURPRISES, "<<": 1, "on": None})
@example("a\nb\n")
@example("a\n b\n\n")
@example("\n a")
def test_what_is_written_is_read_again(value: object) -> None:
    found = [one.value for one in documents(written({"value": value}))]
    assert found == [{"value": value}]
    assert repr(found[0]["value"]) == repr(value)  # 1.0 is not 1, and True neither


@given(st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(SURPRISES))
def test_other_readers_of_yaml_take_a_text_for_a_text(text: str) -> None:
    assert yaml.safe_load(written({"value": text})) == {"value": text}


@pytest.mark.parametrize("text", [one for one in SURPRISES if one not in {"~", "null", "1e5", "<<", ""}])
def test_what_other_versions_of_yaml_read_otherwise_is_text(text: str) -> None:
    assert [one.value for one in documents(f"a: {text}\n")] == [{"a": text.strip()}]


def test_values_are_those_of_json() -> None:
    text = "[~, null, true, FALSE, 5, -1, 1.5, 1e3, '5', !!str 5, {on: 1}]"
    assert [one.value for one in documents(text)] == [
        [None, None, True, False, 5, -1, 1.5, 1000.0, "5", "5", {"on": 1}]
    ]
    assert list(documents("# nothing\n---\n---\n")) == []
    assert math.isclose(next(iter(documents("1.25e-3"))).value, 0.00125)


def test_anchors_are_followed_and_merged() -> None:
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [{a: 9}, *x]}\n"
    (document,) = documents(text)
    assert document.value == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 9, "b": 2}}


def test_every_value_has_its_line() -> None:
    (document,) = documents("a: 1\nb:\n  - c: 2\n    d: [3,\n      4]\n")
    assert [document.line(path) for path in [("a",), ("b", 0, "c"), ("b", 0, "d"), ("b", 0, "d", 1)]] == [1, 3, 4, 5]
    assert document.line(("b", 0, "gone", "too")) == 3


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: 1\na: 2", 2, "'a' is given twice, first in line 1"),
        ("a: {b: 1,\n b: 2}", 2, "'b' is given twice"),
        ("a:\n\tb: 1", 2, "it is no YAML"),
        ("a: [", 2, "it is no YAML"),
        ("a: &x [*x]", 1, "inside what it stands for"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !secret x", 1, "tag"),
        ("? [1]\n: 2", 1, "no text"),
        ("a: {<<: 5}", 1, "no mapping"),
        ("a: 1e999", 1, "too large"),
        (f"a: {'9' * 5000}", 1, "too large"),
        ("a: \x01", None, "it is no YAML"),
        ("a: *nobody", 1, "it is no YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int | None, told: str) -> None:
    with pytest.raises(Unreadable) as error:
        list(documents(text))
    assert told in error.value.problem
    assert error.value.line == line
    assert error.value.remedy


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    text = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    with pytest.raises(Unreadable, match=str(MOST_NODES)):
        list(documents(text))
