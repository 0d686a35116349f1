"""A job's definition as the JSON text of its record, and back."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.recurrence.schedule import from_document, to_document


class _Stored(BaseModel):
    """A definition as its record holds it; ``definition_document`` says what the names stand for.

    Types are checked when it is read: a number that is text would otherwise be found where a slot is planned, and stop
    its whole shard. What is not named here, a newer release's, is kept; what has a default may be missing.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    n: str
    s: dict[str, Any] | None
    k: str
    t: dict[str, Any]
    p: str
    q: Precision
    l: str  # noqa: E741 - the name in the record
    j: int
    o: int
    r: tuple[int, Strategy, int, int, float]
    g: dict[str, str]
    m: tuple[Policy, int, int] | None = None  # without it: the default policy
    v: Overlap = Overlap.ALLOW
    w: int = 0
    e: int = 0
    h: int = 0
    u: bool = False
    ro: tuple[str, ...] = ()


_validate = _Stored.__pydantic_validator__.validate_json


def definition_document(definition: Definition) -> dict[str, Any]:
    """The definition as a JSON object of short names."""
    retry = definition.retry
    return (
        dict(definition.unknown)
        | {
            "n": definition.name,
            "s": to_document(definition.schedule) if definition.schedule else None,
            "k": definition.target.kind,
            "t": dict(definition.target.spec),
            "p": definition.priority,
            "q": definition.precision,
            "l": definition.pool,
            "j": definition.jitter_ms,
            "o": definition.timeout_ms,
            "r": [retry.max_attempts, retry.strategy, retry.base_ms, retry.cap_ms, retry.jitter],
            "g": dict(definition.tags),
            "m": [definition.misfire.policy, definition.misfire.grace_ms, definition.misfire.limit],
        }
        | _unusual(definition)
    )


def _unusual(definition: Definition) -> dict[str, Any]:
    """What most jobs leave at its default, which is not stored."""
    unusual: dict[str, Any] = {}
    if definition.overlap is not Overlap.ALLOW:
        unusual["v"] = definition.overlap
    if definition.window_ms:
        unusual["w"] = definition.window_ms
    if definition.deadline_ms:
        unusual["e"] = definition.deadline_ms
    if definition.unique_name:
        unusual["u"] = True
    if definition.heartbeat_ms:
        unusual["h"] = definition.heartbeat_ms
    if definition.retry.on:
        unusual["ro"] = list(definition.retry.on)
    return unusual


def read_definition(text: str) -> Definition:
    """The inverse of ``definition_document``, from its JSON text.

    Raises:
        ValueError: It is damaged, or another version's; the message names the fields and shows none of their values.
        Unreadable: Its schedule is.
    """
    stored = _stored(text)
    return Definition(
        name=stored.n,
        schedule=None if stored.s is None else from_document(stored.s),
        target=Target(stored.k, stored.t),
        priority=stored.p,
        precision=stored.q,
        pool=stored.l,
        jitter_ms=stored.j,
        timeout_ms=stored.o,
        retry=RetryPolicy(*stored.r, stored.ro),
        tags=stored.g,
        misfire=Misfire(*stored.m) if stored.m else Misfire(),
        overlap=stored.v,
        window_ms=stored.w,
        deadline_ms=stored.e,
        heartbeat_ms=stored.h,
        unique_name=stored.u,
        unknown=stored.model_extra or {},
    )


def _stored(text: str) -> _Stored:
    try:
        stored: _Stored = _validate(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise ValueError("; ".join(problems)) from None  # its own text shows values, and a target may hold secrets
    return stored
