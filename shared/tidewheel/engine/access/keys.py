"""Makes, rotates and revokes API keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tidewheel.domain.access.api_key import ID_BYTES, SECRET_BYTES, ApiKey, ApiToken, is_api_key_id
from tidewheel.domain.access.aws_identity import identity_id, identity_of
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Conflict, Forbidden, Invalid, MadeBefore, NotFound
from tidewheel.ports import ApiKeys, Clock, Entropy, Page, Tenants

_PAGE = 100

Reserve = Callable[[str], str]
"""Has a request under an idempotency key make one key at most: it gets the id that the key is to have, keeps it before
anything else is written, and gives it back; to a repeat it gives the id that the first one kept."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is asked for.

    Args:
        name: For people.
        role: What it may do.
        kinds: The privileged kinds of target that it may give to a job.
        tags: The tags of the jobs that it is for; empty for all.
        networks: The networks, in CIDR notation, that it is used from; empty for any.
        expires_ms: From when on it is refused (ms since the epoch, UTC); None for never.
        identity: The ARN of an AWS role or user that signs its requests; empty for a key with a token.
    """

    name: str
    role: Role
    kinds: frozenset[str] = frozenset()
    tags: frozenset[tuple[str, str]] = frozenset()
    networks: tuple[str, ...] = ()
    expires_ms: int | None = None
    identity: str = ""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key.

    Args:
        key: Its record.
        token: What its holder sends, which nobody can see again; None for an AWS identity.
    """

    key: ApiKey
    token: ApiToken | None


@dataclass(frozen=True, slots=True)
class KeyService:
    """The keys of a tenant. Nobody gives a key more than they may do themselves."""

    keys: ApiKeys
    tenants: Tenants
    clock: Clock
    entropy: Entropy

    def create(self, who: Principal, asked: NewKey, reserve: Reserve | None = None) -> MadeKey:
        """Makes a key in the principal's tenant.

        Args:
            who: Who asks.
            asked: What the key is to be.
            reserve: Reserves the id of a key with a token; None if the request carries no idempotency key.

        Raises:
            MadeBefore: An earlier try of the request made it.
            Forbidden: It would have more rights than whoever makes it.
            Invalid: It would have expired, or names no AWS identity.
            NotFound: The tenant does not exist.
            Conflict: The AWS identity has a key.
        """
        self._check_rights(who, asked)
        tenant = self.tenants.get(who.tenant)
        if tenant is None:
            raise NotFound("tenant", who.tenant, who.tenant)
        now_ms = self.clock.now_ms()
        if asked.expires_ms is not None and asked.expires_ms <= now_ms:
            raise Invalid("expires_at", "is past", "name an instant that is still to come")
        if asked.identity:
            return MadeKey(self._create_identity(who, asked, now_ms), None)
        token = self._token(reserve)
        key = _key(token.id, token.digest, who, asked, now_ms)
        self._store(key, reserve)
        return MadeKey(key, token)

    def _token(self, reserve: Reserve | None) -> ApiToken:
        """A new token, under the id that is reserved for it; its secret is a new one with each try."""
        token = ApiToken.made(self.entropy.bytes(ID_BYTES + SECRET_BYTES))
        return token if reserve is None else replace(token, id=reserve(token.id))

    def _store(self, key: ApiKey, reserve: Reserve | None) -> None:
        if self.keys.swap(key) is not None:
            raise Conflict("key", key.id, "its id is taken", "try again") if reserve is None else MadeBefore(key.id)

    def _create_identity(self, who: Principal, asked: NewKey, now_ms: int) -> ApiKey:
        if not who.role.includes(Role.PLATFORM_ADMIN):
            problem = "only a platform admin says what an AWS identity of the account may do"
            raise Forbidden(who.name, problem, "ask a platform admin")
        identity = identity_of(asked.identity)
        if identity is None:
            raise Invalid(
                "aws_identity", f"{asked.identity[:80]!r} is not the ARN of a role or user", "use that of an IAM role"
            )
        key = replace(_key(identity_id(identity), "", who, asked, now_ms), identity=identity)
        standing = self.keys.get(key.id)
        if standing is not None:
            if standing.valid(now_ms) or standing.tenant != who.tenant:
                raise Conflict("key", key.id, f"{identity} has one", "revoke that first")
            key = replace(key, version=standing.version + 1)
        if self.keys.swap(key) is not None:
            raise Conflict("key", key.id, f"{identity} has one", "revoke that first")
        return key

    @staticmethod
    def _check_rights(who: Principal, asked: NewKey) -> None:
        if not who.role.includes(asked.role):
            raise Forbidden(who.name, f"a key of the role {asked.role} may do more than you", "ask for less")
        if beyond := sorted(asked.kinds - who.kinds):
            problem = f"you do not have the kind {beyond[0]}, so that you cannot give it to a key"
            raise Forbidden(who.name, problem, "leave it out, or ask somebody who has it")
        if missing := who.tags_missing_in(asked.tags):
            raise Forbidden(who.name, f"your key is for jobs with the tags {missing} alone", "give the key these tags")

    def get(self, who: Principal, id: str) -> ApiKey:
        """One key of the principal's tenant.

        Raises:
            NotFound: There is none, or it is for more jobs than the principal's own.
        """
        key = self.keys.get(id) if is_api_key_id(id) else None
        if key is None or key.tenant != who.tenant or not who.sees(key.tags):
            raise NotFound("key", who.tenant, id)
        return key

    def exists(self, id: str) -> bool:
        """Whether there is a key of this id, of whichever tenant, valid or not."""
        return self.keys.get(id) is not None

    def listed(self, who: Principal, limit: int, after: str | None) -> Page[ApiKey]:
        """Keys of the principal's tenant, by id; of those for fewer jobs than all, if its own is such a one."""
        page = self.keys.list(who.tenant, limit, after)
        return replace(page, items=[key for key in page.items if who.sees(key.tags)])

    def rotate(self, who: Principal, id: str, overlap_ms: int, reserve: Reserve | None = None) -> MadeKey:
        """Makes a key of the same rights, and has the old one end after an overlap.

        Args:
            who: Who asks.
            id: The old key's id.
            overlap_ms: How long the old one stays valid, at most ``limits.MAX_OVERLAP_MS``.
            reserve: Reserves the id of the new one; None if the request carries no idempotency key.

        Raises:
            MadeBefore: An earlier try of the request made it.
            NotFound: There is no such key.
            Forbidden: It may do more than whoever asks.
            Conflict: It is not valid any more, was rotated before, has no token, or was changed at the same time.
        """
        key, now_ms = self.get(who, id), self.clock.now_ms()
        if key.identity or not key.valid(now_ms) or key.rotated_to:
            problem = "it has no token" if key.identity else "it was rotated, or is not valid any more"
            raise Conflict("key", id, problem, "make a new key")
        self._check_rights(who, _asked(key))
        token = self._token(reserve)
        successor = replace(
            key,
            id=token.id,
            digest=token.digest,
            created_ms=now_ms,
            created_by=who.name,
            version=1,
        )
        ends_ms = min(now_ms + overlap_ms, key.expires_ms if key.expires_ms is not None else now_ms + overlap_ms)
        self._store(successor, reserve)
        old = replace(key, expires_ms=ends_ms, rotated_to=successor.id, version=key.version + 1)
        if self.keys.swap(old) is not None:  # another rotation or a revocation was first: the successor must not stay
            self.keys.swap(replace(successor, revoked_ms=now_ms, version=2))
            raise Conflict("key", id, "it was changed at the same time", "look at it again")
        return MadeKey(successor, token)

    def revoke(self, who: Principal, id: str, *, last: bool = False) -> ApiKey:
        """Has a key refused from now on. A repeat changes nothing.

        Args:
            who: Who asks.
            id: The key's id.
            last: Whether it may be the tenant's last one that can make others.

        Raises:
            NotFound: There is no such key.
            Forbidden: It may do more than whoever asks.
            Conflict: It is the last one that can make others, or was changed at the same time.
        """
        key, now_ms = self.get(who, id), self.clock.now_ms()
        if key.revoked_ms is not None:
            return key
        if not who.role.includes(key.role):
            raise Forbidden(who.name, f"a key of the role {key.role} may do more than you", "ask somebody who may")
        if not last and _makes_keys(key) and not self._another_makes_keys(key, now_ms):
            problem = "no other key of the tenant makes keys and stays valid"
            raise Conflict("key", id, problem, "make another one first, or say that it may be the last")
        revoked = replace(key, revoked_ms=now_ms, version=key.version + 1)
        if self.keys.swap(revoked) is not None:
            raise Conflict("key", id, "it was changed at the same time", "look at it again")
        return revoked

    def _another_makes_keys(self, besides: ApiKey, now_ms: int) -> bool:
        after: str | None = None
        while True:
            page = self.keys.list(besides.tenant, _PAGE, after)
            if any(key.id != besides.id and _makes_keys(key) and _stays(key, now_ms) for key in page.items):
                return True
            if page.cursor is None:
                return False
            after = page.cursor


def _key(id: str, digest: str, who: Principal, asked: NewKey, now_ms: int) -> ApiKey:
    return ApiKey(
        id,
        who.tenant,
        asked.name,
        digest,
        asked.role,
        kinds=asked.kinds,
        tags=asked.tags,
        networks=asked.networks,
        created_ms=now_ms,
        created_by=who.name,
        expires_ms=asked.expires_ms,
    )


def _asked(key: ApiKey) -> NewKey:
    return NewKey(key.name, key.role, key.kinds, key.tags, key.networks, key.expires_ms, key.identity)


def _makes_keys(key: ApiKey) -> bool:
    return key.role.includes(Role.ADMIN) and not key.tags


def _stays(key: ApiKey, now_ms: int) -> bool:
    """Whether it is valid, and was not given an end by its rotation."""
    return key.valid(now_ms) and not key.rotated_to
