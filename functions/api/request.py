"""What handlers read of a proxy event; everything that a caller wrote is checked here."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic_core import PydanticCustomError

from functions.api.callers import caller_of
from functions.api.cursors import position
from functions.api.scoping import check_scope
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Conflict, Forbidden, Invalid, NotFound
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.limits import DEFAULT_PAGE, MAX_PAGE
from tidewheel.domain.recurrence.timing import reached
from tidewheel.engine.api.jobs import DefinitionBuilder
from tidewheel.engine.api.services import ApiServices
from tidewheel.wire.bodies.circuit import party_of
from tidewheel.wire.model import shown
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import (
    EXECUTION_ID,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    JOB_ID,
    KEY_PATTERN,
    MATCH_PATTERN,
    MAX_KEY,
    TENANT_HEADER,
)
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.rate_limit import rate_limit
from tidewheel.wire.reading import read_object
from tidewheel.wire.refused import Malformed, Refused
from tidewheel.wire.targets import PRIVILEGED, circuit_key
from tidewheel.wire.values import parse_instant, to_ms

JSON_TYPE = "application/json"
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_MATCH = re.compile(MATCH_PATTERN, re.ASCII)


class TooLarge(Exception):
    """The body has more bytes than its operation takes."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"the body has {size} bytes, and {most} are allowed")


class Unsupported(Exception):
    """The body is said to be something else than JSON.

    Args:
        kind: Its media type.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"the body is sent as {shown(kind)}, and only JSON is taken")


def _check_type(given: str | None) -> None:
    """Refuses a body of another type than JSON; one without a type is taken for JSON."""
    kind = (given or JSON_TYPE).partition(";")[0].strip().lower()
    if kind != JSON_TYPE and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unsupported(kind)


@dataclass(frozen=True)
class Request:
    """One request of an operation.

    Args:
        event: What API Gateway sent.
        operation: The operation that was asked for.
        path: The values of the path's parameters.
        make_services: Gives the services; called only if the handler needs them.
    """

    event: APIGatewayProxyEvent
    operation: Operation[Any]
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
            self.services.callers.check_state(self.caller, changes=self.operation.method != "GET")
        if not self.caller.role.includes(needed):
            problem = f"{self.operation.id} takes the role {needed}, and yours is {self.caller.role}"
            raise Forbidden(self.caller.name, problem, f"use a key of the role {needed}, or of one that includes it")
        check_scope(self.caller, self.operation, self.one("job") if "job" in self.operation.takes("query") else None)
        if self.caller.tags and JOB_ID in self.operation.parameters:
            _ = self.job  # whatever the handler does: 404 for a job without these tags
        if self.caller.tags and EXECUTION_ID in self.operation.parameters:
            _ = self.execution

    @property
    def is_dry_run(self) -> bool:
        """Whether it only asks what would be.

        Raises:
            Invalid: It does not say so plainly.
        """
        return "dry_run" in self.operation.takes("query") and self.flag("dry_run")

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
        if not self.caller.tags <= set(found.definition.tags.items()):
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

    @cached_property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The query parameters.

        Raises:
            Refused: Some are unknown to the operation: a misspelt filter must not list everything.
        """
        given = self.event.resolved_query_string_parameters
        known = self.operation.takes("query")
        remedy = f"use one of {', '.join(sorted(known))}" if known else "leave it out"
        unknown = [
            FieldProblem(field=name, problem="is not a known parameter", remedy=remedy) for name in given.keys() - known
        ]
        if unknown:
            raise Refused(tuple(sorted(unknown, key=lambda one: one.field)))
        return given

    def one(self, name: str) -> str | None:
        """The value of a query parameter that may be given once, or None.

        Raises:
            Invalid: It is given several times.
        """
        values = self.query.get(name, ())
        if len(values) > 1:
            raise Invalid(name, "is given several times", "give it once")
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """The value of a query parameter that is true or false; false if it is not given.

        Raises:
            Invalid: It is neither.
        """
        text = self.one(name)
        if text not in {None, "true", "false"}:
            raise Invalid(name, f"{text[:20]!r} is neither true nor false", "write true or false")
        return text == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """The value of a query parameter that is a whole number from 1 to ``most``.

        Raises:
            Invalid: It is not such a number.
        """
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < len(str(most)) + 3 and 1 <= int(text) <= most):
            raise Invalid(name, f"{text[:20]!r} is out of bounds", f"use a whole number from 1 to {most}")
        return int(text)

    def instant(self, name: str) -> int | None:
        """The value of a query parameter that is a time, in ms since the epoch; None if it is not given.

        Raises:
            Invalid: It is not a time, or lies outside 1970 to 2999.
        """
        text = self.one(name)
        if text is None:
            return None
        try:
            return reached(to_ms(parse_instant(text)), field=name)
        except PydanticCustomError as error:
            words = error.context or {}
            raise Invalid(name, words["problem"], words["remedy"]) from error

    @property
    def limit(self) -> int:
        """How many items a page may have."""
        return self.whole("limit", DEFAULT_PAGE, MAX_PAGE)

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name; None if it is not given."""
        wanted = name.lower()
        found = (value for key, value in (self.event.get("headers") or {}).items() if key.lower() == wanted)
        return next(found, None)

    @property
    def key(self) -> str:
        """The idempotency key, or empty.

        Raises:
            Invalid: It cannot be used as one.
        """
        key = self.header(IDEMPOTENCY_KEY)
        if key is not None and not _KEY.fullmatch(key):
            remedy = f"use 1 to {MAX_KEY} visible ASCII characters, such as a UUID"
            raise Invalid(IDEMPOTENCY_KEY, "cannot be used as a key", remedy)
        return key or ""

    @property
    def match(self) -> int | None:
        """The generation that ``If-Match`` names, or None for whichever is newest.

        Raises:
            Invalid: It is not the ETag of a job.
        """
        text = self.header(IF_MATCH)
        if text is not None and not _MATCH.fullmatch(text):
            raise Invalid(
                IF_MATCH, f"{text[:40]!r} is not the ETag of a job", 'send the ETag as it was read, such as "3"'
            )
        return None if text in {None, "*"} else int(text.strip('"'))

    def document(self, *, optional: bool = False) -> dict[str, Any]:
        """The JSON object in the body; an empty one for an empty body if ``optional``.

        Raises:
            Malformed: The body is not a JSON object.
            TooLarge: The body is too large.
            Unsupported: It is said to be something else than JSON.
        """
        raw = self._raw()
        if raw:
            _check_type(self.header("Content-Type"))
        if len(raw) > self.operation.most_bytes:
            raise TooLarge(len(raw), self.operation.most_bytes)
        return read_object(raw) if raw or not optional else {}

    def _raw(self) -> bytes:
        text: str = self.event.get("body") or ""
        if not self.event.get("isBase64Encoded"):
            return text.encode(errors="surrogatepass")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise Malformed("the body is not base64, though it is marked so", "send one JSON object") from error

    def kind(self, name: str) -> str:
        """What a list's cursors are marked with: they are valid for this list of this tenant, and these tags, alone."""
        return f"{name}@{stable_hash(self.tenant, *(part for tag in sorted(self.caller.tags) for part in tag)):x}"

    def granted(self, builder: DefinitionBuilder) -> DefinitionBuilder:
        """A builder of definitions that refuses what the caller, or its tenant, was not granted.

        Every definition that a request stores is built by such a one.
        """

        def build(job: str, now_ms: int, before: Definition | None) -> Definition:
            who = self.caller
            if before is not None and not who.tags <= set(before.tags.items()):
                raise NotFound("job", self.tenant, job)  # it lost a tag since it was looked up
            definition = builder(job, now_ms, before)
            target = definition.target
            party = circuit_key(target) or target.kind
            privileged = target.kind in PRIVILEGED
            self.services.callers.check_target(who, target.kind, definition.pool, party, privileged=privileged)
            if missing := sorted(who.tags - set(definition.tags.items())):
                needed = ", ".join(f"{name}:{value}" for name, value in missing)
                problem = f"your key is for jobs with the tags {needed} alone"
                raise Forbidden(who.name, problem, "give the job these tags")
            return definition

        return build

    def position(self, kind: str) -> str | None:
        """The position in a list from which the ``cursor`` parameter goes on, or None for the list's beginning.

        Raises:
            Invalid: The cursor is not one of this list.
        """
        text = self.one("cursor")
        return None if text is None else position(text, kind)
