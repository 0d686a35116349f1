"""The health on the wire, and the operator's switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from tidewheel.domain.fleet.health import Health as Judged
from tidewheel.domain.limits import SWITCH_CHARS
from tidewheel.wire import VERSION
from tidewheel.wire.model import Model, printable
from tidewheel.wire.refused import Refused, of_validation
from tidewheel.wire.values import Instant, from_ms


class HealthReason(Model):
    """Why a state holds."""

    id: str = Field(
        description="What says so: `queue-age`, `behind`, `overdue`, `throttled`, `store`, `operator`, `store-away`; "
        "or `silent`, where nobody has measured lately.",
        examples=["queue-age"],
    )
    text: str = Field(examples=["a message has waited 42 s for a worker of lambda-normal"])


class Health(Model):
    """That the API answers, and how much the deployment takes on."""

    status: Literal["ok"] = Field(description="The API answers.")
    version: str
    state: Literal["normal", "busy", "overloaded", "read-only"] = Field(
        "normal",
        description="`busy`: priority `low` is held back. `overloaded`: creating work is refused as well. "
        "`read-only`: every change is refused. What was accepted goes on.",
    )
    since: Instant | None = Field(None, description="Since when; null if that is not known.")
    reasons: tuple[HealthReason, ...] = Field((), description="Why; none where nothing is amiss.")


def health_answer(health: Judged) -> Health:
    """The health as the API tells it."""
    return Health(
        status="ok",
        version=VERSION,
        state=health.state.value,
        since=from_ms(health.since_ms) if health.since_ms else None,
        reasons=tuple(HealthReason(id=reason.id, text=reason.text) for reason in health.reasons),
    )


class ModeBody(Model):
    """How the operator's switch is to stand."""

    read_only: bool = Field(description="Whether every change is refused.")
    reason: Annotated[str, Field(max_length=SWITCH_CHARS), AfterValidator(printable)] = Field(
        "", description="Why, for whoever is refused; everybody may read it."
    )


def read_mode(document: Mapping[str, Any]) -> ModeBody:
    """Reads the body of a request to set the switch.

    Raises:
        Refused: Names the offending fields.
    """
    try:
        return ModeBody.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(ModeBody.model_fields)})) from error
