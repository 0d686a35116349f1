"""The base of all wire models, and how they refuse."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Frozen, exact about types, and without fields that it does not know: a misspelt one must not be lost.

    A reader of answers that may come from a newer release passes ``extra="ignore"`` when it validates.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """What a validator raises: the two halves of what a user reads.

    Args:
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """
    return PydanticCustomError("refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def shown(value: object, length: int = 60) -> str:
    """A value as a message shows it: on one line, and cut off where it is long."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    """The text, if it is one printable line; to be used as a validator."""
    if not text.isprintable():
        raise refusal(f"{shown(text)} holds a control character", "use printable characters on one line")
    return text
