"""Successful answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from aws_lambda_powertools.event_handler import Response

from functions.api.cursors import cursor
from tidewheel.domain.limits import ANSWER_BYTES, ANSWER_SENT_BYTES
from tidewheel.engine.api.lists import Listed
from tidewheel.wire.model import Model

T = TypeVar("T")
_FRAME = 5_000
"""More bytes than a list's answer has besides its items: its cursor, its other fields, its headers."""


def answered(model: Model, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    """An answer whose body is a model, as JSON."""
    return Response(status, "application/json", model.model_dump_json(), headers=dict(headers or {}))


def answered_page(page: Listed[T], kind: str, answer: Callable[[T], Model], model: type[Model]) -> Response[str]:
    """An answer with as many items of a page as fit one answer; the cursor goes on after the last of them.

    Args:
        page: The items, with where the list goes on.
        kind: Which list it is, as for ``cursor``.
        answer: Makes an item's model.
        model: The list's model, which has ``items`` and ``cursor``.
    """
    items = tuple(map(answer, page.items))
    count = fitting(items)
    position = page.cursor if count == len(items) else page.position(page.items[count - 1])
    return answered(model.model_validate({"items": items[:count], "cursor": cursor(kind, position)}))


def fitting(items: Iterable[Model]) -> int:
    """How many of a list's items one answer holds: all, or as many as stay below the limits of an answer's size.

    The first is held whatever its size. The limits are ``limits.ANSWER_BYTES`` and ``limits.ANSWER_SENT_BYTES``.
    """
    count, size, sent = 0, _FRAME, _FRAME
    for item in items:
        text = item.model_dump_json()
        size += len(text.encode()) + 1
        sent += len(json.dumps(text))
        if count and (size >= ANSWER_BYTES or sent >= ANSWER_SENT_BYTES):
            break
        count += 1
    return count
