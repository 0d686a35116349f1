"""The one canonical text of a JSON document, by which documents are compared and hashed."""

from __future__ import annotations

import json
from typing import Any


def canonical(document: Any) -> str:
    """The document as JSON text in one canonical form: sorted keys, no spaces.

    Raises:
        ValueError: It holds a number that JSON cannot hold (1e999 is read as infinity).
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
