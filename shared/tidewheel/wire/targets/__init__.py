"""What an attempt calls, on the wire. The JSON form of a model is also the spec that a job's record keeps.

Each module here is one kind: a ``TargetModel`` whose ``kind`` is a ``Literal``. Its model and its adapter (a module in
``adapters/targets`` or ``adapters/aws/targets``) are all that a new kind needs: the model also declares what the
circuit breaker and the deployment have to know of it (see ``TargetModel``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Union, get_args

from pydantic import Field

from tidewheel.domain.discovery import classes_of, modules_of
from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.jobs.job import Target
from tidewheel.wire.bodies.target import TargetModel


def _kind_of(model: type[TargetModel]) -> str:
    """The text of its ``Literal``; empty for a part of a model, which has none."""
    return str(*get_args(model.model_fields["kind"].annotation))


def _model_of(module: ModuleType) -> type[TargetModel]:
    (model,) = [found for found in classes_of(module, TargetModel) if _kind_of(found)]
    return model


MAX_CIRCUIT_KEY = 400
"""The longest key of a circuit in characters: a sort key takes 1,024 bytes (Amazon DynamoDB, quotas)."""

_FOUND = [_model_of(module) for module in modules_of(__name__)]

MODELS = {_kind_of(model): model for model in _FOUND}
"""The models by kind."""

PRIVILEGED = frozenset(kind for kind, model in MODELS.items() if model.PRIVILEGED)
"""The kinds that a deployment has to allow for each pool that is to run them."""


def allowed_kinds(by_pool: Mapping[str, frozenset[str]]) -> AllowedKinds:
    """Which kinds run where, given the privileged ones by pool."""
    return AllowedKinds(PRIVILEGED, by_pool)


if len(MODELS) < len(_FOUND):
    raise TypeError(f"two modules of {__name__} are of one kind")

if TYPE_CHECKING:
    TargetBody = TargetModel
    CallBody = TargetModel
else:
    TargetBody = Annotated[Union[tuple(_FOUND)], Field(discriminator="kind")]  # noqa: UP007 - the parts are found
    """One of the targets, told apart by ``kind``."""
    _CALLS = tuple(model for model in _FOUND if model.IS_CALL)
    CallBody = Annotated[Union[_CALLS], Field(discriminator="kind")]  # noqa: UP007 - the parts are found
    """One of those that a step of a workflow may call."""


def circuit_key(target: Target) -> str:
    """The key of a target's circuit: ``<kind>:<party>``, as in ``http:example.com:443/orders``.

    Targets with one key share a circuit. Empty if the target has none: it calls no party, its job wants none, or it is
    of a kind that this release does not know. A long key is cut, and ends in a hash of the whole.
    """
    model = MODELS.get(target.kind)
    party = model.party(target.spec) if model else ""
    key = f"{target.kind}:{party}" if party else ""
    return key if len(key) <= MAX_CIRCUIT_KEY else f"{key[: MAX_CIRCUIT_KEY - 17]}~{stable_hash(key):016x}"
