"""The errors of the domain. Each one carries the ids and fields that are needed to act on it."""

from __future__ import annotations


class DomainError(Exception):
    """The base of all errors of the domain."""


class Invalid(DomainError):
    """A value is not accepted.

    Args:
        field: Path of the offending field in the API's spelling, such as ``schedule.cron``.
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy


class NotFound(DomainError):
    """The tenant has no such job, execution or circuit.

    Args:
        kind: ``job``, ``execution`` or ``circuit``.
        tenant: The tenant that was asked.
        id: The id that was asked for.
    """

    def __init__(self, kind: str, tenant: str, id: str) -> None:
        super().__init__(f"{kind} {id} does not exist in tenant {tenant}")
        self.kind = kind
        self.tenant = tenant
        self.id = id


class Conflict(DomainError):
    """The object has changed since the caller read it, or an idempotency key was used for another request.

    Args:
        kind: ``job``, ``execution``, ``circuit``, ``key`` or ``tenant``.
        id: The id in question.
        problem: What conflicts.
        remedy: What to do about it.
    """

    def __init__(self, kind: str, id: str, problem: str, remedy: str) -> None:
        super().__init__(f"{kind} {id}: {problem}; {remedy}")
        self.kind = kind
        self.id = id
        self.problem = problem
        self.remedy = remedy


class KeyReused(Conflict):
    """An idempotency key was used for another request.

    Args:
        first: Digest of the body that it was used with first.
        second: Digest of the body that it came with now.
    """

    def __init__(self, first: str, second: str) -> None:
        problem = f"was used for another request: the digest of its body is {first}, of this one {second}"
        super().__init__("request", "Idempotency-Key", problem, "use a new key for each request")


class MadeBefore(Conflict):
    """A request under an idempotency key has made a key already, whose token nobody can see again."""

    def __init__(self, id: str) -> None:
        problem = "was made by an earlier request under this Idempotency-Key, and its token was shown that once"
        remedy = "if nobody has the token, revoke the key and make another under another Idempotency-Key"
        super().__init__("key", id, problem, remedy)


class Outdated(Conflict):
    """The caller's ``If-Match`` names a generation that is not the current one."""


class Unauthenticated(DomainError):
    """A request that nobody signed in for.

    Args:
        problem: What is missing, as a sentence without a full stop.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Forbidden(DomainError):
    """The principal may not do what it asks for in its own tenant.

    Args:
        principal: The principal's name.
        problem: What it may not, as a sentence without a full stop.
        remedy: What it takes, as a sentence without a full stop.
    """

    def __init__(self, principal: str, problem: str, remedy: str) -> None:
        super().__init__(f"{principal}: {problem}; {remedy}")
        self.principal = principal
        self.problem = problem
        self.remedy = remedy


class Overloaded(DomainError):
    """The deployment has more to do than it can, and takes on no more.

    Args:
        reasons: Why, as text.
    """

    def __init__(self, reasons: str) -> None:
        super().__init__(f"no work is taken on at present: {reasons}")
        self.reasons = reasons


class ReadOnly(DomainError):
    """The deployment allows no change at present.

    Args:
        reasons: Why, as text.
    """

    def __init__(self, reasons: str) -> None:
        super().__init__(f"no change is made at present: {reasons}")
        self.reasons = reasons


class IllegalTransition(DomainError):
    """A transition that the state table does not allow.

    Args:
        subject: The object with its id, such as ``execution <id>``.
        before: Its state.
        after: The requested state or step.
    """

    def __init__(self, subject: str, before: str, after: str) -> None:
        super().__init__(f"{subject} cannot go from {before} to {after}")
        self.subject = subject
        self.before = before
        self.after = after


class Unreadable(DomainError):
    """A stored record or a message is malformed, or of another release.

    Args:
        what: The kind of record, such as ``job``.
        key: Its key.
        problem: What is wrong with it.
    """

    def __init__(self, what: str, key: str, problem: str) -> None:
        super().__init__(f"{what} {key} cannot be read: {problem}")
        self.what = what
        self.key = key
        self.problem = problem
