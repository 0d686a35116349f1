"""Keys of the Wheel table."""

from __future__ import annotations

import hashlib

from tidewheel.domain.keys.common import after
from tidewheel.domain.limits import SECOND_MS

SINGLES_FROM = "e#"
"""Wheel, sort: what the keys of singles begin with, and the lower bound of them all."""
SINGLES_END = "e$"
"""Wheel, sort: the first text after the keys of all singles; those of packs follow it."""
SLOT_END = "\U0010ffff"
"""Wheel, sort: the upper bound of a slot, of damaged keys too."""


def slot_partition(level: str, start_ms: int, shard: int) -> str:
    """Wheel, partition: a slot's entries, singles and packs, of one shard; ``start_ms`` is 0 for the late slot."""
    return f"{level}#{start_ms // SECOND_MS}#{shard:04d}"


def single_sort(due_ms: int, tenant: str, job: str, ref: str) -> str:
    """Wheel, sort: one entry by itself, ordered by due time; ``ref`` says what the entry stands for."""
    return f"{single_bound(due_ms)}#{tenant}#{job}#{ref}"


def single_bound(due_ms: int) -> str:
    """Wheel, sort: the lowest key of singles that are due at a time or later."""
    return f"{SINGLES_FROM}{due_ms:013d}"


def is_single_sort(key: str) -> bool:
    """Whether a sort key is a single's, not a pack's."""
    return key.startswith(SINGLES_FROM)


def due_of_single(key: str) -> int | None:
    """The due time (ms) that a single's sort key names; None if it names none."""
    if not is_single_sort(key):
        return None
    digits = after(SINGLES_FROM, key).partition("#")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def pack_sort(source: int, epoch: int, sequence: int) -> str:
    """Wheel, sort: a pack of entries. The shard that wrote it, its epoch and a sequence number make it unique."""
    return f"p#{source:04d}#{epoch:08d}#{sequence:08d}"


def quarantine_partition(shard: int) -> str:
    """Wheel, partition: what could not be understood of a shard, kept for people; it is no slot."""
    return f"quarantine#{shard:04d}"


def quarantine_sort(slot: str, key: str, text: str) -> str:
    """Wheel, sort: one thing in quarantine, by the slot (its partition key) and a hash of its key and text.

    Whoever finds the same again, after a crash, overwrites it.
    """
    digest = hashlib.blake2b(f"{key}\n{text}".encode(errors="replace"), digest_size=10).hexdigest()
    return f"{slot}#{digest}"
