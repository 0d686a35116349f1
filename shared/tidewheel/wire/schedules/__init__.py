"""A schedule on the wire. Each module here is one kind, a ``ScheduleModel``, found by being here.

The kind's class in ``domain/recurrence/timings`` says which instants it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Tag

from tidewheel.domain.discovery import classes_of, modules_of
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.wire.bodies.schedule import ScheduleModel

_FOUND = [
    found
    for module in modules_of(__name__)
    for found in classes_of(module, ScheduleModel)  # type: ignore[type-abstract] # its subclasses are asked for
]

MODELS = {model.KIND: model for model in _FOUND}
"""The models by the field that makes a schedule what it is."""

_BY_TIMING = {model.TIMING: model for model in _FOUND}

if not len(MODELS) == len(_BY_TIMING) == len(_FOUND):
    raise TypeError(f"two models in {__name__} are of one kind")


def kind_of(value: Any) -> str | None:
    """The kind of a schedule, as a model or as the JSON object that was sent; None if that names none or several."""
    if isinstance(value, ScheduleModel):
        return value.KIND
    named = [kind for kind in MODELS if value.get(kind) is not None] if isinstance(value, Mapping) else []
    return named[0] if len(named) == 1 else None


if TYPE_CHECKING:
    ScheduleBody = ScheduleModel
else:
    ScheduleBody = Annotated[
        Union[tuple(Annotated[model, Tag(kind)] for kind, model in MODELS.items())],  # noqa: UP007 - the parts are found
        Discriminator(kind_of),
    ]
    """A schedule of one of the kinds."""


def body_of(timing: Timing) -> ScheduleModel:
    """The schedule on the wire that stands for a timing."""
    return _BY_TIMING[type(timing)].of(timing)
