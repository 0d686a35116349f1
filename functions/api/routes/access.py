"""Serves the operations on principals, API keys and tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import ValidationError

from functions.api.answers import answered
from functions.api.cursors import cursor
from functions.api.repeats import once, reserved
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.errors import Invalid
from tidewheel.domain.quotas.plans import parse_limits
from tidewheel.engine.access.keys import MadeKey, NewKey
from tidewheel.wire.bodies.access import (
    KeyBody,
    KeyList,
    RotateBody,
    TenantBody,
    TenantList,
    TenantPatch,
    key_answer,
    me,
    new_key_answer,
    tenant_answer,
)
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
from tidewheel.wire.model import Model
from tidewheel.wire.reading import merged
from tidewheel.wire.refused import Refused, of_validation
from tidewheel.wire.values import to_ms

M = TypeVar("M", bound=Model)
_PRIVATE = {"Cache-Control": "no-store"}
"""Of an answer that holds a token."""


def _read(model: type[M], document: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Refused(of_validation(error, {"": tuple(model.model_fields)})) from error


@serves(GET_ME)
def who_am_i(request: Request) -> Response[str]:
    """Says who calls."""
    return answered(me(request.caller))


@serves(CREATE_KEY)
def create_key(request: Request) -> Response[str]:
    """Makes a key; a repeat under the same idempotency key gets 409 and its id, since its token is not kept."""
    body = _read(KeyBody, request.document())
    asked = NewKey(
        name=body.name,
        role=body.role,
        kinds=frozenset(body.kinds),
        tags=frozenset(body.tags.items()),
        networks=body.networks,
        expires_ms=None if body.expires_at is None else to_ms(body.expires_at),
        identity=body.aws_identity or "",
    )
    keys, who = request.services.keys, request.caller
    if asked.identity:  # its answer holds no secret
        key = once(
            request, lambda: keys.create(who, asked).key, lambda made: made.id, lambda found: keys.get(who, found)
        )
        return _made(MadeKey(key, None))
    return _made(reserved(request, keys.exists, lambda reserve: keys.create(who, asked, reserve)))


def _made(made: MadeKey) -> Response[str]:
    token = None if made.token is None else str(made.token)
    return answered(new_key_answer(made.key, token), 201, _PRIVATE)


@serves(LIST_KEYS)
def list_keys(request: Request) -> Response[str]:
    """A page of keys, by id."""
    kind = request.kind("keys")
    page = request.services.keys.listed(request.caller, request.limit, request.position(kind))
    return answered(KeyList(items=tuple(map(key_answer, page.items)), cursor=cursor(kind, page.cursor)))


@serves(ROTATE_KEY)
def rotate_key(request: Request) -> Response[str]:
    """Makes a key in the place of another; a repeat gets what that of making one does."""
    overlap_ms = to_ms(_read(RotateBody, request.document(optional=True)).overlap)
    keys, who, id = request.services.keys, request.caller, request.path["id"]
    return _made(reserved(request, keys.exists, lambda reserve: keys.rotate(who, id, overlap_ms, reserve)))


@serves(REVOKE_KEY)
def revoke_key(request: Request) -> Response[str]:
    """Revokes a key."""
    last = request.one("last")
    if last not in {None, "true"}:
        raise Invalid("last", f"{str(last)[:20]!r} is not true", "leave it out, or use true")
    revoked = request.services.keys.revoke(request.caller, request.path["id"], last=last is not None)
    return answered(key_answer(revoked))


@serves(CREATE_TENANT)
def create_tenant(request: Request) -> Response[str]:
    """Makes a tenant; a repeat under the same key gets 201 again, and the tenant as it stands now."""
    body = _read(TenantBody, request.document())
    tenants, who, wanted = request.services.tenants, request.caller, _changed(Tenant(body.id), body)
    made = once(request, lambda: tenants.create(who, wanted), lambda new: new.id, lambda found: tenants.get(who, found))
    return answered(tenant_answer(made), 201)


@serves(LIST_TENANTS)
def list_tenants(request: Request) -> Response[str]:
    """A page of tenants, by id."""
    kind = request.kind("tenants")
    page = request.services.tenants.listed(request.limit, request.position(kind))
    return answered(TenantList(items=tuple(map(tenant_answer, page.items)), cursor=cursor(kind, page.cursor)))


@serves(GET_TENANT)
def get_tenant(request: Request) -> Response[str]:
    """Reads a tenant."""
    return answered(tenant_answer(request.services.tenants.get(request.caller, request.path["id"])))


@serves(EDIT_TENANT)
def edit_tenant(request: Request) -> Response[str]:
    """Changes a tenant; the patch is merged into what is in force when it is written."""
    patch = request.document()

    def change(standing: Tenant) -> Tenant:
        fields = TenantPatch.model_fields
        document = {name: value for name, value in tenant_answer(standing).model_dump().items() if name in fields}
        return _changed(standing, _read(TenantPatch, merged(document, patch)))

    return answered(tenant_answer(request.services.tenants.edit(request.caller, request.path["id"], change)))


def _changed(standing: Tenant, body: TenantPatch) -> Tenant:
    return replace(
        standing,
        name=body.name,
        plan=body.plan,
        state=body.state,
        limits=_limits(body),
        kinds=frozenset(body.kinds),
        pools=frozenset(body.pools),
        weight=body.weight,
        networks=body.networks,
        targets=body.targets,
        budget_dollars=body.budget_dollars,
    )


def _limits(body: TenantPatch) -> Mapping[str, int]:
    """The tenant's own limits.

    Raises:
        Invalid: One is not known, or out of bounds.
    """
    try:
        parse_limits(body.limits, "the tenant")
    except ValueError as error:
        raise Invalid("limits", str(error), "see the guide to limits for those that there are") from error
    return dict(body.limits)
