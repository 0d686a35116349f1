"""``tidewheel circuits``."""

from __future__ import annotations

import typer

from tidewheel.cli import show
from tidewheel.cli.jobs import Cursor, Json, Limit
from tidewheel.cli.session import session


def circuits(context: typer.Context, limit: Limit = None, cursor: Cursor = None, as_json: Json = False) -> None:
    """List the parties that jobs call and that failed lately: who is left alone, and until when."""
    session(context).show(lambda api: api.circuits_page(limit=limit, cursor=cursor), show.circuits, as_json=as_json)
