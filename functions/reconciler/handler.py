"""The reconciler: EventBridge calls it every few minutes, and each run continues the sweep over all jobs."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tidewheel.settings import ReconcilerSettings
from tidewheel.wiring.reconciler import reconciler

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """One run; the answer says how many jobs it checked, and for how many it put an entry back on the wheel."""
    flow = reconciler(ReconcilerSettings.from_env(os.environ))
    try:
        return asdict(flow.run())
    finally:
        flow.telemetry.flush()
