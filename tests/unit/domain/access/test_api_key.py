from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world_examples import NOW_MS, a_token, an_api_key
from tidewheel.domain.access.api_key import ID_BYTES, SECRET_BYTES, ApiToken, is_api_key_id
from tidewheel.domain.ids import ALPHABET
from tidewheel.domain.limits import API_KEY_RETENTION_MS

ENTROPY = st.binary(min_size=ID_BYTES + SECRET_BYTES, max_size=ID_BYTES + SECRET_BYTES)


@given(ENTROPY)
def test_a_token_is_found_in_its_text(entropy: bytes) -> None:
    token = ApiToken.made(entropy)
    assert ApiToken.parse(str(token)) == token
    assert is_api_key_id(token.id)
    assert token.secret not in repr(token)


@given(ENTROPY, ENTROPY)
def test_other_entropy_is_another_token(one: bytes, other: bytes) -> None:
    assert (one == other) == (ApiToken.made(one) == ApiToken.made(other))
    assert (one == other) == (ApiToken.made(one).digest == ApiToken.made(other).digest)


@given(ENTROPY, st.integers(0, 71), st.characters(codec="utf-8"))
def test_a_token_with_one_other_character_is_none_or_another(entropy: bytes, place: int, put: str) -> None:
    text = str(ApiToken.made(entropy))
    other = text[:place] + put + text[place + 1 :]
    assert other == text or ApiToken.parse(other) != ApiToken.made(entropy)
    if put not in f"{ALPHABET}tw_":
        assert ApiToken.parse(other) is None


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: f"{text}\n", lambda text: f" {text}", lambda text: text[:-1], lambda text: ""]
)
def test_nothing_else_is_a_token(change: object) -> None:
    assert ApiToken.parse(change(str(a_token()))) is None  # type: ignore[operator]


@pytest.mark.parametrize("size", [0, ID_BYTES + SECRET_BYTES - 1, ID_BYTES + SECRET_BYTES + 1])
def test_a_token_takes_all_of_its_randomness(size: int) -> None:
    with pytest.raises(ValueError, match="42 random bytes"):
        ApiToken.made(bytes(size))


def test_a_key_is_of_its_token_alone() -> None:
    key = an_api_key(1)
    assert key.is_of(a_token(1))
    assert not key.is_of(a_token(2))
    assert not key.is_of(replace(a_token(2), id=key.id))


def test_a_key_is_valid_until_its_end() -> None:
    key = replace(an_api_key(), expires_ms=NOW_MS)
    assert [key.valid(NOW_MS - 1), key.valid(NOW_MS), key.valid(NOW_MS + 1)] == [True, False, False]
    assert not replace(an_api_key(), revoked_ms=NOW_MS).valid(NOW_MS - 1)
    assert an_api_key().valid(10**15)


def test_a_key_that_has_no_end_never_vanishes() -> None:
    assert an_api_key().vanishes_ms() is None
    ended = replace(an_api_key(), expires_ms=NOW_MS + 5, revoked_ms=NOW_MS)
    assert ended.vanishes_ms() == NOW_MS + API_KEY_RETENTION_MS
