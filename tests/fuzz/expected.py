"""What the fuzzer expects beside its own defaults, and why."""

from __future__ import annotations

NEGATIVE = ("400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429", "503")
"""Answers to requests that the document does not allow: a body that is too large is refused before it is read, and an
``If-Match`` before the body is applied."""
BY_ITSELF = ("200", *NEGATIVE)
"""The same of a call for many jobs, whose items are refused by themselves: the answer is 200, with their problems."""
POSITIVE = ("2xx", "401", "403", "404", "409", "412", "413", "422", "429", "503")
"""Answers to requests that the document allows: no schema says that an instant must not be past, that a cursor must be
of this list, or that two fields do not go together; the document says that the operation may answer 422."""
