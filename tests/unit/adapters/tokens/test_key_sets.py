from __future__ import annotations

import json

import pytest

from tests.support.issuing import URL, Published
from tidewheel.adapters.memory import SettableClock
from tidewheel.adapters.tokens.key_sets import (
    FETCH_EVERY_MS,
    FRESH_FOR_MS,
    MAX_UNKNOWN,
    STALE_FOR_MS,
    UNKNOWN_FOR_MS,
    KeySet,
    keys_of,
)
from tidewheel.ports import PortError

KEY = {"kty": "RSA", "kid": "one"}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(1_795_000_000_000)


@pytest.fixture
def published() -> Published:
    return Published(KEY)


@pytest.fixture
def keys(published: Published, clock: SettableClock) -> KeySet:
    return KeySet(URL, published.fetch, clock)


def test_a_set_is_read_once_and_again_when_it_is_old(keys: KeySet, published: Published, clock: SettableClock) -> None:
    assert [keys.get("one") for _ in range(5)] == [KEY] * 5
    assert published.reads == 1
    clock.advance(FRESH_FOR_MS)
    assert keys.get("one") == KEY
    assert published.reads == 2


def test_a_new_key_is_found_as_soon_as_the_set_may_be_read_again(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    assert keys.get("one") == KEY
    published.keys.append(KEY | {"kid": "two"})
    assert keys.get("two") is None
    clock.advance(FETCH_EVERY_MS)
    assert keys.get("two") == KEY | {"kid": "two"}
    assert published.reads == 2


def test_a_key_that_was_asked_for_too_early_is_known_once_another_has_the_set_read(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    assert keys.get("two") is None
    published.keys.append(KEY | {"kid": "two"})
    clock.advance(FETCH_EVERY_MS)
    assert keys.get("two") is None  # remembered as unknown
    assert keys.get("three") is None  # has the set read
    assert keys.get("two") == KEY | {"kid": "two"}


def test_an_unknown_key_is_refused_without_a_request_for_a_while(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    for passed in range(0, UNKNOWN_FOR_MS, FETCH_EVERY_MS):
        assert keys.get("made up") is None
        assert (passed, published.reads) == (passed, 1)
        clock.advance(FETCH_EVERY_MS)
    assert keys.get("made up") is None
    assert published.reads == 2


def test_ten_thousand_unknown_keys_cause_one_request_in_thirty_seconds_and_displace_none(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    assert keys.get("one") == KEY
    for number in range(10_000):
        assert keys.get(f"made up {number}") is None
        clock.advance(10)
        if number % 1_000 == 0:
            assert keys.get("one") == KEY
    assert published.reads == 1 + 100_000 // FETCH_EVERY_MS
    assert len(keys._unknown) <= MAX_UNKNOWN
    assert keys.get("one") == KEY


def test_what_is_withdrawn_is_refused_once_the_set_was_read(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    assert keys.get("one") == KEY
    published.keys = [KEY | {"kid": "two"}]
    clock.advance(FRESH_FOR_MS)
    assert keys.get("one") is None


def test_an_issuer_that_is_down_has_its_keys_used_for_a_day(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    assert keys.get("one") == KEY
    published.down = True
    clock.advance(STALE_FOR_MS - 1)
    assert keys.get("one") == KEY
    clock.advance(1)
    with pytest.raises(PortError):
        keys.get("one")
    clock.advance(1)
    with pytest.raises(PortError):  # and it is not asked again at once
        keys.get("one")
    assert published.reads == 2
    published.down = False
    clock.advance(FETCH_EVERY_MS)
    assert keys.get("one") == KEY


def test_an_unknown_key_is_not_remembered_while_the_issuer_is_down(
    keys: KeySet, published: Published, clock: SettableClock
) -> None:
    published.down = True
    with pytest.raises(PortError):
        keys.get("one")
    published.down = False
    clock.advance(FETCH_EVERY_MS)
    assert keys.get("one") == KEY


@pytest.mark.parametrize("text", ["", "[]", '{"keys": {}}', json.dumps({"keys": [KEY] * 101}), "null"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        keys_of(text.encode())


def test_secret_keys_and_those_for_other_uses_are_left_out() -> None:
    held = [KEY, {"kty": "oct", "kid": "two", "k": "AA"}, KEY | {"kid": "three", "use": "enc"}, {"kty": "RSA"}, "x"]
    assert keys_of(json.dumps({"keys": held}).encode()) == {"one": KEY}
