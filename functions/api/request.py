"""A request as handlers see it: who makes it, what it is about, and what its caller may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from functions.api.callers import caller_of
from functions.api.cursors import MARK
from functions.api.received import Received
from functions.api.scoping import check_scope
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.canonical import canonical
from tidewheel.domain.errors import Conflict, Forbidden, Invalid, NotFound
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.engine.api.jobs import DefinitionBuilder
from tidewheel.engine.api.services import ApiServices
from tidewheel.wire.bodies.circuit import party_of
from tidewheel.wire.parameters import EXECUTION_ID, JOB_ID, TENANT_HEADER
from tidewheel.wire.rate_limit import rate_limit
from tidewheel.wire.targets import PRIVILEGED, circuit_key


@dataclass(frozen=True)
class Request(Received):
    """One request of an operation.

    Args:
        event: What API Gateway sent.
        operation: The operation that was asked for.
        path: The values of the path's parameters.
        make_services: Gives the services; called only if the handler needs them.
    """

    path: Mapping[str, str]
    make_services: Callable[[], ApiServices]

    @property
    def services(self) -> ApiServices:
        """The services, one for each resource."""
        return self.make_services()

    @cached_property
    def caller(self) -> Principal:
        """Who makes it.

        Raises:
            Unauthenticated: Nobody signed in for it.
            Forbidden: The caller may not act in the tenant that it names.
            NotFound: There is no such tenant.
        """
        return caller_of(self.event, self.services.callers, self.header(TENANT_HEADER))

    @property
    def tenant(self) -> str:
        """The tenant on whose behalf it is made."""
        return self.caller.tenant

    def authorize(self) -> None:
        """Refuses whoever may not call this operation.

        Raises:
            Unauthenticated: Nobody signed in, and the operation is not for everybody.
            Forbidden: The caller's role does not include the one that the operation takes, or the tenant is suspended,
                or read-only.
        """
        needed = self.operation.role
        if needed is None:
            return
        if needed is not Role.PLATFORM_ADMIN:
            self.services.callers.check_state(self.caller, changes=self.operation.changes)
        if not self.caller.role.includes(needed):
            problem = f"{self.operation.id} takes the role {needed}, and yours is {self.caller.role}"
            raise Forbidden(self.caller.name, problem, f"use a key of the role {needed}, or of one that includes it")
        check_scope(self.caller, self.operation, self.one("job") if "job" in self.operation.takes("query") else None)
        if self.caller.tags and JOB_ID in self.operation.parameters:
            _ = self.job  # whatever the handler does: 404 for a job without these tags
        if self.caller.tags and EXECUTION_ID in self.operation.parameters:
            _ = self.execution

    def check_health(self) -> None:
        """Refuses what the deployment's health does not allow; the one place that does. A dry run changes nothing.

        Raises:
            ReadOnly: The operation changes something, and no change is allowed.
            Overloaded: It makes work, and no more is taken on.
        """
        if self.operation.writes and not self.is_dry_run:
            self.services.health.check(creates=self.operation.creates)

    def admit(self) -> None:
        """Counts it against its tenant's requests a second, unless it is for everybody.

        Raises:
            LimitExceeded: The tenant has sent as many as it may.
            PortError: A store failed.
        """
        if self.operation.role is not None:
            self.services.limits.admit(self.tenant)

    @property
    def rate_headers(self) -> Mapping[str, str]:
        """How many requests its tenant may still send: nothing for a tenant that may send any number."""
        held = None if self.operation.role is None else self.services.limits.rate(self.tenant)
        if held is None:
            return {}
        window, left = held.window, held.total - held.used + held.left
        wait_ms = max(0, window.until_ms - self.services.now_ms())
        return rate_limit(window.limit, held.total, left, window.until_ms - window.from_ms, wait_ms)

    @cached_property
    def job(self) -> str:
        """The id of the job that the path means, by id, by its beginning, or by name.

        Raises:
            NotFound: There is no such job, or none with the tags that the caller's key is for.
            Conflict: There are several.
        """
        return self._job_of(unquote(self.path["id"]))

    def _job_of(self, text: str) -> str:
        if not self.caller.tags:
            return self.services.jobs.meant(self.tenant, text)
        try:
            id = self.services.jobs.meant(self.tenant, text)
        except Conflict as error:
            raise NotFound("job", self.tenant, text) from error  # it names jobs that may be others'
        self._check_tags(id, NotFound("job", self.tenant, text))
        return id

    def _check_tags(self, job: str, refusal: NotFound) -> None:
        """Refuses a job that is not the caller's to see."""
        try:
            found = self.services.jobs.get(self.tenant, job)
        except NotFound:
            raise refusal from None
        if not self.caller.sees(found.definition.tags.items()):
            raise refusal

    def named_job(self, text: str | None) -> str:
        """The id of the job that a parameter or a body means, which may be deleted; empty for None.

        Raises:
            Invalid: It means no job, or several; for the field ``job``.
        """
        if text is None:
            return ""
        try:
            return self._job_of(text)
        except (NotFound, Conflict) as error:
            problem = f"{text[:40]!r} is not a job, or several"
            raise Invalid("job", problem, "use an id or a name as the list of jobs shows it") from error

    @cached_property
    def execution(self) -> str:
        """The id of the execution that the path means, by id or its beginning.

        Raises:
            NotFound: There is no such execution.
            Conflict: There are several.
        """
        text = unquote(self.path["id"])
        if not self.caller.tags:
            return self.services.executions.meant(self.tenant, text)
        refusal = NotFound("execution", self.tenant, text)
        self._check_tags(text.partition("-")[0], refusal)
        return self.services.executions.meant(self.tenant, text)

    @property
    def party(self) -> str:
        """The party whose circuit's id stands in the path.

        Raises:
            NotFound: The id in the path is not the id of a circuit.
        """
        party = party_of(self.path["id"])
        if party is None:
            raise NotFound("circuit", self.tenant, self.path["id"])
        return party

    def kind(self, name: str, *about: str) -> str:
        """What a list's cursors are marked with: they are valid for this list of this tenant, and these tags, alone.

        Args:
            name: Which list it is.
            about: All else that tells what is asked for: ``filters``, and the job or the execution that it is of.
        """
        question = canonical([self.tenant, sorted(self.caller.tags), about])
        return f"{name}{MARK}{stable_hash(question):x}"

    def granted(self, builder: DefinitionBuilder) -> DefinitionBuilder:
        """A builder of definitions that refuses what the caller, or its tenant, was not granted.

        Every definition that a request stores is built by such a one.
        """

        def build(job: str, now_ms: int, before: Definition | None) -> Definition:
            who = self.caller
            if before is not None and not who.sees(before.tags.items()):
                raise NotFound("job", self.tenant, job)  # it lost a tag since it was looked up
            definition = builder(job, now_ms, before)
            self.check_target(definition.target, definition.pool)
            if missing := who.tags_missing_in(definition.tags.items()):
                problem = f"your key is for jobs with the tags {missing} alone"
                raise Forbidden(who.name, problem, "give the job these tags")
            return definition

        return build

    def check_target(self, target: Target, pool: str) -> None:
        """Refuses a target that the caller, or its tenant, was not granted.

        Raises:
            Forbidden: Its kind, its pool or its party is not granted.
        """
        party = circuit_key(target) or target.kind
        privileged = target.kind in PRIVILEGED
        self.services.callers.check_target(self.caller, target.kind, pool, party, privileged=privileged)
