"""``tidewheel circuits …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.arguments import Cursor, Limit
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import View
from tidewheel.wire.bodies.circuit import circuit_id

app = typer.Typer(no_args_is_help=True, help="See which parties that jobs call are left alone, and have them called.")


@app.command("list")
@prints_and_watches
def list_(context: typer.Context, *, view: View, limit: Limit = None, cursor: Cursor = None) -> None:
    """List the parties that jobs call and that failed lately: who is left alone, and until when."""
    session(context).show_list(
        lambda api, most, after: api.circuits_page(limit=most, cursor=after),
        show.circuits,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@app.command()
@prints
def close(
    context: typer.Context,
    party: Annotated[
        str, typer.Argument(help="As the list shows it: http:example.com:443/orders; or its id.", show_default=False)
    ],
    *,
    view: View,
) -> None:
    """Have a party called again at once; what waits for it goes ahead within two minutes."""
    id = circuit_id(party) if ":" in party else party  # an id has no colon, and a party begins with its kind and one
    session(context).show(lambda api: api.close_circuit(id), show.circuit, view=view)
