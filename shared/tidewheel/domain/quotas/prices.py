"""What a run costs at AWS's list prices: the one place from which the product estimates dollars.

It is an estimate. ``shared/docs/operations/cost.md`` shows what it is made of, and a test compares the two.
"""

from __future__ import annotations

from typing import Final

DOLLARS_PER_RUN: Final = 4.88 / 1_000_000
"""Of a run that shares nothing with others, whose target answers within 0.1 s: us-east-1, November 2026."""
