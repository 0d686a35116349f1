"""Replaces references to secrets in a target's spec by the secrets, at the time of the call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.concealing import forms
from tidewheel.domain.jobs.secret import NAME, Reference, reference_of, references_in
from tidewheel.domain.limits import SECRET_MISSING_MS
from tidewheel.ports import Call, PortError, Refused, Secrets


class SecretUnavailable(Exception):
    """A secret that a call needs cannot be read or used. The text holds its name, never its value.

    Args:
        reason: Why, for people.
        retryable: Whether trying again may help.
        wait_ms: The least time after which it may help (ms), or None.
    """

    def __init__(self, reason: str, *, retryable: bool = False, wait_ms: int | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.wait_ms = wait_ms

    def answer(self) -> Answer:
        """The answer of an attempt that was not made because of it."""
        return Answer(Result.FAILED, reason=str(self), retryable=self.retryable, retry_after_ms=self.wait_ms)


class _Mendable(SecretUnavailable):
    """People may create the secret, or let the worker read it; a worker looks again after ``limits.SECRET_MISSING_MS``.

    Args:
        reason: Why, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=True, wait_ms=SECRET_MISSING_MS)


class _Unfit(_Mendable):
    """The secret is there, but not as the job needs it."""


@dataclass(frozen=True, slots=True)
class SecretResolver:
    """Reads the secrets of one call. Each is registered first, so that the call's log and output never show it."""

    secrets: Secrets
    call: Call

    def resolved(self, value: Any) -> Any:
        """A JSON value with the secrets in place of its references.

        Raises:
            SecretUnavailable: One of them cannot be read.
        """
        reference = reference_of(value)
        if reference is not None:
            return self.text(reference)
        if isinstance(value, Mapping):
            return {name: self.resolved(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolved(part) for part in value]
        return value

    def text(self, reference: Reference, fits: Callable[[str], bool] = lambda _: True) -> str:
        """The secret that a reference names, with the reference's prefix in front.

        One that is known from before and does not fit is read anew: somebody may have corrected it.

        Args:
            reference: The reference.
            fits: Whether the target can take the text.

        Raises:
            SecretUnavailable: It cannot be read, has no such field, or does not fit.
        """
        try:
            return self._text(reference, fits, newest=False)
        except _Unfit:
            return self._text(reference, fits, newest=True)

    def _text(self, reference: Reference, fits: Callable[[str], bool], *, newest: bool) -> str:
        secret = self._field(reference, self._secret(reference.name, newest=newest))
        for form in forms(secret):
            self.call.progress.conceal(form)  # a target may send it back, escaped as JSON
        if not fits(reference.prefix + secret):
            raise _Unfit(f"the secret {self._full(reference.name)} has characters that cannot be sent here")
        return reference.prefix + secret

    def certificates(self, reference: Reference, problem: Callable[[str], str]) -> str:
        """The text that a reference names, which is not confidential by itself: nothing is concealed for its sake.

        One that is known from before and does not fit is read anew.

        Args:
            reference: The reference.
            problem: Says what is wrong with a text; empty if nothing is.

        Raises:
            SecretUnavailable: It cannot be read, has no such field, or something is wrong with it.
        """
        try:
            return self._certificates(reference, problem, newest=False)
        except _Unfit:
            return self._certificates(reference, problem, newest=True)

    def _certificates(self, reference: Reference, problem: Callable[[str], str], *, newest: bool) -> str:
        text = self._field(reference, self._secret(reference.name, newest=newest))
        if why := problem(text):
            raise _Unfit(f"the secret {self._full(reference.name)} {why}")
        return text

    def _secret(self, name: str, *, newest: bool) -> str:
        if not NAME.fullmatch(name):
            raise SecretUnavailable(f"{name!r} is no name of a secret")
        try:
            return self.secrets.get(self.call.tenant, name, newest=newest)
        except LookupError as error:
            raise _Mendable(f"there is no secret {self._full(name)}") from error
        except Refused as error:
            raise _Mendable(f"the worker may not read the secret {self._full(name)}") from error
        except PortError as error:
            raise SecretUnavailable(f"the secret {self._full(name)} could not be read", retryable=True) from error

    def _field(self, reference: Reference, secret: str) -> str:
        if not reference.key:
            return secret
        self.call.progress.conceal(secret)
        try:
            document = json.loads(secret)
        except ValueError:
            document = None  # the error's message would show a part of the secret
        name = self._full(reference.name)
        if not isinstance(document, dict):
            raise _Unfit(f"the secret {name} is no JSON object, and has no field {reference.key!r}")
        value = document.get(reference.key)
        if not isinstance(value, str):
            raise _Unfit(f"the secret {name} has no text in its field {reference.key!r}")
        return value

    def _full(self, name: str) -> str:
        """The name under which people find the secret, for a message."""
        return repr(self.secrets.full_name(self.call.tenant, name))


def refers(value: Any) -> bool:
    """Whether a JSON value refers to any secret."""
    return next(references_in(value), None) is not None
