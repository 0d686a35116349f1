"""References to secrets: what a job's definition holds instead of a secret itself.

An object such as ``{"secret": "billing-token", "prefix": "Bearer "}`` stands for a text that is read for the call only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_.@+=-]{1,128}", re.ASCII)
"""The allowed names of secrets. No slash: it separates deployment, tenant and name in Secrets Manager."""

_FIELDS = frozenset({"secret", "key", "prefix"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a secret.

    Args:
        name: The secret's name within the tenant.
        key: The field of a secret that is a JSON object; empty for the whole text.
        prefix: Text to put before it, such as ``Bearer ``.
    """

    name: str
    key: str = ""
    prefix: str = ""


def reference_of(value: object) -> Reference | None:
    """The reference that an object with these fields and no others stands for; None for any other value."""
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
