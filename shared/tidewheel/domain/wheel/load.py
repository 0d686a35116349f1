"""What a read of a slot found: entries, and items that cannot be understood."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.wheel.entries import Entry, decode
from tidewheel.domain.wheel.span import Span


@dataclass(frozen=True, slots=True)
class Damaged:
    """A single, or a line of a pack, that cannot be understood.

    Args:
        key: The sort key of its item.
        text: As it is stored.
        problem: What is wrong with it.
    """

    key: str
    text: str
    problem: str


@dataclass(frozen=True, slots=True)
class Load:
    """The content of a slot, or of a page of it.

    Args:
        singles: Entries that are items of their own, by sort key.
        packs: Entries that share an item, by sort key.
        damaged: What could not be understood; the entries beside it are not affected.
        rest: The span that is still to be read; None at the end of what was asked for.
    """

    singles: Mapping[str, Entry] = field(default_factory=dict)
    packs: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    damaged: Sequence[Damaged] = ()
    rest: Span | None = None

    @classmethod
    def of(cls, items: Iterable[tuple[str, Sequence[str]]], rest: Span | None = None) -> Load:
        """Decodes items: for each sort key, the line of a single or the lines of a pack."""
        singles: dict[str, Entry] = {}
        packs: dict[str, list[Entry]] = {}
        damaged: list[Damaged] = []
        for key, lines in items:
            for line in lines:
                try:
                    entry = decode(line)
                except Unreadable as error:
                    damaged.append(Damaged(key, line, error.problem))
                    continue
                if keys.is_single_sort(key):
                    singles[key] = entry
                else:
                    packs.setdefault(key, []).append(entry)
        return cls(singles, packs, damaged, rest)

    @property
    def packed(self) -> list[Entry]:
        """The entries of all packs."""
        return [entry for entries in self.packs.values() for entry in entries]

    @property
    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every entry with the sort key of its item."""
        yield from self.singles.items()
        for key, entries in self.packs.items():
            for entry in entries:
                yield key, entry

    @property
    def removable(self) -> set[str]:
        """The keys of all singles, also of those that are no entries: packs expire by themselves."""
        return {*self.singles, *(bad.key for bad in self.damaged if keys.is_single_sort(bad.key))}

    def __len__(self) -> int:
        return len(self.singles) + sum(map(len, self.packs.values())) + len(self.damaged)

    def without(self, known: Container[str]) -> Load:
        """The same without the singles, damaged or not, of some sort keys."""
        singles = {key: entry for key, entry in self.singles.items() if key not in known}
        return replace(self, singles=singles, damaged=[bad for bad in self.damaged if bad.key not in known])

    def portions(self, most: int) -> Iterator[Load]:
        """The same in parts of up to ``most`` entries, packs left whole; an empty load is one part."""
        singles: dict[str, Entry] = {}
        packs: dict[str, Sequence[Entry]] = {}
        damaged, held = self.damaged, 0
        for key, entries in (*((key, [entry]) for key, entry in self.singles.items()), *self.packs.items()):
            if held and held + len(entries) > most:
                yield Load(singles, packs, damaged)
                singles, packs, damaged, held = {}, {}, (), 0
            held += len(entries)
            if key in self.singles:
                singles[key] = entries[0]
            else:
                packs[key] = entries
        yield Load(singles, packs, damaged)
