"""The queue's message: one attempt. Its keys are short because SQS bills by size and every run pays for it.

Releases that follow each other run side by side during a deployment, and read each other's messages. A key that an
older reader may pass over can be added at any time: it keeps what it does not know, and sends it on. What an older
reader must not pass over raises ``VERSION``, the version that a reader must know at least; it is read one release
before it is written (``shared/docs/operations/upgrading.md``).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.ids import TENANT, ExecutionId
from tidewheel.domain.permits.permit import Grant

VERSION = 1
_SHOWN = 80


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    v: Annotated[int, Field(ge=VERSION, le=VERSION)]
    t: Annotated[str, Field(pattern=rf"^{TENANT}$")]
    e: str
    a: Annotated[int, Field(ge=1)]
    g: Annotated[int, Field(ge=1)]
    d: Annotated[int, Field(ge=0)]
    r: bool
    n: Annotated[int, Field(ge=0)] = 0
    p: tuple[Annotated[int, Field(ge=0)], str, int, int] | None = None


_serialize = _Message.__pydantic_serializer__.to_json
_validate = _Message.__pydantic_validator__.validate_json
_construct = _Message.model_construct


def dump(dispatch: Dispatch) -> str:
    """A dispatch as the body of a message."""
    unknown: dict[str, Any] = dict(dispatch.unknown or {})
    grant = dispatch.grant
    message = _construct(
        v=VERSION,
        t=dispatch.tenant,
        e=dispatch.execution,
        a=dispatch.attempt,
        g=dispatch.generation,
        d=dispatch.due_ms,
        r=dispatch.recorded,
        n=dispatch.returns,
        p=None if grant is None else (grant.number, grant.token, grant.until_ms, grant.redriven_ms),
        **unknown,
    )
    return _serialize(message, exclude_defaults=True).decode()


def load(text: str) -> Dispatch:
    """The dispatch in the body of a message.

    Raises:
        Unreadable: The text is no message, or one of a version that this release does not know.
    """
    try:
        message = _validate(text)
        ExecutionId.parse(message.e)
    except (ValidationError, Unreadable) as error:
        problem = "; ".join(e["msg"] for e in error.errors()) if isinstance(error, ValidationError) else error.problem
        raise Unreadable("message", text[:_SHOWN], problem) from error
    unknown = message.model_extra or None
    grant = None if message.p is None else Grant(*message.p)
    return Dispatch(message.t, message.e, message.a, message.g, message.d, message.r, message.n, grant, unknown)
