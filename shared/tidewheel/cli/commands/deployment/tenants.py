"""``tidewheel tenants …``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from tidewheel.cli import show_access as show
from tidewheel.cli.commands.arguments import Cursor, Key, Limit
from tidewheel.cli.options import extended, prints, prints_and_watches
from tidewheel.cli.session import session
from tidewheel.cli.views import View
from tidewheel.domain.access.tenant import TenantState

tenants = typer.Typer(no_args_is_help=True, help="Make and change tenants; for those with the role platform-admin.")

TenantId = Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)]


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


def _fields(
    name: Annotated[str | None, _option("For people.")] = None,
    plan: Annotated[str | None, _option("The plan that gives its limits.")] = None,
    state: Annotated[TenantState | None, _option("What its requests are answered with.")] = None,
    limits: Annotated[
        list[str] | None, _option("name=number, or name= for its plan's; may be given again.", "--limit-of")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        _option("A privileged kind of target that its jobs may have, or *; may be given again.", "--kind"),
    ] = None,
    pools: Annotated[list[str] | None, _option("A pool of its jobs; may be given again.", "--pool")] = None,
    weight: Annotated[int | None, _option("Its share of the workers beside other tenants', from 1 on.")] = None,
    networks: Annotated[
        list[str] | None,
        _option("Where its callers sign in from, in CIDR notation; may be given again.", "--network"),
    ] = None,
    targets: Annotated[
        list[str] | None,
        _option("Whom its jobs may call, as circuits name it, * for any text; may be given again.", "--target"),
    ] = None,
    budget_dollars: Annotated[
        str | None, _option("What its runs may cost a month, US dollars; empty for any amount.", "--budget")
    ] = None,
) -> None:
    """Declares the options, one for each field of a tenant; it is never called."""


def _described(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options for a tenant's fields; the command receives what was given as ``fields``."""
    return extended(command, _fields, "fields", _given)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose options were given. One empty text stands for an empty list."""
    found = {name: [] if value == [""] else value for name, value in options.items() if value is not None}
    if "limits" in found:
        found["limits"] = _limits(found["limits"])
    if "state" in found:
        found["state"] = found["state"].value
    if "budget_dollars" in found:
        found["budget_dollars"] = _dollars(found["budget_dollars"])
    return found


@tenants.command("list")
@prints_and_watches
def list_tenants(context: typer.Context, *, view: View, limit: Limit = None, cursor: Cursor = None) -> None:
    """List the tenants of the deployment."""
    session(context).show_list(
        lambda api, most, after: api.tenants_page(limit=most, cursor=after),
        show.tenants,
        limit=limit,
        cursor=cursor,
        view=view,
    )


@tenants.command("show")
@prints
def show_tenant(context: typer.Context, id: TenantId, *, view: View) -> None:
    """Show a tenant."""
    session(context).show(lambda api: api.tenant(id), show.tenant, view=view)


@tenants.command("create")
@prints
@_described
def create_tenant(
    context: typer.Context, id: TenantId, *, fields: Mapping[str, Any], view: View, key: Key = None
) -> None:
    """Make a tenant."""
    session(context).show(lambda api: api.create_tenant({"id": id, **fields}, key=key), show.tenant, view=view)


@tenants.command("edit")
@prints
@_described
def edit_tenant(context: typer.Context, id: TenantId, *, fields: Mapping[str, Any], view: View) -> None:
    """Change a tenant: what is given replaces what it has, in force within 5 seconds.

    An empty text empties a list: --pool '' allows all pools again.
    """
    session(context).show(lambda api: api.edit_tenant(id, fields), show.tenant, view=view)


def _limits(texts: Sequence[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or (value and not (value.isascii() and value.isdecimal())):
            raise typer.BadParameter(f"{text!r} is not name=number", param_hint="--limit-of")
        found[name] = int(value) if value else None
    return found


def _dollars(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no amount", param_hint="--budget") from error
