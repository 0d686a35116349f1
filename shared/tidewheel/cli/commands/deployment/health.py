"""``tidewheel health``."""

from __future__ import annotations

import typer

from tidewheel.cli import show
from tidewheel.cli.options import prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import View


@prints_and_watches
def health(context: typer.Context, *, view: View) -> None:
    """Show how much the deployment takes on at present, and why."""
    session(context).show(lambda api: api.health(), show.health, view=view)
