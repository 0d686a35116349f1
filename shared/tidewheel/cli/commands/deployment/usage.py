"""``tidewheel usage``."""

from __future__ import annotations

import typer

from tidewheel.cli import show
from tidewheel.cli.options import prints
from tidewheel.cli.session import session
from tidewheel.cli.views import View


@prints
def usage(context: typer.Context, *, view: View) -> None:
    """Show the limits of your tenant, and what is used of them."""
    session(context).show(lambda api: api.usage(), show.usage, view=view)
