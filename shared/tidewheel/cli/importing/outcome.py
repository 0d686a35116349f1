"""What became of each entry of a foreign schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class NotCarried(Exception):
    """An entry cannot be carried over.

    Args:
        problem: Why, as a sentence without a full stop.
        remedy: What can be done, as a sentence without a full stop.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Standing(StrEnum):
    """What became of an entry."""

    CARRIED = "carried over"
    DIFFERENT = "with a difference"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a job does not do what its entry did.

    Args:
        what: What differs, in a few words.
        theirs: How the other scheduler reads it.
        ours: How Tidewheel reads it.
    """

    what: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        """Both readings."""
        return f"{self.what}: there {self.theirs}; here {self.ours}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, manifest or schedule of a file.

    Args:
        where: The file, and the line or the name within it.
        text: What it says, in short.
        job: The job's body as ``POST /v1/jobs`` takes it; None if it is refused.
        differences: Where the job does something else.
        refusal: Why it is refused, if it is.
        notes: What is good to know, and changes nothing.
        paused: Whether it did not run there, so that its job is to be paused.
    """

    where: str
    text: str
    job: Mapping[str, Any] | None = None
    differences: tuple[Difference, ...] = ()
    refusal: NotCarried | None = None
    notes: tuple[str, ...] = ()
    paused: bool = False

    @property
    def standing(self) -> Standing:
        """What became of it."""
        if self.job is None:
            return Standing.REFUSED
        return Standing.DIFFERENT if self.differences else Standing.CARRIED

    def remarks(self) -> list[str]:
        """Why it is refused, what differs, and what is good to know: sentences without full stops."""
        told = [str(self.refusal)] if self.refusal else []
        return [*told, *map(str, self.differences), *self.notes]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file came to.

    Args:
        entries: In the order of the file.
        notes: What holds for all of them.
    """

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def joined(readings: Iterable[Reading]) -> Reading:
    """Several readings as one: each remark once, and each job under a name of its own."""
    every = list(readings)
    notes = dict.fromkeys(remark for one in every for remark in one.notes)
    return Reading(_named(entry for one in every for entry in one.entries), tuple(notes))


def _named(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries; a job whose name another one had before gets a number behind it."""
    taken: set[str] = set()
    found = []
    for entry in entries:
        if entry.job is None:
            found.append(entry)
            continue
        plain = name = entry.job["name"]
        number = 1
        while name in taken:
            number += 1
            name = f"{plain} {number}"
        taken.add(name)
        found.append(entry if name == plain else replace(entry, job={**entry.job, "name": name}))
    return tuple(found)
