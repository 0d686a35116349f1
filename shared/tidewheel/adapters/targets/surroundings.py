"""What a target's adapter may use of the worker that it runs in."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.adapters.targets.program_user import ProgramUser
from tidewheel.domain.fleet.networks import Network
from tidewheel.ports import Clock, Secrets


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every kind's ``make`` is given.

    Args:
        secrets: Where the secrets lie that jobs name.
        allowed_networks: Networks that jobs may call although they are not public.
        clock: Time.
        program_user: Under whom programs run; None for the worker's own user.
    """

    secrets: Secrets
    allowed_networks: tuple[Network, ...]
    clock: Clock
    program_user: ProgramUser | None = None
