"""An operation of the HTTP API: one declaration from which its route, its documentation and its client call follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tidewheel.domain.access.roles import Role
from tidewheel.domain.limits import MAX_JOB_BYTES
from tidewheel.wire.model import Model
from tidewheel.wire.parameters import Location, Parameter

A = TypeVar("A", bound=Model | None)
"""The model of an operation's answer; None for an empty answer."""

READ_PROBLEMS = ("not-found", "conflict", "invalid", "unavailable")
"""The kinds of problems that reading one thing may answer."""

ACTION_PROBLEMS = ("not-found", "conflict", "invalid", "unavailable")
"""The kinds of problems that an action on one thing may answer."""


@dataclass(frozen=True, slots=True)
class Link:
    """What can be done next with what an operation answered.

    Args:
        operation: The id of the operation that follows.
        value: Where in the answer the value of its path parameter stands, as an OpenAPI runtime expression.
        parameter: The name of that parameter.
        also: Further path parameters, each with where its value stands.
    """

    operation: str
    value: str = "$response.body#/id"
    parameter: str = "id"
    also: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> Mapping[str, str]:
        """All of them, by name."""
        return {self.parameter: self.value, **dict(self.also)}


@dataclass(frozen=True, slots=True, eq=False)
class Operation(Generic[A]):
    """One method of one path.

    Args:
        id: Its name in the OpenAPI document, which no other operation has.
        method: In upper case.
        path: With the names of path parameters in braces.
        summary: What it does, in one line.
        status: The HTTP status of a successful answer.
        answer: The model of the answer; ``Model`` for any JSON object, ``NoneType`` for an empty answer.
        role: Who may call it: this role, and those that include it; None for everybody, signed in or not.
        body: The model of the request's body; None if it has none.
        examples: Examples of the body, by name.
        optional: Whether the body may be left out.
        patch: Whether the body is a JSON merge patch of that model.
        parameters: All parameters.
        headers: The names of the answer's headers, each with what it holds.
        also: Further statuses of a successful answer, each with what it means.
        links: What can be done next with its answer.
        most_bytes: The most bytes of its body.
        creates: Whether it makes work, which an overloaded deployment does not take on.
        in_read_only: Whether it is allowed, though it changes something, while the deployment is read-only.
        problems: Kinds of ``problem.KINDS`` besides ``internal``, which every operation may answer, and
            ``method-not-allowed``, which its path does, those of signing in where it has a role, of reading a body
            where it has one, and of the deployment's health where it changes something.
    """

    id: str
    method: str
    path: str
    summary: str
    status: int
    answer: type[A]
    role: Role | None
    body: type[Model] | None = None
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optional: bool = False
    patch: bool = False
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    also: tuple[tuple[int, str], ...] = ()
    links: tuple[Link, ...] = ()
    most_bytes: int = MAX_JOB_BYTES
    creates: bool = False
    in_read_only: bool = False
    problems: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether it changes something that a deployment which is read-only does not let anybody change."""
        return self.changes and not self.in_read_only

    @property
    def model(self) -> type[Model] | None:
        """The model of a successful answer; None if the answer is empty."""
        return self.answer if issubclass(self.answer, Model) else None

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    def matches(self, path: str) -> bool:
        """Whether a request's path is one of this operation's."""
        mine, theirs = self.path.split("/"), path.split("/")
        pairs = zip(mine, theirs, strict=False)
        return len(mine) == len(theirs) and all(one == two or (one[:1] == "{" and two) for one, two in pairs)

    def takes(self, location: Location) -> frozenset[str]:
        """The names of its parameters in one part of a request."""
        return frozenset(parameter.name for parameter in self.parameters if parameter.where == location)
