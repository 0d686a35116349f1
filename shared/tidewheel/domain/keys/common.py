"""What the keys of all tables have in common: the bounds of a list, and how a prefix is taken off."""

from __future__ import annotations

from tidewheel.domain.errors import Unreadable

FIRST = " "
"""Sorts before every key that is made here: where an ascending list begins."""
LAST = "~"
"""Sorts after every key of the index ``by_failure``: where its descending list begins."""


def after(prefix: str, key: str) -> str:
    """What follows the prefix.

    Raises:
        Unreadable: The key does not begin with it.
    """
    if not key.startswith(prefix):
        raise Unreadable("key", key, f"expected {prefix}…")
    return key.removeprefix(prefix)
