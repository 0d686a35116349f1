"""Items of DynamoDB: attributes, keys and times to live, and how damage in them is reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Page

T = TypeVar("T")
Item = Mapping[str, Any]
"""An item as the client answers it."""
NewItem = dict[str, dict[str, str]]
"""An item, or the key of one, as it is sent."""
Attributes = Mapping[str, dict[str, str] | None]
"""An item with the names that it does not have, for which None stands."""


def text(value: str) -> dict[str, str]:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> dict[str, str]:
    """A number attribute."""
    return {"N": str(value)}


def optional_text(value: str) -> dict[str, str] | None:
    """A string attribute; None for an empty one, which is not stored."""
    return text(value) if value else None


def optional_number(value: int | None) -> dict[str, str] | None:
    """A number attribute; None for None, which is not stored."""
    return None if value is None else number(value)


def document(value: object) -> dict[str, str]:
    """A value as compact JSON in a string attribute."""
    return text(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def ttl(expires_ms: int | None) -> dict[str, str] | None:
    """A time to live, in whole seconds as DynamoDB wants it; None for what does not expire."""
    return None if expires_ms is None else number(-(-expires_ms // SECOND_MS))


def item_key(partition: str, sort: str) -> NewItem:
    """The key of an item in a table that has sort keys."""
    return {"pk": text(partition), "sk": text(sort)}


def without_nones(item: Attributes) -> NewItem:
    """The item without its absent attributes."""
    return {name: value for name, value in item.items() if value is not None}


def get_text(item: Item, name: str, default: str = "") -> str:
    """A string attribute's value, or the default."""
    return str(item[name]["S"]) if name in item else default


def get_number(item: Item, name: str) -> int | None:
    """A number attribute's value, or None."""
    return int(item[name]["N"]) if name in item else None


def reads(what: str) -> Callable[[Callable[[Item], T]], Callable[[Item], T]]:
    """Has the function that makes an object of an item raise ``Unreadable`` for one of another version, or damaged.

    Args:
        what: The kind of item, such as ``job``.
    """

    def checked(read: Callable[[Item], T]) -> Callable[[Item], T]:
        @wraps(read)
        def checking(item: Item) -> T:
            try:
                return read(item)
            except (KeyError, ValueError, TypeError, AttributeError, Unreadable) as error:
                key = f"{get_text(item, 'pk')}/{get_text(item, 'sk')}"
                raise Unreadable(what, key, f"{type(error).__name__}: {error}") from error

        return checking

    return checked


def read_page(page: Mapping[str, Any], key: str, read: Callable[[Item], T]) -> Page[T]:
    """A query's answer as a page; ``key`` names the attribute that holds an item's id."""
    items: list[T] = []
    unreadable: list[Unreadable] = []
    for item in page["Items"]:
        try:
            items.append(read(item))
        except Unreadable as error:
            unreadable.append(error)
    more = page["Items"] and "LastEvaluatedKey" in page
    return Page(items, page["Items"][-1][key]["S"] if more else None, unreadable)
