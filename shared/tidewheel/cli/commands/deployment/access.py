"""``tidewheel whoami`` and ``tidewheel keys …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidewheel.cli import show_access as show
from tidewheel.cli.commands.arguments import Cursor, Key, Limit
from tidewheel.cli.fields import pairs
from tidewheel.cli.options import prints, prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import View
from tidewheel.domain.access.roles import Role

keys = typer.Typer(no_args_is_help=True, help="Make, rotate and revoke the tenant's API keys.")

KeyId = Annotated[str, typer.Argument(help="The key's id, as the list shows it.", show_default=False)]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="A privileged kind of target that is granted; may be given again.", show_default=False),
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", help="A network in CIDR notation; may be given again.", show_default=False),
]


@prints
def whoami(context: typer.Context, *, view: View) -> None:
    """Show as whom the command line is signed in, and what that may do."""
    session(context).show(lambda api: api.me(), show.me, view=view)


@keys.command("list")
@prints_and_watches
def list_keys(context: typer.Context, *, view: View, limit: Limit = None, cursor: Cursor = None) -> None:
    """List the tenant's keys, without their tokens."""
    session(context).show_list(
        lambda api, most, after: api.keys_page(limit=most, cursor=after),
        show.keys,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@keys.command("create")
@prints
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="For people.", show_default=False)],
    role: Annotated[Role, typer.Option(help="What it may do.", show_default=False)],
    kinds: Kinds = None,
    networks: Networks = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", help="key:value: it is for jobs with this tag alone; may be given again."),
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="From when on it is refused, RFC 3339.", show_default=False)
    ] = None,
    aws_identity: Annotated[
        str | None, typer.Option(help="The ARN of an AWS role or user that signs instead of sending a token.")
    ] = None,
    *,
    view: View,
    key: Key = None,
) -> None:
    """Make a key, and print its token: it is shown this once."""
    asked: dict[str, Any] = {"kinds": kinds, "networks": networks, "tags": pairs(tags or (), "--tag")}
    asked |= {"expires_at": expires_at, "aws_identity": aws_identity}
    body = {"name": name, "role": role.value} | {field: value for field, value in asked.items() if value}
    session(context).show(lambda api: api.create_key(body, key=key), show.new_key, view=view)


@keys.command("rotate")
@prints
def rotate_key(
    context: typer.Context,
    id: KeyId,
    overlap: Annotated[
        str | None, typer.Option(help="How long the old one stays valid, such as 1h; else a day.", show_default=False)
    ] = None,
    *,
    view: View,
    key: Key = None,
) -> None:
    """Make a key of the same rights, whose token is shown this once, and have the old one end."""
    session(context).show(lambda api: api.rotate_key(id, overlap=overlap, key=key), show.new_key, view=view)


@keys.command("revoke")
@prints
def revoke_key(
    context: typer.Context,
    id: KeyId,
    last: Annotated[bool, typer.Option("--last", help="Even if no other key of the tenant makes keys.")] = False,
    *,
    view: View,
) -> None:
    """Have a key refused, everywhere within a minute."""
    session(context).show(lambda api: api.revoke_key(id, last=last), show.key, view=view)
