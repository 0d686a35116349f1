"""Counts against tenants' limits by leased tokens: what ``domain.quotas.tokens`` decides is kept and asked for here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit, Limits, Window, shown, tokens_of, window_at
from tidewheel.domain.quotas.tokens import Allowance, allowance_after, lease_size
from tidewheel.ports import Clock, Counters


@dataclass(frozen=True, slots=True)
class Charge:
    """The tokens that one execution or request has spent.

    Args:
        tenant: Whose.
        windows: Of which windows, one of each; empty for a tenant without such limits.
    """

    tenant: str
    windows: tuple[Window, ...] = ()


class TokenLeaser:
    """The tokens that this process holds. One per process; thread-safe. A tenant without a limit costs nothing.

    Args:
        counters: Where tokens are leased.
        clock: Reads the time.
    """

    def __init__(self, counters: Counters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock
        self._lock = Lock()
        self._held: dict[tuple[str, Limit], Allowance] = {}

    def charge(self, tenant: str, limits: Limits, counted: Sequence[Limit]) -> Charge | Exceeded:
        """Spends one token of each limit that the tenant has; none at all if one of them is used up.

        Args:
            tenant: Who pays.
            limits: Its limits.
            counted: Which of them count this.

        Raises:
            PortError: The store failed; no token is spent, but some may be lost to their window.
        """
        paid: list[Window] = []
        try:
            for limit in counted:
                if limit in limits:
                    found = self._spend(tenant, limit, limits[limit])
                    if isinstance(found, Exceeded):
                        self.give_back(Charge(tenant, tuple(paid)))
                        return found
                    paid.append(found)
        except BaseException:
            self.give_back(Charge(tenant, tuple(paid)))
            raise
        return Charge(tenant, tuple(paid))

    def give_back(self, charge: Charge) -> None:
        """Returns the tokens of what then did not happen; this process may spend them until their windows end."""
        with self._lock:
            for window in charge.windows:
                held = self._held.get((charge.tenant, window.limit))
                if held is not None and held.window == window:
                    self._held[charge.tenant, window.limit] = held.given_back()

    def held(self, tenant: str, limits: Limits, of: Iterable[Limit]) -> Sequence[Allowance]:
        """What this process knows of the windows that it spends from now; without a request."""
        now_ms, found = self._clock.now_ms(), []
        for limit in of:
            held = self._held.get((tenant, limit))
            if held is not None and limit in limits and held.window.holds(now_ms):
                found.append(held)
        return found

    def _spend(self, tenant: str, limit: Limit, value: float) -> Window | Exceeded:
        """The request is made without the lock, so that a slow one holds up nobody who has tokens.

        Threads that find none at the same time lease each for itself: the tokens are shared all the same.
        """
        total = tokens_of(limit, value)
        while True:
            now_ms = self._clock.now_ms()
            window, key = window_at(limit, now_ms), (tenant, limit)
            with self._lock:
                held = self._held.get(key)
                if held is not None and held.window.from_ms >= window.from_ms:
                    window = held.window  # a clock that was put back does not go back to a window
                    if held.left:
                        self._held[key] = held.with_one_less()
                        return window
                    if held.is_out and held.is_of(window, total):
                        return Exceeded(limit, shown(limit, held.used), value, window.until_ms)
                size = lease_size(held, window, total, now_ms)
            taken = self._counters.take(tenant, window, size, total)
            with self._lock:
                held = self._held.get(key)
                if held is None or held.window.from_ms <= window.from_ms:  # else the next window has begun meanwhile
                    self._held[key] = allowance_after(held, taken, size, window, total, now_ms)
