"""``tidewheel doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version

import typer

from tidewheel.cli.deployments.checking import Found, checks
from tidewheel.cli.exits import ExitStatus
from tidewheel.cli.options import prints
from tidewheel.cli.session import session
from tidewheel.cli.tables import Rows
from tidewheel.cli.views import View
from tidewheel.client import moment
from tidewheel.client.transport import unheard


@prints
def doctor(context: typer.Context, *, view: View) -> None:
    """Check whether the deployment can be worked with: network, clock, versions, scheduler, sign-in, limits.

    Exit status 1 if a check failed.
    """
    here = session(context)
    deployment = here.deployment()
    with here.connect(deployment, unheard) as api:
        found = list(checks(api, deployment, version("tidewheel"), moment.now))
    view.print(
        lambda: (found, json.dumps([asdict(one) for one in found])),
        lambda rows: Rows(
            ("CHECK", "FOUND", "DETAIL", "REMEDY"), [(r.what, r.found, r.detail, r.remedy) for r in rows]
        ),
        here.wait,
    )
    if any(one.found is Found.FAILED for one in found):
        raise typer.Exit(ExitStatus.REFUSED)
