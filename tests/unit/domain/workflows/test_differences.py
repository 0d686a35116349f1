"""What differs between two definitions."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.workflows.differences import differences


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("a", "changed", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("a", "changed", 1, 1.0)]),
        ({"a": None}, {}, [("a", "removed", None, None)]),
        ({}, {"a": None}, [("a", "added", None, None)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "d": 2}}, [("a.c", "removed", 2, None), ("a.d", "added", None, 2)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", "changed", [1, 2], [2, 1])]),
        ({"a": {}}, {"a": []}, [("a", "changed", {}, [])]),
        (
            {"b": 1, "a": {"x": {"y": 1}}},
            {"a": {"x": {"y": 2}}},
            [("a.x.y", "changed", 1, 2), ("b", "removed", 1, None)],
        ),
    ],
)
def test_differences(before: dict[str, Any], after: dict[str, Any], told: list[Any]) -> None:
    found = [(one.path, one.kind.value, one.before, one.after) for one in differences(before, after)]
    assert found == told
