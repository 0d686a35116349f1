"""Principals, API keys and tenants for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rich.console import RenderableType

from tidewheel.cli.show import page_of
from tidewheel.cli.tables import Rows, facts
from tidewheel.wire.bodies.access import KeyAnswer, KeyList, Me, NewKeyAnswer, TenantAnswer, TenantList

_NONE = "-"


def me(found: Me) -> RenderableType:
    """Who is signed in."""
    return facts(
        [
            ("principal", found.principal),
            ("tenant", found.tenant),
            ("role", found.role.value),
            ("kinds", _listed(found.kinds)),
            ("tags", _tags(found.tags)),
        ]
    )


def keys(page: KeyList) -> RenderableType:
    """A page of keys."""
    heads = ("ID", "NAME", "ROLE", "KINDS", "TAGS", "EXPIRES", "STATE")
    rows = [
        (one.id, one.name, one.role.value, _listed(one.kinds), _tags(one.tags), _time(one.expires_at), _state(one))
        for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "keys", page.cursor)


def key(found: KeyAnswer) -> RenderableType:
    """One key."""
    return facts(_key_facts(found))


def new_key(found: NewKeyAnswer) -> RenderableType:
    """A key that was just made, with its token."""
    return facts([("token", found.token or "none: the AWS identity signs its requests"), *_key_facts(found)])


def _key_facts(found: KeyAnswer) -> list[tuple[str, object]]:
    return [
        ("id", found.id),
        ("name", found.name),
        ("role", found.role.value),
        ("kinds", _listed(found.kinds)),
        ("tags", _tags(found.tags)),
        ("networks", _listed(found.networks)),
        ("AWS identity", found.aws_identity or _NONE),
        ("created", found.created_at),
        ("created by", found.created_by),
        ("expires", found.expires_at),
        ("revoked", found.revoked_at),
        ("replaced by", found.rotated_to or _NONE),
    ]


def _state(found: KeyAnswer) -> str:
    return "revoked" if found.revoked_at else "rotated" if found.rotated_to else "valid"


def tenants(page: TenantList) -> RenderableType:
    """A page of tenants."""
    heads = ("ID", "NAME", "PLAN", "STATE", "KINDS")
    rows = [(one.id, one.name, one.plan, one.state.value, _listed(one.kinds)) for one in page.items]
    return page_of(Rows(heads, rows), len(rows), "tenants that were made", page.cursor)


def tenant(found: TenantAnswer) -> RenderableType:
    """One tenant."""
    return facts(
        [
            ("id", found.id),
            ("name", found.name),
            ("plan", found.plan),
            ("state", found.state.value),
            ("limits", ", ".join(f"{name} {most}" for name, most in found.limits.items()) or _NONE),
            ("kinds", _listed(found.kinds)),
            ("pools", _listed(found.pools, "all")),
            ("weight", found.weight),
            ("networks", _listed(found.networks, "any")),
            ("targets", _listed(found.targets, "all")),
            ("budget", _NONE if found.budget_dollars is None else f"${found.budget_dollars:g} a month"),
            ("created", found.created_at),
            ("changed", found.updated_at),
            ("changed by", found.updated_by or _NONE),
        ]
    )


def _listed(texts: tuple[str, ...], none: str = _NONE) -> str:
    return ", ".join(texts) or none


def _tags(tags: Mapping[str, str]) -> str:
    return _listed(tuple(f"{name}:{value}" for name, value in tags.items()))


def _time(instant: datetime | None) -> str:
    return "never" if instant is None else instant.isoformat(sep=" ", timespec="seconds")
