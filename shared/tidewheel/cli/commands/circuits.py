"""``tidewheel circuits …``."""

from __future__ import annotations

from typing import Annotated

import typer

from tidewheel.cli import show
from tidewheel.cli.commands.jobs import Cursor, Json, Limit
from tidewheel.cli.session import session
from tidewheel.wire.bodies.circuit import circuit_id

app = typer.Typer(no_args_is_help=True, help="See which parties that jobs call are left alone, and have them called.")


@app.command("list")
def list_(context: typer.Context, limit: Limit = None, cursor: Cursor = None, as_json: Json = False) -> None:
    """List the parties that jobs call and that failed lately: who is left alone, and until when."""
    session(context).show_list(
        lambda api, most, after: api.circuits_page(limit=most, cursor=after),
        show.circuits,
        limit=limit,
        cursor=cursor,
        as_json=as_json,
    )


@app.command()
def close(
    context: typer.Context,
    party: Annotated[
        str, typer.Argument(help="As the list shows it: http:example.com:443/orders; or its id.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Have a party called again at once; what waits for it goes ahead within two minutes."""
    id = circuit_id(party) if ":" in party else party  # an id has no colon, and a party begins with its kind and one
    session(context).show(lambda api: api.close_circuit(id), show.circuit, as_json=as_json)
