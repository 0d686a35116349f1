"""The sample target: what it is asked, it answers."""

from __future__ import annotations

import pytest

from functions.echo.handler import handler


@pytest.mark.parametrize("event", [{"payload": {"a": 1}, "tidewheel": {"attempt": 1}}, None, [], "text", 0])
def test_it_answers_what_it_was_asked(event: object) -> None:
    assert handler(event, None) == {"echo": event}
