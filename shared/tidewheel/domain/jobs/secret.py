"""References to secrets: what a job's definition holds instead of a secret itself.

An object such as ``{"secret": "billing-token", "prefix": "Bearer "}`` stands for a text that only the call gets to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_.@+=-]{1,128}", re.ASCII)
"""What a secret may be called. No slash: that parts deployment, tenant and name where secrets lie."""

_FIELDS = frozenset({"secret", "key", "prefix"})


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a text comes from.

    Args:
        name: The secret's name, which is the tenant's own.
        key: The field of a secret that is a JSON object; empty for the whole text.
        prefix: What stands before it, such as ``Bearer ``.
    """

    name: str
    key: str = ""
    prefix: str = ""


def reference_of(value: object) -> Reference | None:
    """What an object of these fields, and no others, refers to; None of all else, which is plain data."""
    if not isinstance(value, Mapping) or "secret" not in value or not value.keys() <= _FIELDS:
        return None
    if not all(isinstance(part, str) for part in value.values()):
        return None
    return Reference(value["secret"], value.get("key", ""), value.get("prefix", ""))


def references_in(value: Any) -> Iterator[Reference]:
    """All references in a JSON value, at any depth."""
    reference = reference_of(value)
    if reference is not None:
        yield reference
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from references_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from references_in(part)
