"""Cursors of lists: opaque to callers, and valid only for the list that gave them, asked for with the same filters."""

from __future__ import annotations

import base64
import json

from tidewheel.domain.errors import Invalid

MARK = "@"
"""Between the name of a list and the hash of what it was asked for."""


def cursor(kind: str, position: str | None) -> str | None:
    """The cursor for a position in a list; None for None.

    Args:
        kind: Which list it is, and what it was asked for, as ``Request.kind`` has it.
        position: Where the page ended.
    """
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([kind, position]).encode()).decode().rstrip("=")


def position(text: str, kind: str) -> str:
    """The position that a cursor of a list stands for.

    Raises:
        Invalid: It is not a cursor of this list, or was given for another question.
    """
    try:
        match json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))):
            case [str(found), str(place)] if text == cursor(found, place):
                place.encode()  # a lone surrogate is no position, and no store takes it
                if found == kind:
                    return place
                if found.partition(MARK)[0] == kind.partition(MARK)[0]:
                    raise other_question()
    except (ValueError, RecursionError) as error:
        raise foreign_cursor() from error
    raise foreign_cursor()


def other_question() -> Invalid:
    """The error for a cursor that this list gave for other filters, or to somebody else."""
    problem = "was given for other filters, another job, tenant or key"
    remedy = "send it with all that the last page was asked with; or leave it out, to begin anew"
    return Invalid("cursor", problem, remedy)


def foreign_cursor() -> Invalid:
    """The error for a cursor that this list never gave."""
    return Invalid("cursor", "is not one of this list", "use the cursor of this list's last page, as it was")
