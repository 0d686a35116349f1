"""Puts secrets where a target's definition refers to them, when it is called and not before."""

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


class NotRevealed(Exception):
    """A secret that a call needs cannot be had; the text names it and never shows it.

    Args:
        reason: Why, for people.
        retryable: Whether trying again may help.
    """

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable

    def answer(self) -> Answer:
        """What an attempt comes to that could not be made for want of it."""
        return Answer(Result.FAILED, reason=str(self), retryable=self.retryable)


@dataclass(frozen=True, slots=True)
class Revealing:
    """Secrets for one call. Each is concealed in all that the call leaves behind before anyone gets to see it."""

    secrets: Secrets
    call: Call

    def everywhere(self, value: Any) -> Any:
        """A JSON value with the texts in place of its references.

        Raises:
            NotRevealed: One of them cannot be had.
        """
        reference = reference_of(value)
        if reference is not None:
            return self.text(reference)
        if isinstance(value, Mapping):
            return {name: self.everywhere(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.everywhere(part) for part in value]
        return value

    def text(self, reference: Reference) -> str:
        """The text that a reference stands for, its prefix before it.

        Raises:
            NotRevealed: It cannot be had.
        """
        secret = self._field(reference, self._secret(reference.name))
        for form in forms(secret):
            self.call.progress.conceal(form)  # a target may well send back what it got, as JSON
        return reference.prefix + secret

    def _secret(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise NotRevealed(f"{name!r} is no name of a secret")
        try:
            return self.secrets.get(self.call.tenant, name)
        except LookupError as error:
            raise NotRevealed(f"there is no secret {name!r}") from error
        except PortError as error:
            raise NotRevealed(f"the secret {name!r} could not be read", retryable=True) from error

    def _field(self, reference: Reference, secret: str) -> str:
        if not reference.key:
            return secret
        self.call.progress.conceal(secret)
        try:
            document = json.loads(secret)
        except ValueError:
            document = None  # whose message would show a part of it
        if not isinstance(document, dict):
            raise NotRevealed(f"the secret {reference.name!r} is no JSON object, and has no field {reference.key!r}")
        value = document.get(reference.key)
        if not isinstance(value, str):
            raise NotRevealed(f"the secret {reference.name!r} has no text in its field {reference.key!r}")
        return value


def refers(value: Any) -> bool:
    """Whether a JSON value refers to any secret."""
    return next(references_in(value), None) is not None
