"""Calls on who calls, on API keys and on tenants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call
from tidewheel.wire.bodies.access import KeyAnswer, KeyList, Me, NewKeyAnswer, TenantAnswer, TenantList
from tidewheel.wire.endpoints.access import (
    CREATE_KEY,
    CREATE_TENANT,
    EDIT_TENANT,
    GET_ME,
    GET_TENANT,
    LIST_KEYS,
    LIST_TENANTS,
    REVOKE_KEY,
    ROTATE_KEY,
)
from tidewheel.wire.parameters import IDEMPOTENCY_KEY


def me() -> Flow[Me]:
    """Who the client is signed in as."""
    return call(GET_ME)


def keys_page(*, limit: int | None = None, cursor: str | None = None) -> Flow[KeyList]:
    """One page of the tenant's API keys, by id."""
    return call(LIST_KEYS, {"limit": limit, "cursor": cursor})


def keys(*, page: int | None = None) -> Stream[KeyAnswer]:
    """All API keys of the tenant, by id, fetched page by page."""
    return all_items(lambda cursor: keys_page(limit=page, cursor=cursor))


def create_key(body: Mapping[str, Any], *, key: str | None = None) -> Flow[NewKeyAnswer]:
    """Makes an API key. Its token is in this answer alone; if that is lost, a repeat is refused, and names the key."""
    return call(CREATE_KEY, {IDEMPOTENCY_KEY: key}, body)


def rotate_key(id: str, *, overlap: str | None = None, key: str | None = None) -> Flow[NewKeyAnswer]:
    """Makes a key of the same rights; the old one ends after the overlap, a duration such as ``PT1H``."""
    return call(ROTATE_KEY, {"id": id, IDEMPOTENCY_KEY: key}, {} if overlap is None else {"overlap": overlap})


def revoke_key(id: str, *, last: bool = False) -> Flow[KeyAnswer]:
    """Has a key refused; if ``last``, even if no other one of the tenant makes keys."""
    return call(REVOKE_KEY, {"id": id, "last": "true" if last else None})


def tenants_page(*, limit: int | None = None, cursor: str | None = None) -> Flow[TenantList]:
    """One page of the deployment's tenants, by id."""
    return call(LIST_TENANTS, {"limit": limit, "cursor": cursor})


def tenants(*, page: int | None = None) -> Stream[TenantAnswer]:
    """All tenants of the deployment, by id, fetched page by page."""
    return all_items(lambda cursor: tenants_page(limit=page, cursor=cursor))


def tenant(id: str) -> Flow[TenantAnswer]:
    """One tenant."""
    return call(GET_TENANT, {"id": id})


def create_tenant(body: Mapping[str, Any], *, key: str | None = None) -> Flow[TenantAnswer]:
    """Makes a tenant."""
    return call(CREATE_TENANT, {IDEMPOTENCY_KEY: key}, body)


def edit_tenant(id: str, patch: Mapping[str, Any]) -> Flow[TenantAnswer]:
    """Changes a tenant; what the patch leaves out stays."""
    return call(EDIT_TENANT, {"id": id}, patch)
