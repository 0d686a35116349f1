"""Has a request under an idempotency key take effect once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from functions.api.request import Request
from tidewheel.domain.errors import MadeBefore
from tidewheel.wire.reading import fingerprint

T = TypeVar("T")


def name_of(request: Request) -> str:
    """What tells a request from all others of its tenant: the operation, what its path names, and its key."""
    return " ".join((request.operation.id, *request.path.values(), request.key))


def digest_of(request: Request) -> str:
    """Of the request's body; that of an empty object if there is none."""
    return fingerprint(request.document(optional=True) if request.operation.body else {})


def reserved(request: Request, made: Callable[[str], bool], make: Callable[[Callable[[str], str] | None], T]) -> T:
    """Makes something whose answer holds a secret, unless an earlier request under the same key did.

    The secret is not remembered, so that a repeat cannot be answered as the first request was.

    Args:
        request: The request; without a key it is always made.
        made: Whether there is a thing of that id.
        make: Makes it; gets what reserves its id, or None without a key.

    Raises:
        MadeBefore: It was made.
        KeyReused: The key was used with another body.
    """
    if not request.key:
        return make(None)
    repeats, name, digest = request.services.repeats, name_of(request), digest_of(request)
    before = repeats.found(request.tenant, name, digest)
    if before is not None and made(before.plan):
        raise MadeBefore(before.plan)
    return make(lambda new: repeats.begin(request.tenant, name, digest, new).plan)


def once(request: Request, act: Callable[[], T], id_of: Callable[[T], str], again: Callable[[str], T]) -> T:
    """Does what a request asks for, unless an earlier one under the same key did.

    Args:
        request: The request; without a key it is always done.
        act: Does it by one write, or by several that are safe to repeat.
        id_of: The id of what was done: of the job or the execution.
        again: What to answer a repeat, by that id: what the first request made, as it stands now.

    Raises:
        KeyReused: The key was used with another body.
    """
    if not request.key:
        return act()
    repeats, name, digest = request.services.repeats, name_of(request), digest_of(request)
    before = repeats.found(request.tenant, name, digest)
    if before is not None:
        return again(before.result)
    done = act()
    repeats.fulfil(request.tenant, name, digest, id_of(done))
    return done
