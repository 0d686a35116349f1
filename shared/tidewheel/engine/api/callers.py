"""Who a request is made by, and whether its tenant lets it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.access.grant import Grant, in_networks
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant, TenantState
from tidewheel.domain.errors import Forbidden, NotFound, Unauthenticated
from tidewheel.domain.ids import is_tenant
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.ports import Clock


@dataclass(frozen=True, slots=True)
class CallerService:
    """Admits callers.

    Args:
        sign_in: Signs in whoever the gateway did not.
        tenants: What is known of tenants.
        clock: The time by which grants end.
        by_header: Whether the header ``Authorization`` is looked at here, since the gateway has no authorizer.
    """

    sign_in: SignIn
    tenants: TenantCache
    clock: Clock
    by_header: bool = False

    def grant_of_header(self, header: str | None) -> Grant:
        """What the header ``Authorization`` grants, where no authorizer has looked at it.

        Raises:
            Unauthenticated: Nothing, or it is the authorizer that has to say.
        """
        if not self.by_header or header is None:
            raise Unauthenticated("there is no key or token")
        return self.sign_in.grant(header)

    def admitted(self, grant: Grant, address: str, tenant: str | None) -> Principal:
        """The principal of a request.

        Args:
            grant: What signing in came to.
            address: Where the request comes from.
            tenant: The tenant that it asks to act in; None for its own.

        Raises:
            Unauthenticated: The grant is over, or not for this address, or its tenant is no more.
            Forbidden: It may act in no other tenant than its own.
            NotFound: A platform admin asks for a tenant that does not exist.
        """
        grant.checked(self.clock.now_ms(), address)
        who = replace(grant.principal, address=address)
        own = self.tenants.get(who.tenant)
        if own is None:
            raise Unauthenticated("the tenant of this key or token does not exist")
        if own.networks and not in_networks(address, own.networks):
            raise Unauthenticated("the tenant is not for the network that the request comes from")
        if tenant is not None and tenant != who.tenant:
            if not who.role.includes(Role.PLATFORM_ADMIN):
                problem = "only a platform admin acts in another tenant than its own"
                raise Forbidden(who.name, problem, "leave the header Tidewheel-Tenant out")
            found = self.tenants.get(tenant) if is_tenant(tenant) else None
            if found is None:
                raise NotFound("tenant", who.tenant, tenant[:40])
            return replace(who, tenant=tenant, kinds=_granted(who, found))
        return replace(who, kinds=_granted(who, own))

    def check_state(self, who: Principal, *, changes: bool) -> None:
        """Refuses what the state of the principal's tenant forbids.

        Raises:
            Forbidden: The tenant is suspended, or it is read-only and the request changes something.
        """
        found = self.tenants.get(who.tenant)
        state = found.state if found else TenantState.SUSPENDED
        if state is TenantState.SUSPENDED:
            raise Forbidden(who.name, "the tenant is suspended", "ask a platform admin to make it active")
        if changes and state is TenantState.READ_ONLY:
            raise Forbidden(who.name, "the tenant is read-only", "ask a platform admin to make it active")

    def check_target(self, who: Principal, kind: str, pool: str, party: str, *, privileged: bool) -> None:
        """Refuses a job that its tenant, or whoever makes it, was not granted.

        Raises:
            Forbidden: The kind of target, the pool or the party is not granted.
        """
        found = self.tenants.get(who.tenant)
        if privileged and kind not in who.kinds:
            whose = "your key or token" if found and found.grants(kind) else "the tenant"
            problem = f"a target of the kind {kind} takes a grant of its own, which {whose} does not have"
            remedy = f"ask for one that has {kind} among its kinds"
            raise Forbidden(who.name, problem, remedy)
        if found and not found.runs_on(pool):
            raise Forbidden(who.name, f"the tenant's jobs do not run on the pool {pool}", f"use {_listed(found.pools)}")
        if found and not found.calls(party):
            raise Forbidden(who.name, f"the tenant's jobs do not call {party}", f"use {_listed(found.targets)}")


def _granted(who: Principal, tenant: Tenant) -> frozenset[str]:
    return frozenset(kind for kind in who.kinds if tenant.grants(kind))


def _listed(texts: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(texts))
