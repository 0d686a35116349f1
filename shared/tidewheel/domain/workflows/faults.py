"""What is wrong with a definition: every fault with its place, so that all are told at once."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Invalid

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


class Faulty(Invalid):
    """A definition has faults. Where only one ``Invalid`` is shown, it is the first of them.

    Args:
        faults: All of them, one or more.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults[0].path, faults[0].problem, faults[0].remedy)
        self.faults = faults
