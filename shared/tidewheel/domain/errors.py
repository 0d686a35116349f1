"""What the rules refuse. Every error carries the ids and fields that a reader needs to act on it."""

from __future__ import annotations


class DomainError(Exception):
    """Base of everything that the domain raises."""


class Invalid(DomainError):
    """A value that cannot be accepted.

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
    """No such thing in this tenant.

    Args:
        kind: ``job`` or ``execution``.
        tenant: The tenant that was asked.
        id: The id that was asked for.
    """

    def __init__(self, kind: str, tenant: str, id: str) -> None:
        super().__init__(f"{kind} {id} does not exist in tenant {tenant}")
        self.kind = kind
        self.tenant = tenant
        self.id = id


class Conflict(DomainError):
    """The thing changed since the caller looked, or an idempotency key was used for something else.

    Args:
        kind: ``job`` or ``execution``.
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


class Outdated(Conflict):
    """The caller's ``If-Match`` names a generation that is no longer the newest."""


class IllegalTransition(DomainError):
    """Something was asked to move between two states that its state table does not join.

    Args:
        subject: What, with its id, such as ``execution <id>``.
        before: The state that it is in.
        after: The state, or the step, that was asked for.
    """

    def __init__(self, subject: str, before: str, after: str) -> None:
        super().__init__(f"{subject} cannot go from {before} to {after}")
        self.subject = subject
        self.before = before
        self.after = after


class Unreadable(DomainError):
    """A stored record or message that cannot be understood (another version's, or damaged)."""

    def __init__(self, what: str, key: str, problem: str) -> None:
        super().__init__(f"{what} {key} cannot be read: {problem}")
        self.what = what
        self.key = key
        self.problem = problem
