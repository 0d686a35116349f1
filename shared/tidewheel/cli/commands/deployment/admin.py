"""``tidewheel admin …``."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.options import prints
from tidewheel.cli.session import session
from tidewheel.cli.views import View
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import DEFAULT_TENANT

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


@app.command()
def init(
    context: typer.Context,
    deployment: Annotated[
        str | None, typer.Option(help="The deployment's name; else tidewheel.", show_default=False)
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="The tenant in which the key acts; else default.", show_default=False)
    ] = None,
    role: Annotated[Role, typer.Option(help="What the key may do.")] = Role.PLATFORM_ADMIN,
    name: Annotated[str | None, typer.Option(help="The key's name, for people.", show_default=False)] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="A privileged kind of target that it grants; may be given again."),
    ] = None,
) -> None:
    """Make an API key, the first one of a deployment or any, and print its token: it is shown this once.

    It writes the table of keys itself. Region and credentials are found as the AWS SDK finds them.
    """
    arguments = ["--tenant", tenant or session(context).tenant or DEFAULT_TENANT, "--role", role.value]
    if deployment:
        arguments += ["--deployment", deployment]
    if name:
        arguments += ["--name", name]
    for kind in kinds or ():
        arguments += ["--kind", kind]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "tidewheel.wiring.admin", *arguments])  # noqa: S606 -- no shell
