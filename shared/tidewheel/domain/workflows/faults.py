"""What is wrong with a definition: every fault with its place, so that all are told at once."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document.

    Args:
        path: Where, in the API's spelling, such as ``steps.load.needs.0.when``.
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


def below(path: str, name: str | int) -> str:
    """The path of what lies under a name, or at an index, of what lies at a path; empty for the whole document."""
    return f"{path}.{name}" if path else str(name)


def told(value: object) -> str:
    """A value for people: on one line, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
