"""The base of all wire models, and the errors of their validators."""

from __future__ import annotations

import unicodedata

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


_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_SPACES = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
LINE_PATTERN = rf"[^{_CONTROLS}]*"
"""Of what ``printable`` accepts, for the document. Halves of characters are left out: no JSON text holds any."""
TRIMMED_PATTERN = rf"[^{_CONTROLS}{_SPACES}](?:[^{_CONTROLS}]*[^{_CONTROLS}{_SPACES}])?"
"""The same, without a space at its ends."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They change the direction of the text that follows, so that it reads as another one."""
_UNFIT = {"Cc": "a control character", "Cs": "half of a character", "Zl": "a line break", "Zp": "a line break"}


def unfit(character: str) -> str | None:
    """What a character is that has no place in a line of text; None for the letters and signs of any language."""
    return "a change of the reading direction" if character in _TURNS else _UNFIT.get(unicodedata.category(character))


def printable(text: str) -> str:
    """A validator: the text, if it is one line, in any language."""
    for one in text:
        if problem := unfit(one):
            code = f"U+{ord(one):04X}"
            raise refusal(f"{shown(text)} holds {problem}, {code}", f"leave {code} out")
    return text
