"""``tidewheel audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.arguments import Cursor, Limit
from tidewheel.cli.options import prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import View


@prints_and_watches
def audit(
    context: typer.Context,
    *,
    view: View,
    start: Annotated[
        str | None, typer.Option("--from", help="From when on: 2026-11-20T16:47:00Z; else a day.", show_default=False)
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when; else now.", show_default=False)] = None,
    principal: Annotated[str | None, typer.Option(help="What it did, such as key:k1.", show_default=False)] = None,
    operation: Annotated[str | None, typer.Option(help="Of this kind, such as deleteJob.", show_default=False)] = None,
    subject: Annotated[str | None, typer.Option(help="About this id.", show_default=False)] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """Show who changed what and who was refused, the newest first; as JSON also what was before and after."""
    session(context).show_list(
        lambda api, most, after: api.audit_page(
            start=start, end=end, principal=principal, operation=operation, subject=subject, limit=most, cursor=after
        ),
        show.audit,
        limit=limit,
        cursor=cursor,
        view=view,
    )
