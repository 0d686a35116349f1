"""What an attempt calls, on the wire; the JSON form is also what a job's record keeps as its target's spec.

Each module here is one kind: a ``TargetModel`` whose ``kind`` is a ``Literal``. A module is all that a new one needs.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Union, get_args

from pydantic import Field

from tidewheel.wire.target import TargetModel


def _of(module: ModuleType) -> type[TargetModel]:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TargetModel) and value.__module__ == module.__name__
    ]
    (model,) = [value for value in own if get_args(value.model_fields["kind"].annotation)]
    return model


_FOUND = [_of(import_module(f"{__name__}.{found.name}")) for found in pkgutil.iter_modules(__path__)]

MODELS = {get_args(model.model_fields["kind"].annotation)[0]: model for model in _FOUND}
"""The models by kind."""

if len(MODELS) < len(_FOUND):
    raise TypeError(f"two modules of {__name__} are of one kind")

if TYPE_CHECKING:
    TargetBody = TargetModel
else:
    TargetBody = Annotated[Union[tuple(_FOUND)], Field(discriminator="kind")]  # noqa: UP007 - the parts are found
    """One of the targets, told apart by ``kind``."""
