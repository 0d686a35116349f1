"""The public keys of issuers (JWKS, RFC 7517), kept so that strangers' tokens cause next to no requests."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from tidewheel.domain.limits import HOUR_MS, SECOND_MS
from tidewheel.ports import Clock, PortError

FETCH_EVERY_MS = 30 * SECOND_MS
"""The least time between two fetches of one set."""
UNKNOWN_FOR_MS = 300 * SECOND_MS
"""How long a key id that the set lacked is refused without another fetch."""
MAX_UNKNOWN = 128
"""How many such ids are remembered; the oldest goes first."""
FRESH_FOR_MS = HOUR_MS
"""How old a set may be before it is fetched anew, so that keys that were withdrawn are not accepted for ever."""
STALE_FOR_MS = 24 * HOUR_MS
"""How long an old set is used while its issuer cannot be reached."""
MAX_KEYS = 100
_KEY_TYPES = {"RSA", "EC", "OKP"}

Fetch = Callable[[str], bytes]
"""Reads the document at a URL, in bounded time and size; raises ``PortError``."""
Key = Mapping[str, Any]
"""A public key, as its set has it."""


class KeySet:
    """One issuer's keys.

    A key id that the set lacks has it fetched anew, at most once in ``FETCH_EVERY_MS``, and is then refused without a
    fetch for ``UNKNOWN_FOR_MS``. Unknown ids have a memory of their own, so that no number of them displaces a key.

    Args:
        url: Where the set is.
        fetch: Reads it.
        clock: Its monotonic time counts.
    """

    def __init__(self, url: str, fetch: Fetch, clock: Clock) -> None:
        self._url, self._fetch, self._clock = url, fetch, clock
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._unknown: OrderedDict[str, int] = OrderedDict()
        self._tried_ms: int | None = None
        self._read_ms: int | None = None
        self._failure: PortError | None = None

    def get(self, id: str) -> Key | None:
        """The key of this id; None if the issuer has none.

        Raises:
            PortError: The set could not be read, and none is kept that is good enough.
        """
        with self._lock:
            now_ms = self._clock.monotonic_ms()
            if id in self._keys and self._age_ms(now_ms) < FRESH_FOR_MS:
                return self._keys[id]
            if id not in self._keys and now_ms < self._unknown.get(id, now_ms):
                return None
            read = self._read_again(now_ms)
            if self._age_ms(now_ms) >= STALE_FOR_MS:
                raise self._failure or PortError("key_sets.get", self._url, "its keys were not read lately")
            if id not in self._keys and read:
                self._remember(id, now_ms)
            return self._keys.get(id)

    def _age_ms(self, now_ms: int) -> int:
        return STALE_FOR_MS if self._read_ms is None else now_ms - self._read_ms

    def _read_again(self, now_ms: int) -> bool:
        """Fetches the set, unless that was tried a moment ago; whether it was read."""
        if self._tried_ms is not None and now_ms - self._tried_ms < FETCH_EVERY_MS:
            return False
        self._tried_ms = now_ms
        try:
            self._keys = keys_of(self._fetch(self._url))
        except PortError as error:
            self._failure = error
            return False
        except ValueError as error:
            self._failure = PortError("key_sets.get", self._url, f"it holds no set of keys: {error}")
            return False
        self._read_ms = now_ms
        for id in self._keys.keys() & self._unknown.keys():
            del self._unknown[id]
        return True

    def _remember(self, id: str, now_ms: int) -> None:
        self._unknown[id] = now_ms + UNKNOWN_FOR_MS
        self._unknown.move_to_end(id)
        while len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)


def keys_of(document: bytes) -> dict[str, Key]:
    """The keys for signatures of a set, by id; secret ones, which no issuer publishes, are left out.

    Raises:
        ValueError: It is no set.
    """
    try:
        held = json.loads(document)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(held, dict) or not isinstance(held.get("keys"), list) or len(held["keys"]) > MAX_KEYS:
        raise ValueError(f'an object is expected whose "keys" are at most {MAX_KEYS}')
    found: dict[str, Key] = {}
    for key in held["keys"]:
        if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig":
            id = key.get("kid")
            if isinstance(id, str) and id:
                found[id] = key
    return found
