"""The kinds of schedule. Each module here is one: a ``Timing``, found by being here.

Its model in ``wire/schedules`` says how a job's owner writes it.
"""

from __future__ import annotations

from tidewheel.domain.discovery import classes_of, modules_of
from tidewheel.domain.recurrence.timing import Timing

_FOUND = [
    found
    for module in modules_of(__name__)
    for found in classes_of(module, Timing)  # type: ignore[type-abstract] # its subclasses are asked for
]

TIMINGS = {found.FIELDS: found for found in _FOUND}
"""The kinds by the fields of their documents."""

if len(TIMINGS) < len(_FOUND):
    raise TypeError(f"two classes in {__name__} have the same fields")
