"""The benchmark's load: jobs that together fire so many times a second, evenly, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from localstack.demo.account import Account, Lateness, Promise
from localstack.demo.jobs import Planned, Url, instant
from localstack.demo.stack import Bench

_SECOND_MS = 1_000
_LEAST_LEAD_MS = 6_000
_SLACK = 3
_STRAGGLERS_MS = 60_000
_SETTLE_MS = 2_000
_PAGE = 100


@dataclass(frozen=True)
class Load:
    """Fires of one precision tier.

    Args:
        precision: The tier.
        rate: Fires a second: as many jobs, each of which fires every second.
        seconds: For how long.
    """

    precision: str
    rate: int
    seconds: int

    def planned(self, url: Url, begin_ms: int) -> list[Planned]:
        """The jobs, their first instants spread over the second that begins at ``begin_ms``."""
        return [self._job(url, n, begin_ms + n * _SECOND_MS // self.rate) for n in range(self.rate)]

    def _job(self, url: Url, number: int, anchor_ms: int) -> Planned:
        tag, end_ms = f"{self.precision}-{number}", anchor_ms + self.seconds * _SECOND_MS
        body = {
            "name": f"bench {tag}",
            "schedule": {"every": "1s", "anchor": instant(anchor_ms)},
            "end": instant(end_ms),
            "target": {"kind": "http", "url": url(tag)},
            "precision": self.precision,
            "tags": {"made-by": "bench"},
        }
        return Planned(Promise(tag, "bench", self.precision, tuple(range(anchor_ms, end_ms, _SECOND_MS))), body)


@dataclass(frozen=True)
class Outcome:
    """What came of a load: by the receiver, and by the records that the API keeps (lateness in ms)."""

    account: Account
    recorded: Sequence[int]

    def samples(self) -> Mapping[str, Sequence[int]]:
        """Every lateness, by its source."""
        return {"by receiver": [one.lateness_ms for one in self.account.arrivals], "by records": self.recorded}

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "expected": self.account.expected,
            "received": self.account.received,
            "missing": len(self.account.missing),
            "duplicate": self.account.duplicate,
            "early": len(self.account.early),
            "unexpected": len(self.account.unexpected),
            "lateness_ms": {
                "by_receiver": asdict(self.account.lateness()),
                "by_records": asdict(Lateness.of(self.recorded)),
            },
        }


def run(load: Load, bench: Bench, each_ms: int) -> Outcome:
    """Puts a load on the scheduler and waits until all has come, or should long have."""
    clock = bench.clock
    begin_ms = clock.now_ms() + max(_LEAST_LEAD_MS, _SLACK * each_ms * load.rate)
    planned = load.planned(bench.receiver.url, begin_ms)
    ids = bench.create(planned)
    promises = [job.promise for job in planned]
    end_ms = begin_ms + (load.seconds + 1) * _SECOND_MS
    try:
        clock.sleep(max(0, end_ms - clock.now_ms()))
        bench.wait(lambda: not Account.of(promises, bench.receiver.arrivals()).missing, end_ms + _STRAGGLERS_MS)
        clock.sleep(_SETTLE_MS)  # a second request for the same fire would come by then
        return Outcome(Account.of(promises, bench.receiver.arrivals()), _recorded(bench, ids))
    finally:
        bench.delete(ids)


def _recorded(bench: Bench, ids: Iterable[str]) -> list[int]:
    found = (execution for id in ids for execution in bench.client.executions(id, page=_PAGE))
    return [execution.lateness_ms for execution in found if execution.lateness_ms is not None]
