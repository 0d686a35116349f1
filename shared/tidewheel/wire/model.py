"""The base of all wire models, and the errors of their validators."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Frozen and strict about types. Unknown fields are refused, so that a misspelt one is not silently ignored.

    A client, whose service may be of a newer release, validates with ``extra="ignore"``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """The error that a validator raises.

    Args:
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """
    return PydanticCustomError("refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def shown(value: object, length: int = 60) -> str:
    """A value for an error message: on one line, cut off after ``length`` characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    """A validator: the text, if it is one printable line."""
    if not text.isprintable():
        raise refusal(f"{shown(text)} holds a control character", "use printable characters on one line")
    return text
