"""``tidewheel admin …``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.options import prints
from tidewheel.cli.session import session
from tidewheel.cli.views import View

app = typer.Typer(no_args_is_help=True, help="Run a deployment; for those with the role platform-admin.")


class Switch(StrEnum):
    """How a switch is to stand."""

    ON = "on"
    OFF = "off"


@app.command("read-only")
@prints
def read_only(
    context: typer.Context,
    switch: Annotated[Switch, typer.Argument(help="on or off.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; whoever is refused reads it.", show_default=False)] = "",
    *,
    view: View,
) -> None:
    """Have the API refuse every change, or allow it again; what was accepted goes on."""
    on = switch is Switch.ON
    session(context).show(lambda api: api.set_read_only(on, reason), show.health, view=view)
