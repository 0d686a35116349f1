"""Takes out of a document what looks like a secret: what the audit log keeps of a definition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "***"
_NAMES = re.compile(
    r"authorization|cookie|secret|token|passw|credential|api[-_]?key|private[-_]?key|access[-_]?key|signature|^x-.*-key$|^pwd$|^auth$",
    re.IGNORECASE,
)
_REFERENCE = frozenset({"secret", "key", "prefix"})
"""What a reference to a secret holds: its name, and no secret."""
_USER = re.compile(r"(?<=://)[^/?\x23@\s]+(?=@)")
_PARAMETER = re.compile(r"([?&;])([^=&;\x23\s]+)=([^&;\x23\s]*)")


def masked(value: Any, *, references: bool = True) -> Any:
    """A JSON value with a mask in the place of what looks like a secret.

    That is: whatever stands under a name such as ``Authorization``, ``password`` or ``api_key``; a user's name and
    password in a URL; and the value of a query parameter with such a name; also within a text that is JSON. References
    to secrets stay, since they hold only a name. A secret under any other name stays, too: only a reference keeps it
    out of a definition.

    Args:
        value: The value.
        references: Whether an object such as ``{"secret": "billing"}`` is a reference where the value stands; if not,
            it holds what its name says.
    """
    if isinstance(value, Mapping):
        return dict(value) if references and _is_reference(value) else masked_fields(value, references=references)
    if isinstance(value, str):
        return _of_json(value, references=references) or _PARAMETER.sub(_parameter, _USER.sub(MASK, value))
    if isinstance(value, Sequence):
        return [masked(inner, references=references) for inner in value]
    return value


def _of_json(text: str, *, references: bool) -> str:
    """A text that is a JSON object or list, masked; empty for any other, and for one with nothing to mask."""
    if text.lstrip()[:1] not in {"{", "["}:
        return ""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    found = masked(document, references=references)
    return "" if found == document else json.dumps(found, ensure_ascii=False)


def masked_fields(value: Mapping[str, Any], *, references: bool) -> dict[str, Any]:
    """The same of an object that is no reference itself, whatever its names are."""
    return {
        name: MASK if _hides(str(name), inner, references=references) else masked(inner, references=references)
        for name, inner in value.items()
    }


def _hides(name: str, value: Any, *, references: bool) -> bool:
    if isinstance(value, Mapping):
        return not (references and _is_reference(value)) and _NAMES.search(name) is not None
    named = isinstance(value, str) and value.startswith("arn:")  # the ARN of a secret is its name
    return value not in (None, "", True, False) and not named and _NAMES.search(name) is not None


def _is_reference(value: Mapping[str, Any]) -> bool:
    return "secret" in value and value.keys() <= _REFERENCE


def _parameter(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}={MASK if _NAMES.search(found[2]) else found[3]}"
