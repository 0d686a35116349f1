"""The operations on principals, API keys and tenants."""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.access.api_key import API_KEY_ID_PATTERN
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import TENANT
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.access import (
    KeyAnswer,
    KeyBody,
    KeyList,
    Me,
    NewKeyAnswer,
    RotateBody,
    TenantAnswer,
    TenantBody,
    TenantList,
    TenantPatch,
)
from tidewheel.wire.operation import ACTION_PROBLEMS, READ_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import CURSOR, KEY, LIMIT, Parameter, text_like

KEY_ID = Parameter("id", "path", "The key's id.", text_like(API_KEY_ID_PATTERN))
TENANT_ID = Parameter("id", "path", "The tenant's id.", text_like(TENANT))
LAST = Parameter(
    "last",
    "query",
    "`true` revokes a key even if it is the tenant's last one that makes keys.",
    {"type": "string", "enum": ["true"]},
)
SECRET_KEY = replace(
    KEY,
    description="Makes a repeat safe: the same key and body make no second API key, and answer 409 with the id of the "
    "first one, since its token is not kept (null for an AWS identity: then the repeat answers that key as it stands "
    "now). Another body under the same key is refused with 409 and both digests. It is remembered for a day.",
)
"""The idempotency key of what answers a secret."""
_BODY_PROBLEMS = ("malformed", "too-large", "invalid", "unavailable", "not-found", "conflict")

GET_ME = Operation(
    id="whoAmI",
    method="GET",
    path=f"/{VERSION}/me",
    summary="Who the request is made by, and what it may do",
    status=200,
    answer=Me,
    role=Role.VIEWER,
    problems=("invalid", "unavailable", "not-found"),
)
CREATE_KEY = Operation(
    id="createKey",
    method="POST",
    path=f"/{VERSION}/keys",
    summary="Make an API key, whose token is shown this once; it may not do more than whoever makes it",
    status=201,
    answer=NewKeyAnswer,
    role=Role.ADMIN,
    body=KeyBody,
    examples={"a reader": {"name": "dashboard", "role": "viewer"}},
    parameters=(SECRET_KEY,),
    links=(Link("rotateKey"), Link("revokeKey")),
    problems=_BODY_PROBLEMS,
)
LIST_KEYS = Operation(
    id="listKeys",
    method="GET",
    path=f"/{VERSION}/keys",
    summary="The tenant's API keys, without their tokens",
    status=200,
    answer=KeyList,
    role=Role.ADMIN,
    parameters=(LIMIT, CURSOR),
    problems=("invalid", "unavailable", "not-found"),
)
ROTATE_KEY = Operation(
    id="rotateKey",
    method="POST",
    path=f"/{VERSION}/keys/{{id}}/rotate",
    summary="Make a key of the same rights, and have the old one end after an overlap",
    status=201,
    answer=NewKeyAnswer,
    role=Role.ADMIN,
    body=RotateBody,
    optional=True,
    parameters=(KEY_ID, SECRET_KEY),
    problems=_BODY_PROBLEMS,
)
REVOKE_KEY = Operation(
    id="revokeKey",
    method="DELETE",
    path=f"/{VERSION}/keys/{{id}}",
    summary="Have a key refused, everywhere within 60 seconds; a repeat changes nothing",
    status=200,
    answer=KeyAnswer,
    role=Role.ADMIN,
    parameters=(KEY_ID, LAST),
    problems=ACTION_PROBLEMS,
)
CREATE_TENANT = Operation(
    id="createTenant",
    method="POST",
    path=f"/{VERSION}/tenants",
    summary="Make a tenant",
    status=201,
    answer=TenantAnswer,
    role=Role.PLATFORM_ADMIN,
    body=TenantBody,
    examples={"a team": {"id": "acme", "name": "Acme", "kinds": ["python"]}},
    parameters=(KEY,),
    links=(Link("getTenant"), Link("editTenant")),
    problems=_BODY_PROBLEMS,
)
LIST_TENANTS = Operation(
    id="listTenants",
    method="GET",
    path=f"/{VERSION}/tenants",
    summary="The tenants of the deployment",
    status=200,
    answer=TenantList,
    role=Role.PLATFORM_ADMIN,
    parameters=(LIMIT, CURSOR),
    problems=("invalid", "unavailable", "not-found"),
)
GET_TENANT = Operation(
    id="getTenant",
    method="GET",
    path=f"/{VERSION}/tenants/{{id}}",
    summary="One tenant",
    status=200,
    answer=TenantAnswer,
    role=Role.PLATFORM_ADMIN,
    parameters=(TENANT_ID,),
    problems=READ_PROBLEMS,
)
EDIT_TENANT = Operation(
    id="editTenant",
    method="PATCH",
    path=f"/{VERSION}/tenants/{{id}}",
    summary="Change a tenant; what is left out stays, and what is changed is in force within 5 seconds",
    status=200,
    answer=TenantAnswer,
    role=Role.PLATFORM_ADMIN,
    body=TenantPatch,
    patch=True,
    parameters=(TENANT_ID,),
    problems=_BODY_PROBLEMS,
)
