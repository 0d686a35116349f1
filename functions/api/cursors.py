"""Cursors of lists: opaque to callers, and valid only for the list that gave them."""

from __future__ import annotations

import base64
import json

from tidewheel.domain.errors import Invalid


def cursor(kind: str, position: str | None) -> str | None:
    """The cursor for a position in a list; None for None.

    Args:
        kind: Which list it is; of lists of one thing, with that thing's id.
        position: Where the page ended.
    """
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([kind, position]).encode()).decode().rstrip("=")


def position(text: str, kind: str) -> str:
    """The position that a cursor of a list stands for.

    Raises:
        Invalid: It is not a cursor of this list.
    """
    try:
        match json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))):
            case [str(found), str(place)] if found == kind and text == cursor(kind, place):
                place.encode()  # a lone surrogate is no position, and no store takes it
                return place
    except (ValueError, RecursionError) as error:
        raise foreign_cursor() from error
    raise foreign_cursor()


def foreign_cursor() -> Invalid:
    """The error for a cursor that this list never gave."""
    return Invalid("cursor", "is not one of this list", "use the cursor of this list's last page, as it was")
