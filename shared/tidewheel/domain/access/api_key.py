"""API keys: the token that a caller sends, and the record that it is compared with."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import ALPHABET, text_of_entropy
from tidewheel.domain.limits import API_KEY_RETENTION_MS

ID_BYTES = 10
SECRET_BYTES = 32
"""Of randomness: 256 bits of a secret cannot be guessed, and 80 of an id make two keys of one id unlikely."""
_ID_DIGITS, _SECRET_DIGITS = 16, 52  # in base 32, five bits each
API_KEY_ID_PATTERN = rf"[{ALPHABET}]{{{_ID_DIGITS}}}"
"""Of a key's id."""
_ID = re.compile(API_KEY_ID_PATTERN)
_TOKEN = re.compile(rf"tw_({API_KEY_ID_PATTERN})_([{ALPHABET}]{{{_SECRET_DIGITS}}})")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a caller sends: ``tw_<id>_<secret>``. The service keeps none; ``repr`` shows no secret.

    Args:
        id: The key's id, which names its record.
        secret: 256 bits in base 32.
    """

    id: str
    secret: str

    def __str__(self) -> str:
        return f"tw_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"ApiToken({self.id!r}, …)"

    @property
    def digest(self) -> str:
        """The SHA-256 of the token, in hexadecimal: all that is stored of it."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    @classmethod
    def made(cls, entropy: bytes) -> ApiToken:
        """A new token.

        Args:
            entropy: ``ID_BYTES`` + ``SECRET_BYTES`` random bytes.

        Raises:
            ValueError: It is another number of bytes.
        """
        if len(entropy) != ID_BYTES + SECRET_BYTES:
            raise ValueError(f"a token takes {ID_BYTES + SECRET_BYTES} random bytes, not {len(entropy)}")
        return cls(text_of_entropy(entropy[SECRET_BYTES:]), text_of_entropy(entropy[:SECRET_BYTES]))

    @classmethod
    def parse(cls, text: str) -> ApiToken | None:
        """The token that the text is; None for any other text."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], found[2]) if found else None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The record of an API key. It never changes but for its expiry and its revocation.

    Args:
        id: Its id.
        tenant: The tenant in which whoever holds it acts.
        name: For people.
        digest: ``ApiToken.digest`` of its token; empty if it is an AWS identity's.
        role: What it may do.
        kinds: The privileged kinds of target that it may give to a job.
        tags: It sees and changes only jobs that have all of these tags; empty for all jobs.
        networks: The networks, in CIDR notation, that it is used from; empty for any.
        created_ms: When it was made (ms since the epoch, UTC).
        created_by: The name of the principal that made it.
        expires_ms: From when on it is refused (ms since the epoch, UTC); None for never.
        revoked_ms: When it was revoked (ms since the epoch, UTC), or None.
        rotated_to: The id of the key that is to be used instead; empty unless it was rotated.
        identity: The ARN of the AWS role or user that signs requests instead of sending a token; empty otherwise.
        version: Raised by every write; the first is 1.
    """

    id: str
    tenant: str
    name: str
    digest: str
    role: Role
    kinds: frozenset[str] = frozenset()
    tags: frozenset[tuple[str, str]] = frozenset()
    networks: tuple[str, ...] = ()
    created_ms: int = 0
    created_by: str = ""
    expires_ms: int | None = None
    revoked_ms: int | None = None
    rotated_to: str = ""
    identity: str = ""
    version: int = 1

    def is_of(self, token: ApiToken) -> bool:
        """Whether the token is this key's; it takes as long whatever it differs in."""
        return hmac.compare_digest(self.digest.encode(), token.digest.encode())

    @property
    def principal(self) -> Principal:
        """Whoever holds it."""
        name = self.identity or f"key:{self.id}"
        return Principal(self.tenant, name, self.role, self.kinds, self.id, self.tags)

    @property
    def grant(self) -> Grant:
        """What it grants."""
        return Grant(self.principal, self.networks, self.expires_ms)

    def valid(self, now_ms: int) -> bool:
        """Whether it is accepted at a time: neither revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def vanishes_ms(self) -> int | None:
        """When its record may vanish (ms since the epoch, UTC): a while after its end; None if it has none."""
        ends = [end for end in (self.expires_ms, self.revoked_ms) if end is not None]
        return min(ends) + API_KEY_RETENTION_MS if ends else None


def is_api_key_id(text: str) -> bool:
    """Whether the text has the form of a key's id."""
    return _ID.fullmatch(text) is not None
