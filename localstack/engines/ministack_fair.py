"""Has MiniStack's standard queues share fairly between message groups, as those of Amazon SQS do.

As shipped they hand out what was sent first, so that one tenant's backlog stands before everybody's messages, which it
does not on AWS ("How Amazon SQS fair queues work", Amazon SQS Developer Guide): a group that takes more than a tenth of
the consumers is noisy, and is handed out after those that do not; among noisy groups the one with the fewest messages
in flight comes first. Run by the interpreter of MiniStack's own venv, so it imports nothing of this project. What it
replaces is checked before it is touched.
"""

from __future__ import annotations

import heapq
import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

SHARE = 0.1
"""Above it, of the messages in flight or of the time that consumers gave of late, a group is noisy."""
LEAST_IN_FLIGHT = 30
"""So many messages in flight a group needs at least to be noisy by their number alone."""
RECENT_S = 30.0
"""How far back the time of consumers counts: Amazon's page says "recent"; what is older fades away."""
_FORGOTTEN_S = 1e-6

Message = MutableMapping[str, Any]
Queue = MutableMapping[str, Any]
Collect = Callable[[Queue, int, int], list[Message]]


class CannotShare(Exception):
    """MiniStack is not made as this module expects; the message names the part."""


@dataclass
class Consumers:
    """What the groups of one queue have taken of its consumers.

    Args:
        at_s: When it was last counted, s since the epoch.
        taken_s: Seconds of consumers by group; each second counts less the longer ago it was.
    """

    at_s: float = 0.0
    taken_s: Counter[str] = field(default_factory=Counter)

    def noisy(self, in_flight: Mapping[str, int], now_s: float) -> frozenset[str]:
        """The noisy groups.

        Args:
            in_flight: How many messages of each group are with consumers, and were since the last count.
            now_s: The time, s since the epoch.
        """
        passed_s = max(0.0, now_s - self.at_s) if self.at_s else 0.0
        fades = math.exp(-passed_s / RECENT_S)
        groups = {*self.taken_s, *in_flight}
        counted = {group: self.taken_s[group] * fades + in_flight.get(group, 0) * passed_s for group in groups}
        self.at_s = now_s
        self.taken_s = Counter({group: seconds for group, seconds in counted.items() if seconds > _FORGOTTEN_S})
        many, long = sum(in_flight.values()), sum(self.taken_s.values())
        by_number = {group for group, count in in_flight.items() if count >= LEAST_IN_FLIGHT and count > SHARE * many}
        return frozenset(by_number | {group for group, seconds in self.taken_s.items() if seconds > SHARE * long})


def in_turn(
    visible: Sequence[Message], in_flight: Mapping[str, int], noisy: frozenset[str], count: int
) -> list[Message]:
    """Which messages are handed out.

    Args:
        visible: What can be, as it was sent.
        in_flight: How many messages of each group are with consumers.
        noisy: The noisy groups.
        count: At most so many.
    """
    chosen = [message for message in visible if message.get("group_id") not in noisy][:count]
    waiting: dict[str, list[Message]] = {}
    for message in visible:
        if message.get("group_id") in noisy:
            waiting.setdefault(message["group_id"], []).append(message)
    turns = [(in_flight.get(group, 0), place, group) for place, group in enumerate(waiting)]
    heapq.heapify(turns)
    given = Counter[str]()
    while turns and len(chosen) < count:
        taken, place, group = heapq.heappop(turns)
        chosen.append(waiting[group][given[group]])
        given[group] += 1
        if given[group] < len(waiting[group]):
            heapq.heappush(turns, (taken + 1, place, group))
    return chosen


def fairly(collect: Collect, now_s: Callable[[], float]) -> Collect:
    """Wraps what picks the messages for a consumer.

    Args:
        collect: MiniStack's; of a queue's messages it takes the first that are visible.
        now_s: The time, s since the epoch.
    """
    known: dict[str, Consumers] = {}

    def collect_fairly(queue: Queue, count: int, visibility_s: int) -> list[Message]:
        if queue["is_fifo"] or not any(message.get("group_id") for message in queue["messages"]):
            return collect(queue, count, visibility_s)
        now = now_s()
        in_flight = Counter[str](
            message["group_id"]
            for message in queue["messages"]
            if message.get("group_id") and message["visible_at"] > now and message.get("receive_count")
        )
        consumers = known.setdefault(queue["attributes"]["QueueArn"], Consumers())
        noisy = consumers.noisy(in_flight, now)
        visible = [message for message in queue["messages"] if message["visible_at"] <= now]
        return collect({**queue, "messages": in_turn(visible, in_flight, noisy, count)}, count, visibility_s)

    return collect_fairly


def share(load: Callable[[str], ModuleType]) -> None:
    """Has the queues share.

    Args:
        load: Imports a module.

    Raises:
        CannotShare: This MiniStack is made differently.
    """
    name = "ministack.services.sqs"
    try:
        module = load(name)
    except ImportError as error:
        raise CannotShare(str(error)) from error
    collect = getattr(module, "_collect_msgs", None)
    if not callable(collect) or list(inspect.signature(collect).parameters) != ["q", "max_n", "vis_timeout"]:
        raise CannotShare(f"{name}._collect_msgs has other parameters")
    now_s = getattr(getattr(module, "time", None), "time", None)
    if not callable(now_s):
        raise CannotShare(f"{name}.time is gone")
    for caller in ("_act_receive_message", "_receive_messages_for_esm"):
        if "_collect_msgs" not in getattr(getattr(getattr(module, caller, None), "__code__", None), "co_names", ()):
            raise CannotShare(f"{name}.{caller} does not call _collect_msgs")
    vars(module)["_collect_msgs"] = fairly(collect, now_s)
