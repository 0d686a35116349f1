"""AWS identities that call the API with a signature: how their ARNs are written, and where their record lies."""

from __future__ import annotations

import hashlib
import re

from tidewheel.domain.access.api_key import ID_BYTES
from tidewheel.domain.ids import text_of_entropy

_IDENTITY = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):(role|user)/(?:[\x21-\x7e]+/)?([\w+=,.@-]{1,64})", re.ASCII)
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([\w+=,.@-]{1,64})/[\w+=,.@-]{2,64}", re.ASCII)


def identity_of(arn: str) -> str | None:
    """The ARN of the role or user that an ARN speaks of, without path and session; None if it speaks of neither.

    A session of a role does not say its path (AWS IAM, "IAM identifiers"), and names are unique in an account.
    """
    if session := _SESSION.fullmatch(arn):
        partition, account, name = session.groups()
        return f"arn:{partition}:iam::{account}:role/{name}"
    if identity := _IDENTITY.fullmatch(arn):
        partition, account, kind, name = identity.groups()
        return f"arn:{partition}:iam::{account}:{kind}/{name}"
    return None


def identity_id(identity: str) -> str:
    """The id of the record of an identity, as ``identity_of`` gives it: it has the form of an API key's id."""
    return text_of_entropy(hashlib.sha256(identity.encode()).digest()[:ID_BYTES])
