"""How much runs side by side: every reserved concurrency, batch limit and warm throughput, each a context key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tidewheel.names import PRIORITIES, Function

AWS_BATCHES = {"critical": 50, "high": 40, "normal": 40, "low": 20}
LOCAL_BATCHES = dict.fromkeys(PRIORITIES, 5)
FEWEST_BATCHES = 2
MOST_BATCHES = 1_000
"""The bounds of a mapping's maximum concurrency (CloudFormation, AWS::Lambda::EventSourceMapping ScalingConfig)."""
BATCH_SIZE = 10
"""The most messages that SQS gives at once; a larger batch needs a batching window (AWS Lambda, "Using Lambda with
Amazon SQS")."""

FEWEST_POLLERS, MOST_AT_REST, MOST_POLLERS = 2, 200, 2_000
"""The bounds of a mapping's provisioned pollers (CloudFormation, AWS::Lambda::EventSourceMapping
ProvisionedPollerConfig)."""
BATCHES_OF_A_POLLER = 10
"""So many invocations one provisioned poller keeps going (AWS Lambda, "Configuring scaling behavior for SQS event
source mappings"). With such pollers a mapping has no maximum concurrency: one excludes the other."""

UNRESERVED = 100
"""So much of an account's concurrency must stay unreserved (AWS Lambda, "Configuring reserved concurrency")."""
WATCHDOGS = 2
"""One runs each minute for a second; another may be late."""
ECONOMY_SCHEDULERS = 2
"""One runs each minute, and may take nearly that long."""
SPARE_SCHEDULERS = 2
"""Besides each scheduler and its successor: the watchdog may start one while another is about to end."""

FEWEST_WARM_READS = 12_000
FEWEST_WARM_WRITES = 4_000
"""What a new table has anyway (Amazon DynamoDB, "Understanding DynamoDB warm throughput")."""


class ReadNumber(Protocol):
    """Reads a whole number from the context: its default where it is absent; refused, naming the key, if below or above
    what it may be.
    """

    def __call__(self, key: str, default: int, least: int = 1, most: int | None = None) -> int: ...


@dataclass(frozen=True)
class Pollers:
    """The provisioned pollers of a queue: how many there always are, and how many there may be."""

    least: int
    most: int


@dataclass(frozen=True)
class Capacity:
    """What may run side by side.

    Args:
        batches: By priority: how many batches of the pool ``lambda`` run at once.
        batch_size: How many messages a batch has at most.
        dead_letter_batches: How many batches of dead letters run at once.
        dead_letter_batch_size: How many messages such a batch has at most.
        pollers: By priority: pollers that wait for a burst, in the place of a limit of batches.
        reserved: By function: concurrency that is kept for it, and that it never exceeds. Others share the account's.
        warm_reads: Reads a second that the wheel and the executions take from the start; 0: what a new table takes.
        warm_writes: Writes a second, as above.
    """

    batches: Mapping[str, int]
    batch_size: int
    dead_letter_batches: int
    dead_letter_batch_size: int
    pollers: Mapping[str, Pollers]
    reserved: Mapping[Function, int]
    warm_reads: int = 0
    warm_writes: int = 0

    @classmethod
    def from_context(cls, read: ReadNumber, *, local: bool, economy: bool, schedulers: int) -> Capacity:
        """Reads the keys.

        A function whose key is 0 has none reserved: for an account whose quota leaves nothing to reserve.
        """
        usual = LOCAL_BATCHES if local else AWS_BATCHES
        batches = {
            priority: read(f"batches_{priority}", usual[priority], FEWEST_BATCHES, MOST_BATCHES)
            for priority in PRIORITIES
        }
        pollers = {priority: found for priority in PRIORITIES if (found := _pollers(read, priority))}
        return cls(
            batches,
            read("batch_size", BATCH_SIZE, 1, BATCH_SIZE),
            read("dead_letter_batches", FEWEST_BATCHES, FEWEST_BATCHES, MOST_BATCHES),
            read("dead_letter_batch_size", BATCH_SIZE, 1, BATCH_SIZE),
            pollers,
            {} if local else _reserved(read, _side_by_side(batches, pollers), schedulers, economy=economy),
            _warm(read, "warm_reads", FEWEST_WARM_READS),
            _warm(read, "warm_writes", FEWEST_WARM_WRITES),
        )


def _pollers(read: ReadNumber, priority: str) -> Pollers | None:
    """None if the key is 0, or absent."""
    key = f"pollers_{priority}"
    if not read(key, 0, 0):
        return None
    least = read(key, 0, FEWEST_POLLERS, MOST_AT_REST)
    return Pollers(least, read(f"most_pollers_{priority}", least, least, MOST_POLLERS))


def _side_by_side(batches: Mapping[str, int], pollers: Mapping[str, Pollers]) -> int:
    """How many batches all mappings together may run at once."""
    return sum(
        BATCHES_OF_A_POLLER * pollers[priority].most if priority in pollers else number
        for priority, number in batches.items()
    )


def _warm(read: ReadNumber, key: str, fewest: int) -> int:
    return read(key, 0, fewest) if read(key, 0, 0) else 0


def _reserved(read: ReadNumber, batches: int, schedulers: int, *, economy: bool) -> dict[Function, int]:
    """A noisy neighbour in the account must not stop the wheel: the functions that turn it have concurrency of their
    own, as the worker has.
    """
    usual = {
        Function.WORKER: batches,
        Function.SCHEDULER: ECONOMY_SCHEDULERS if economy else 2 * schedulers + SPARE_SCHEDULERS,
        Function.WATCHDOG: 0 if economy else WATCHDOGS,
        Function.API: 0,
        Function.DEAD_LETTER_HANDLER: 0,
        Function.RECONCILER: 0,
    }
    found = {}
    for function, number in usual.items():
        key = f"reserved_{function}"
        if number := read(key, number, 0):
            least = {Function.WORKER: batches, Function.SCHEDULER: schedulers + 1}.get(function, 1)
            found[function] = read(key, number, least)
    return found
