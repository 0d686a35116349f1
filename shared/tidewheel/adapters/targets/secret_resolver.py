"""Replaces references to secrets in a target's spec by the secrets, at the time of the call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.concealing import forms
from tidewheel.domain.jobs.secret import NAME, Reference, reference_of, references_in
from tidewheel.ports import Call, PortError, Secrets


class SecretUnavailable(Exception):
    """A secret that a call needs cannot be read. The text holds its name, never its value.

    Args:
        reason: Why, for people.
        retryable: Whether trying again may help.
    """

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable

    def answer(self) -> Answer:
        """The answer of an attempt that was not made because of it."""
        return Answer(Result.FAILED, reason=str(self), retryable=self.retryable)


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

    def text(self, reference: Reference) -> str:
        """The secret that a reference names, with the reference's prefix in front.

        Raises:
            SecretUnavailable: It cannot be read.
        """
        secret = self.certificates(reference)
        for form in forms(secret):
            self.call.progress.conceal(form)  # a target may send it back, escaped as JSON
        return reference.prefix + secret

    def certificates(self, reference: Reference) -> str:
        """The text that a reference names, which is not confidential by itself: nothing is concealed for its sake.

        Raises:
            SecretUnavailable: It cannot be read.
        """
        return self._field(reference, self._secret(reference.name))

    def _secret(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise SecretUnavailable(f"{name!r} is no name of a secret")
        try:
            return self.secrets.get(self.call.tenant, name)
        except LookupError as error:
            raise SecretUnavailable(f"there is no secret {name!r}") from error
        except PortError as error:
            raise SecretUnavailable(f"the secret {name!r} could not be read", retryable=True) from error

    def _field(self, reference: Reference, secret: str) -> str:
        if not reference.key:
            return secret
        self.call.progress.conceal(secret)
        try:
            document = json.loads(secret)
        except ValueError:
            document = None  # the error's message would show a part of the secret
        if not isinstance(document, dict):
            raise SecretUnavailable(
                f"the secret {reference.name!r} is no JSON object, and has no field {reference.key!r}"
            )
        value = document.get(reference.key)
        if not isinstance(value, str):
            raise SecretUnavailable(f"the secret {reference.name!r} has no text in its field {reference.key!r}")
        return value


def refers(value: Any) -> bool:
    """Whether a JSON value refers to any secret."""
    return next(references_in(value), None) is not None
