from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.support.world_examples import NOW_MS, a_tenant
from tidewheel.adapters.memory import CountedEntropy, MemoryApiKeys, MemoryTenants, SettableClock, World
from tidewheel.domain.access.api_key import ApiKey, ApiToken
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Conflict, Forbidden, Invalid, MadeBefore, NotFound, Unauthenticated
from tidewheel.engine.access.keys import KeyService, NewKey
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.ports import PortError

ADMIN = Principal("acme", "key:admin", Role.ADMIN, frozenset({"python"}))
PLATFORM = replace(ADMIN, role=Role.PLATFORM_ADMIN)
DAY_MS = 86_400_000
ROLE_ARN = "arn:aws:iam::123456789012:role/deploys"
SESSION_ARN = "arn:aws:sts::123456789012:assumed-role/deploys/session-1"


class Desk:
    def __init__(self) -> None:
        self.world, self.clock = World(), SettableClock(NOW_MS)
        self.keys, self.tenants = MemoryApiKeys(self.world), MemoryTenants(self.world)
        self.tenants.swap(a_tenant("acme"))
        self.service = KeyService(self.keys, self.tenants, self.clock, CountedEntropy())
        self.sign_in = SignIn(self.keys, self.clock)

    def make(self, who: Principal = ADMIN, **asked: Any) -> tuple[ApiKey, str]:
        made = self.service.create(who, NewKey("a key", **{"role": Role.VIEWER} | asked))
        return made.key, str(made.token)

    def refuses(self, token: str) -> bool:
        try:
            self.sign_in.grant(f"Bearer {token}")
        except Unauthenticated as error:
            return error.problem == "the key is unknown, expired or revoked"
        return False


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_key_signs_in_as_what_it_was_made_for(desk: Desk) -> None:
    asked = {"kinds": frozenset({"python"}), "networks": ("10.0.0.0/8",), "expires_ms": NOW_MS + DAY_MS}
    key, token = desk.make(role=Role.EDITOR, **asked)
    grant = desk.sign_in.grant(f"bearer {token}")
    assert grant.principal == Principal("acme", f"key:{key.id}", Role.EDITOR, frozenset({"python"}), key.id)
    assert (grant.networks, grant.until_ms) == (("10.0.0.0/8",), NOW_MS + DAY_MS)


def test_what_is_not_its_token_is_refused_with_the_same_words(desk: Desk) -> None:
    _, token = desk.make()
    other, _ = desk.make()
    assert not desk.refuses(token)
    secret = token.rpartition("_")[2]
    forged = [f"tw_{other.id}_{secret[:-1]}x", f"tw_{'0' * 16}_{secret}", token[:-1] + "!", token.upper(), token[:-1]]
    assert [desk.refuses(one) for one in forged] == [True] * 5


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer ", "tw_x_y"])
def test_what_holds_no_token_is_refused(desk: Desk, header: str) -> None:
    with pytest.raises(Unauthenticated):
        desk.sign_in.grant(header)


def test_a_key_ends_when_it_expires_and_when_it_is_revoked(desk: Desk) -> None:
    _, soon = desk.make(expires_ms=NOW_MS + 10)
    key, token = desk.make()
    desk.clock.advance(9)
    assert not desk.refuses(soon)
    desk.clock.advance(1)
    assert desk.refuses(soon)
    desk.service.revoke(ADMIN, key.id)
    assert desk.refuses(token)
    assert desk.service.revoke(ADMIN, key.id).version == 2  # a repeat changes nothing


def test_nobody_gives_more_than_they_have(desk: Desk) -> None:
    for asked in ({"role": Role.PLATFORM_ADMIN}, {"kinds": frozenset({"command"})}):
        with pytest.raises(Forbidden):
            desk.make(**asked)
    tagged = replace(ADMIN, tags=frozenset({("team", "a")}))
    with pytest.raises(Forbidden, match="team:a"):
        desk.make(tagged)
    with pytest.raises(Forbidden):
        desk.make(tagged, tags=frozenset({("team", "b")}))
    assert desk.make(tagged, tags=frozenset({("team", "a"), ("x", "y")}))[0].tags == {("team", "a"), ("x", "y")}


def test_keys_of_other_tenants_and_other_jobs_do_not_exist(desk: Desk) -> None:
    key, _ = desk.make()
    tagged, _ = desk.make(tags=frozenset({("team", "a")}))
    stranger, narrow = replace(ADMIN, tenant="other"), replace(ADMIN, tags=frozenset({("team", "a")}))
    for who, id in ((stranger, key.id), (narrow, key.id), (ADMIN, "nonsense"), (ADMIN, "0" * 16)):
        for act in (desk.service.get, desk.service.revoke, lambda w, i: desk.service.rotate(w, i, 0)):
            with pytest.raises(NotFound) as caught:
                act(who, id)
            assert (caught.value.kind, caught.value.id) == ("key", id)
    assert [one.id for one in desk.service.listed(narrow, 10, None).items] == [tagged.id]
    assert desk.service.listed(stranger, 10, None).items == []


def test_an_expiry_that_is_past_and_a_tenant_that_is_not_there_are_refused(desk: Desk) -> None:
    with pytest.raises(Invalid, match="expires_at"):
        desk.make(expires_ms=NOW_MS)
    with pytest.raises(NotFound):
        desk.make(replace(ADMIN, tenant="nobody"))


def test_a_rotated_key_goes_on_for_the_overlap_and_no_longer(desk: Desk) -> None:
    key, old = desk.make(role=Role.EDITOR, kinds=frozenset({"python"}))
    made = desk.service.rotate(ADMIN, key.id, 1_000)
    assert (made.key.role, made.key.kinds, made.key.expires_ms) == (key.role, key.kinds, None)
    assert not desk.refuses(str(made.token))
    desk.clock.advance(999)
    assert not desk.refuses(old)
    desk.clock.advance(1)
    assert desk.refuses(old)
    with pytest.raises(Conflict):
        desk.service.rotate(ADMIN, key.id, 0)
    assert desk.keys.get(key.id).rotated_to == made.key.id  # type: ignore[union-attr]


def test_a_rotation_never_makes_a_key_last_longer(desk: Desk) -> None:
    key, _ = desk.make(expires_ms=NOW_MS + 500)
    made = desk.service.rotate(ADMIN, key.id, DAY_MS)
    assert (desk.keys.get(key.id).expires_ms, made.key.expires_ms) == (NOW_MS + 500, NOW_MS + 500)  # type: ignore[union-attr]


def test_a_rotation_that_loses_to_a_revocation_leaves_no_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = desk.make()
    swap = desk.keys.swap

    def revoked_meanwhile(new: ApiKey) -> ApiKey | None:
        if new.id == key.id:
            swap(replace(key, revoked_ms=NOW_MS, version=2))
        return swap(new)

    monkeypatch.setattr(desk.keys, "swap", revoked_meanwhile)
    with pytest.raises(Conflict):
        desk.service.rotate(ADMIN, key.id, DAY_MS)
    assert desk.refuses(token)
    assert all(one.revoked_ms is not None for one in desk.keys.list("acme", 10, None).items)


def test_the_last_key_that_makes_keys_is_not_lost_silently(desk: Desk) -> None:
    key, _ = desk.make(role=Role.ADMIN)
    desk.make(role=Role.EDITOR)
    desk.make(role=Role.ADMIN, tags=frozenset({("a", "b")}))
    with pytest.raises(Conflict, match="no other key"):
        desk.service.revoke(ADMIN, key.id)
    other, _ = desk.make(role=Role.ADMIN)
    desk.service.revoke(ADMIN, key.id)
    with pytest.raises(Conflict):
        desk.service.revoke(ADMIN, other.id)
    assert desk.service.revoke(ADMIN, other.id, last=True).revoked_ms == NOW_MS


def test_an_admin_cannot_revoke_or_rotate_a_platform_admins_key(desk: Desk) -> None:
    key, _ = desk.make(PLATFORM, role=Role.PLATFORM_ADMIN)
    for act in (lambda: desk.service.revoke(ADMIN, key.id), lambda: desk.service.rotate(ADMIN, key.id, 0)):
        with pytest.raises(Forbidden):
            act()


def test_an_aws_identity_signs_in_by_its_arn(desk: Desk) -> None:
    made = desk.service.create(
        PLATFORM, NewKey("deploys", Role.EDITOR, identity=ROLE_ARN.replace("role/", "role/x/y/"))
    )
    assert (made.token, made.key.identity) == (None, ROLE_ARN)
    assert desk.sign_in.identity(SESSION_ARN).principal == Principal("acme", ROLE_ARN, Role.EDITOR, key=made.key.id)
    with pytest.raises(Conflict):
        desk.service.create(PLATFORM, NewKey("again", Role.VIEWER, identity=ROLE_ARN))
    with pytest.raises(Conflict):
        desk.service.rotate(PLATFORM, made.key.id, 0)
    desk.service.revoke(PLATFORM, made.key.id)
    with pytest.raises(Unauthenticated):
        desk.sign_in.identity(SESSION_ARN)
    again = desk.service.create(PLATFORM, NewKey("again", Role.VIEWER, identity=ROLE_ARN))
    assert desk.sign_in.identity(ROLE_ARN).principal.role is again.key.role


def test_no_token_signs_in_as_an_aws_identity(desk: Desk) -> None:
    made = desk.service.create(PLATFORM, NewKey("deploys", Role.EDITOR, identity=ROLE_ARN))
    assert desk.refuses(str(ApiToken(made.key.id, "0" * 52)))


OTHERS = (
    "",
    "arn:aws:iam::123456789012:role/others",
    "arn:aws:iam::999999999999:role/deploys",
    "arn:aws:iam::123456789012:root",
    "arn:aws:iam::123456789012:user/deploys",
    "arn:aws:sts::123456789012:federated-user/deploys",
)


@pytest.mark.parametrize("arn", OTHERS)
def test_other_identities_are_nobody(desk: Desk, arn: str) -> None:
    desk.service.create(PLATFORM, NewKey("deploys", Role.EDITOR, identity=ROLE_ARN))
    with pytest.raises(Unauthenticated):
        desk.sign_in.identity(arn)


def test_only_a_platform_admin_says_what_an_identity_may_do(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        desk.service.create(ADMIN, NewKey("deploys", Role.VIEWER, identity=ROLE_ARN))
    with pytest.raises(Invalid, match="aws_identity"):
        desk.service.create(PLATFORM, NewKey("deploys", Role.VIEWER, identity="arn:aws:s3:::bucket"))


def test_a_store_that_fails_lets_nobody_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = desk.make()

    def fail(_id: str) -> None:
        raise PortError("api_keys.get", "x", "throttled")

    monkeypatch.setattr(desk.keys, "get", fail)
    with pytest.raises(PortError):
        desk.sign_in.grant(f"Bearer {token}")


class NewSecrets(CountedEntropy):
    """Random bytes that differ in each place, so that no two secrets are the same."""

    def bytes(self, count: int) -> bytes:
        return hashlib.shake_256(super().bytes(count)).digest(count)


@pytest.fixture
def desk_of_secrets(desk: Desk) -> Desk:
    desk.service = replace(desk.service, entropy=NewSecrets())
    return desk


class Reservation:
    """What an idempotency key remembers: the first id that was to be reserved."""

    def __init__(self) -> None:
        self.id = ""

    def __call__(self, id: str) -> str:
        self.id = self.id or id
        return self.id


def test_a_reserved_id_is_used_once_whatever_the_secret(desk_of_secrets: Desk) -> None:
    desk = desk_of_secrets
    reserve, asked = Reservation(), NewKey("a key", Role.VIEWER)
    made = desk.service.create(ADMIN, asked, reserve)
    assert (made.key.id, str(made.token).startswith(f"tw_{made.key.id}_")) == (reserve.id, True)
    assert not desk.refuses(str(made.token))
    with pytest.raises(MadeBefore) as caught:
        desk.service.create(ADMIN, asked, reserve)
    assert caught.value.id == made.key.id
    assert desk.keys.get(made.key.id) == made.key  # its token is still the first one's


def test_a_request_that_is_refused_reserves_nothing(desk: Desk) -> None:
    reserve = Reservation()
    for asked in (NewKey("x", Role.PLATFORM_ADMIN), NewKey("x", Role.VIEWER, expires_ms=NOW_MS)):
        with pytest.raises((Forbidden, Invalid)):
            desk.service.create(ADMIN, asked, reserve)
    assert reserve.id == ""


def test_a_rotation_whose_first_try_died_half_way_names_the_successor(desk_of_secrets: Desk) -> None:
    desk = desk_of_secrets
    key, old = desk.make()
    reserve, stored = Reservation(), desk.keys.swap

    def dies(new: ApiKey) -> ApiKey | None:
        if new.id == key.id:
            raise PortError("api_keys.swap", new.id, "no answer")
        return stored(new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.keys, "swap", dies)
        with pytest.raises(PortError):
            desk.service.rotate(ADMIN, key.id, 0, reserve)
    with pytest.raises(MadeBefore) as caught:
        desk.service.rotate(ADMIN, key.id, 0, reserve)
    assert caught.value.id == reserve.id
    desk.service.revoke(ADMIN, reserve.id)
    assert not desk.refuses(old)
    assert desk.service.rotate(ADMIN, key.id, 0, Reservation()).key.id != reserve.id
