"""Principals, API keys and tenants on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import EVERY_KIND, Tenant, TenantState
from tidewheel.domain.ids import TENANT
from tidewheel.domain.limits import MAX_OVERLAP_MS
from tidewheel.wire.model import TRIMMED_PATTERN, Model, printable, refusal, shown
from tidewheel.wire.targets import PRIVILEGED
from tidewheel.wire.values import Instant, bounded, from_ms

_MOST = 50
"""Of networks, tags, pools, patterns and limits that one record may have."""


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise refusal(f"{shown(text)} is no network", "write it in CIDR notation, such as 10.0.0.0/8") from error


def _privileged(text: str) -> str:
    if text not in PRIVILEGED:
        raise refusal(f"{shown(text)} needs no grant", f"use {', '.join(sorted(PRIVILEGED))}")
    return text


def _privileged_or_every(text: str) -> str:
    return text if text == EVERY_KIND else _privileged(text)


Name = Annotated[str, AfterValidator(printable), Field(min_length=1, max_length=128)]
Network = Annotated[str, AfterValidator(_network), Field(max_length=64, examples=["192.0.2.0/24"])]
Kind = Annotated[str, AfterValidator(_privileged), Field(max_length=32, examples=["command"])]
TenantKind = Annotated[str, AfterValidator(_privileged_or_every), Field(max_length=32, examples=["command", "*"])]
Text = Annotated[str, AfterValidator(printable), Field(max_length=256)]
RoleField = Annotated[Role, Field(strict=False)]
StateField = Annotated[TenantState, Field(strict=False)]


class Me(Model):
    """Who the request is made by."""

    tenant: Annotated[str, Field(description="In which tenant it acts.")]
    principal: Annotated[str, Field(description="As records of changes name it.", examples=["key:0123456789abcdef"])]
    role: RoleField
    kinds: Annotated[tuple[str, ...], Field(description="Privileged kinds of target that it may give to a job.")]
    tags: Annotated[Mapping[str, str], Field(description="It sees and changes only jobs with all of these.")]
    key: Annotated[str | None, Field(description="The API key that it signed in with.")]


def me(who: Principal) -> Me:
    """A principal as an answer."""
    return Me(
        tenant=who.tenant,
        principal=who.name,
        role=who.role,
        kinds=tuple(sorted(who.kinds)),
        tags=dict(sorted(who.tags)),
        key=who.key or None,
    )


class KeyBody(Model):
    """An API key to be made."""

    name: Name
    role: RoleField
    kinds: Annotated[
        tuple[Kind, ...],
        Field(strict=False, max_length=_MOST, description="Privileged kinds that it grants."),
    ] = ()
    tags: Annotated[
        Mapping[Text, Text], Field(max_length=_MOST, description="It is for jobs with all of these tags alone.")
    ] = {}
    networks: Annotated[
        tuple[Network, ...], Field(strict=False, max_length=_MOST, description="Where it is used from; none: anywhere.")
    ] = ()
    expires_at: Instant | None = Field(default=None, description="From when on it is refused.")
    aws_identity: Annotated[
        str | None,
        Field(
            max_length=2_048,
            pattern=f"^(?:{TRIMMED_PATTERN})$",
            description="The ARN of an AWS role or user that signs its requests instead of sending a token.",
            examples=["arn:aws:iam::111122223333:role/deploys"],
        ),
    ] = None


class RotateBody(Model):
    """How a key is rotated."""

    overlap: Annotated[
        timedelta,
        *bounded(0, MAX_OVERLAP_MS),
        Field(description="For how long the old one stays valid; at most 30 days."),
    ] = timedelta(days=1)


class KeyAnswer(Model):
    """An API key; its token is not shown."""

    id: str
    name: str
    role: RoleField
    kinds: tuple[str, ...]
    tags: Mapping[str, str]
    networks: tuple[str, ...]
    aws_identity: str | None
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    revoked_at: Instant | None
    rotated_to: Annotated[str | None, Field(description="The id of the key that replaced it.")]


class NewKeyAnswer(KeyAnswer):
    """A key that was just made."""

    token: Annotated[
        str | None,
        Field(description="What its holder sends. It is shown this once; null for an AWS identity."),
    ]


class KeyList(Model):
    """A page of keys, by id; the cursor is null on the last."""

    items: tuple[KeyAnswer, ...]
    cursor: str | None


def key_answer(key: ApiKey) -> KeyAnswer:
    """A key as an answer."""
    return KeyAnswer.model_validate(_key_fields(key))


def new_key_answer(key: ApiKey, token: str | None) -> NewKeyAnswer:
    """A key with its token, as an answer."""
    return NewKeyAnswer.model_validate({**_key_fields(key), "token": token})


def _key_fields(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "kinds": tuple(sorted(key.kinds)),
        "tags": dict(sorted(key.tags)),
        "networks": key.networks,
        "aws_identity": key.identity or None,
        "created_at": from_ms(key.created_ms),
        "created_by": key.created_by,
        "expires_at": None if key.expires_ms is None else from_ms(key.expires_ms),
        "revoked_at": None if key.revoked_ms is None else from_ms(key.revoked_ms),
        "rotated_to": key.rotated_to or None,
    }


class TenantPatch(Model):
    """What a platform admin sets of a tenant; in a patch, what is left out stays."""

    name: Annotated[str, AfterValidator(printable), Field(max_length=128)] = ""
    plan: Annotated[Text, Field(min_length=1, description="The plan that gives its limits.")] = "default"
    state: StateField = TenantState.ACTIVE
    limits: Annotated[
        Mapping[Text, Annotated[int, Field(ge=0, le=10**15)]],
        Field(max_length=_MOST, description="Limits of its own by name, which outrank its plan's."),
    ] = {}
    kinds: Annotated[
        tuple[TenantKind, ...],
        Field(strict=False, max_length=_MOST, description="Privileged kinds that its jobs may have; `*`: all."),
    ] = ()
    pools: Annotated[
        tuple[Text, ...], Field(strict=False, max_length=_MOST, description="Pools of its jobs; none: all.")
    ] = ()
    weight: Annotated[
        int, Field(ge=1, le=1_000, description="How many turns it gets where a tenant of weight 1 gets one.")
    ] = 1
    networks: Annotated[
        tuple[Network, ...],
        Field(strict=False, max_length=_MOST, description="Where its callers sign in from; none: anywhere."),
    ] = ()
    targets: Annotated[
        tuple[Text, ...],
        Field(
            strict=False,
            max_length=_MOST,
            description="Patterns of whom its jobs may call, as circuits name them; `*`: any text. None: all.",
            examples=[["http:*.example.com:443*", "lambda:acme-*"]],
        ),
    ] = ()
    budget_dollars: Annotated[
        float | None,
        Field(ge=0, le=10**9, strict=False, description="What its runs may cost a month, US dollars."),
    ] = None


class TenantBody(TenantPatch):
    """A tenant to be made."""

    id: Annotated[str, Field(pattern=f"^(?:{TENANT})$", description="1 to 32 of a-z, 0-9, _ and -; it never changes.")]


class TenantAnswer(Model):
    """A tenant."""

    id: str
    name: str
    plan: str
    state: StateField
    limits: Mapping[str, int]
    kinds: tuple[str, ...]
    pools: tuple[str, ...]
    weight: int
    networks: tuple[str, ...]
    targets: tuple[str, ...]
    budget_dollars: float | None
    created_at: Annotated[Instant | None, Field(description="Null for the tenant `default` until it is changed.")]
    created_by: str
    updated_at: Instant | None
    updated_by: str


class TenantList(Model):
    """A page of tenants, by id; the cursor is null on the last."""

    items: tuple[TenantAnswer, ...]
    cursor: str | None


def tenant_answer(tenant: Tenant) -> TenantAnswer:
    """A tenant as an answer."""
    return TenantAnswer(
        id=tenant.id,
        name=tenant.name,
        plan=tenant.plan,
        state=tenant.state,
        limits=dict(sorted(tenant.limits.items())),
        kinds=tuple(sorted(tenant.kinds)),
        pools=tuple(sorted(tenant.pools)),
        weight=tenant.weight,
        networks=tenant.networks,
        targets=tenant.targets,
        budget_dollars=tenant.budget_dollars,
        created_at=from_ms(tenant.created_ms) if tenant.created_ms else None,
        created_by=tenant.created_by,
        updated_at=from_ms(tenant.updated_ms) if tenant.updated_ms else None,
        updated_by=tenant.updated_by,
    )
