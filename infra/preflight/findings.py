"""What the pre-flight found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)

_REFUSED_PARTS = ("AccessDenied", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "Forbidden", "403")
_UNKNOWN_CALLER = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"})
_ABSENT_PARTS = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "404")


class Weight(StrEnum):
    """How much a finding weighs."""

    BLOCKS = "blocks"  # the deployment would fail, perhaps half-way
    WARNS = "warns"  # it would succeed, and then something would be amiss
    UNREAD = "could not be read"  # nobody knows: it never blocks


@dataclass(frozen=True)
class Finding:
    """One finding.

    Args:
        weight: How much it weighs.
        what: What was found, as a sentence.
        remedy: What to do about it, as sentences.
    """

    weight: Weight
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.weight}: {self.what}\n    {self.remedy}"


class Absent(Exception):
    """What was asked for does not exist."""


class Unread(Exception):
    """It cannot be known: the right to read is missing, or the service does not answer."""


class Unidentified(Unread):
    """AWS does not know who asks."""


@contextmanager
def reading() -> Iterator[None]:
    """Translates the SDK's errors.

    Raises:
        Absent: There is no such thing.
        Unidentified: AWS does not know who asks.
        Unread: Anything else.
    """
    try:
        yield
    except (NoCredentialsError, CredentialRetrievalError, SSOError, TokenRetrievalError) as error:
        raise Unidentified(str(error).rstrip(".")) from error
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if any(part in code for part in _ABSENT_PARTS) or "does not exist" in text:
            raise Absent(text) from error
        if code in _UNKNOWN_CALLER:
            raise Unidentified(f"{code} {text}".strip().rstrip(".")) from error
        if any(part in code for part in _REFUSED_PARTS):
            raise Unread(f"{error.operation_name} is not allowed") from error
        raise Unread(f"{error.operation_name}: {code} {text}".strip().rstrip(".")) from error
    except BotoCoreError as error:
        raise Unread(str(error).rstrip(".")) from error


@dataclass
class Findings:
    """Collects findings; a check that cannot read says so and blocks nothing."""

    found: list[Finding] = field(default_factory=list)

    def add(self, weight: Weight, what: str, remedy: str) -> None:
        """Adds one."""
        self.found.append(Finding(weight, what, remedy))

    def run(self, subject: str, check: Callable[[], None]) -> None:
        """Runs a check of a subject, which is named if it cannot be read."""
        try:
            with reading():
                check()
        except Unread as problem:
            self.add(
                Weight.UNREAD,
                f"{subject}: {problem}.",
                "The deployment goes on without this check. With the right to read it, it would be checked.",
            )

    @property
    def block(self) -> bool:
        """Whether the deployment would fail."""
        return any(finding.weight is Weight.BLOCKS for finding in self.found)
