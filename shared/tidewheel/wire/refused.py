"""The errors for a request that is refused: every offending field at once, each with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.faults import Faulty
from tidewheel.wire import schedules, targets
from tidewheel.wire.model import shown
from tidewheel.wire.problem import FieldProblem


class Malformed(Exception):
    """The body is not a JSON object.

    Args:
        problem: What is wrong, as a sentence without a full stop.
        remedy: What to send instead.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Refused(Invalid):
    """One or more fields are refused. Where only one ``Invalid`` is shown, it is the first of them.

    Args:
        errors: All of them, in the order of the document.
    """

    def __init__(self, errors: tuple[FieldProblem, ...]) -> None:
        super().__init__(errors[0].field, errors[0].problem, errors[0].remedy)
        self.errors = errors


def of_domain(error: Invalid) -> tuple[FieldProblem, ...]:
    """The fields that an ``Invalid`` names: several for ``Refused`` and ``Faulty``, else one."""
    if isinstance(error, Faulty):
        return tuple(FieldProblem(field=one.path, problem=one.problem, remedy=one.remedy) for one in error.faults)
    return error.errors if isinstance(error, Refused) else (FieldProblem(**_halves(error)),)


def _halves(error: Invalid) -> dict[str, str]:
    return {"field": error.field, "problem": error.problem, "remedy": error.remedy}


def of_validation(
    error: ValidationError,
    fields: Mapping[str, Iterable[str]],
    path_of: Callable[[ErrorDetails], str] | None = None,
) -> tuple[FieldProblem, ...]:
    """A validation's errors as fields with remedies.

    Args:
        error: What pydantic found.
        fields: The known fields by the path of their object (empty for the whole), for hints.
        path_of: The path of an error as the user wrote it; None for that of a job.
    """
    path_of = path_of or _path
    return tuple(_field_problem(one, path_of(one), fields) for one in error.errors(include_url=False))


def _path(error: ErrorDetails) -> str:
    """The path as the user wrote it: without pydantic's tags of unions."""
    parts = [str(part) for part in error["loc"] if part != "[key]"]
    if parts[0] in {"schedule", "target"}:
        del parts[1:2]
    if parts[0] == "items":
        del parts[2:3]  # the action of a request for many jobs
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"} and parts == ["target"]:
        parts.append("kind")
    return ".".join(parts)


def _field_problem(error: ErrorDetails, path: str, fields: Mapping[str, Iterable[str]]) -> FieldProblem:
    if error["type"] == "extra_forbidden":
        problem, remedy = _unknown(error, path, fields)
    else:
        problem, remedy = _worded(error, path)
    return FieldProblem(field=path, problem=problem, remedy=remedy)


_SPECIAL = dict.fromkeys(
    (
        "id",
        "tenant",
        "generation",
        "state",
        "next_fire_at",
        "last_run",
        "created_at",
        "updated_at",
        "warnings",
        "preview",
        "created_by",
        "updated_by",
    ),
    ("is set by the API", "leave it out"),
)


def _unknown(error: ErrorDetails, path: str, fields: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    if path in _SPECIAL:
        return _SPECIAL[path]
    name = path.rpartition(".")[2]
    known = list(fields.get(".".join(str(part) for part in error["loc"][:-1]), ()))
    close = get_close_matches(name, known, n=1)
    others = f", or use one of {', '.join(known)}" if known else ""
    remedy = f"did you mean {close[0]}?" if close else f"leave it out{others}"
    return "is not a known field", remedy


_WORDS = {
    "refused": ("{problem}", "{remedy}"),
    "missing": ("is missing", "add {path}"),
    "literal_error": ("{value} is not known", "use {expected}"),
    "enum": ("{value} is not known", "use {expected}"),
    "union_tag_invalid": ("{tag!r} is not known", "use {expected_tags}"),
    "greater_than_equal": ("{value} is too small", "use {ge} or more"),
    "less_than_equal": ("{value} is too large", "use {le} or less"),
    "string_too_short": ("is empty", "use {min_length} or more characters"),
    "string_too_long": ("has {length} characters", "use {max_length} or fewer"),
    "too_long": ("has {length} entries", "use {max_length} or fewer"),
    "string_pattern_mismatch": (
        "{value} has characters that cannot be used",
        "begin with a letter or a digit, and use A-Z a-z 0-9 _ . / -",
    ),
} | {
    kind: (f"is not {name}", f"write {name}")
    for kind, name in {
        "string_type": "a string",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "dict_type": "an object",
        "model_type": "an object",
        "model_attributes_type": "an object",
    }.items()
}
_UNNAMED = {
    "schedule": (
        f"must have exactly one of {', '.join(schedules.MODELS)}",
        "in a merge patch write null for those that go; leave the schedule out to run now",
    ),
    "target.kind": ("is missing", f"use one of {', '.join(targets.MODELS)}"),
}


_ACTIONS = ("create", "replace", "edit", "delete", "pause", "resume")
_NO_SCHEDULE = ("is not an object", 'write an object, such as {"cron": "0 9 * * *"} or {"every": "5m"}')


def _worded(error: ErrorDetails, path: str) -> tuple[str, str]:
    if error["type"] == "union_tag_not_found":
        if path.startswith("items."):
            return "has no action", f"give it an action: {', '.join(_ACTIONS)}"
        if not isinstance(error["input"], Mapping):
            return _NO_SCHEDULE if path == "schedule" else ("is not an object", "write an object")
        return _UNNAMED["schedule" if path == "schedule" else "target.kind"]
    if error["type"] not in _WORDS:
        return error["msg"][:1].lower() + error["msg"][1:], "see the field in /v1/openapi.json"
    value = error["input"]
    known: dict[str, Any] = {
        "value": shown(value),
        "path": path,
        "length": len(value) if isinstance(value, Sized) else 0,
    } | error.get("ctx", {})
    problem, remedy = _WORDS[error["type"]]
    return problem.format(**known), remedy.format(**known)
