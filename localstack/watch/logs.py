"""The functions' logs, followed: each line once, in the order in which the engine gives them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Function

OVERLAP_MS = 5_000
"""How far behind the newest line one looks again: a line is stamped before it is stored, so others overtake it."""
PAGE = 10_000
"""The most events that one answer holds (CloudWatch Logs). MiniStack says not that there are more."""
REST_MS = 500
IDLE_SHARE = 10
"""A rest is so many times as long as the look before it: MiniStack walks through a stream for each invocation."""
_NOISE = re.compile(r"(START|END|REPORT) RequestId: |INIT_START |XRAY TraceId: ")
_KNOWN = ("level", "message", "timestamp", "location", "service", "exception", "stack_trace", "exception_name")
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}

Event = Mapping[str, Any]
"""As FilterLogEvents gives it; MiniStack's have no ``eventId``."""


@dataclass(frozen=True)
class Shown:
    """A line to print, and its style."""

    text: str
    style: str = ""


class Tail:
    """One log group's lines, of which those that were given before are left out.

    Args:
        since_ms: Where to begin; epoch ms.
    """

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._seen: Counter[tuple[Any, ...]] = Counter()

    def fresh(self, events: Sequence[Event], *, whole: bool = True) -> list[Event]:
        """The new ones among the events since ``since_ms``, which moves on.

        Events of one invocation share a timestamp, and some share a text: the second of two equal lines is new when
        one was seen.

        Args:
            events: What the engine gave.
            whole: Whether that is all there is. If not, what follows is to be asked for next, so nothing overlaps.
        """
        found, counted = [], Counter[tuple[Any, ...]]()
        for event in events:
            key = _key(event)
            counted[key] += 1
            if counted[key] > self._seen[key]:
                found.append(event)
        self._seen |= counted
        newest = max((int(event["timestamp"]) for event in events), default=self.since_ms)
        self.since_ms = max(self.since_ms, newest - OVERLAP_MS) if whole else newest
        self._seen = Counter({key: count for key, count in self._seen.items() if key[0] >= self.since_ms})
        return found


def _key(event: Event) -> tuple[Any, ...]:
    at = int(event["timestamp"])
    return (at, event["eventId"]) if event.get("eventId") else (at, event.get("logStreamName"), event["message"])


def shown(event: Event) -> Iterator[Shown]:
    """What is printed of an event: nothing of Lambda's own lines and of metrics, the gist of a JSON line, else all."""
    text = str(event["message"]).rstrip("\n")
    if not text.strip() or _NOISE.match(text):
        return
    at = datetime.fromtimestamp(event["timestamp"] / 1_000, UTC).strftime("%H:%M:%S.%f")[:-3]
    document = _object(text)
    if document is None:
        yield from (Shown(f"{at} {line}") for line in text.splitlines())
    elif "_aws" not in document:
        yield from _gist(at, document)


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and ("message" in found or "_aws" in found) else None


def _gist(at: str, document: Mapping[str, Any]) -> Iterator[Shown]:
    level = str(document.get("level", ""))
    style = _STYLES.get(level, "")
    fields = (f"{name}={_brief(value)}" for name, value in document.items() if name not in _KNOWN)
    yield Shown(" ".join(filter(None, (at, level, _brief(document.get("message", "")), *fields))), style)
    for line in str(document.get("exception", "")).splitlines():
        yield Shown(f"{at}   {line}", style)


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Follower:
    """Follows the logs of a deployment's functions.

    Args:
        logs: A CloudWatch Logs client.
        groups: The log group of each function.
        show: Takes the lines.
        clock: For the beginning, and for the rests.
    """

    def __init__(
        self,
        logs: Any,
        groups: Mapping[Function, str],
        show: Callable[[Function, Shown], None],
        clock: SystemClock,
    ) -> None:
        self._logs = logs
        self._groups = groups
        self._show = show
        self._clock = clock
        self._tails = {role: Tail(clock.now_ms()) for role in groups}

    def look(self) -> None:
        """Shows what is new in each group.

        Raises:
            BotoCoreError: The engine does not answer.
            ClientError: It refuses.
        """
        for role, group in self._groups.items():
            for event in self._new(group, self._tails[role]):
                for line in shown(event):
                    self._show(role, line)

    def follow(self, going: Callable[[], bool], failed: Callable[[Exception], None]) -> None:
        """Looks again and again; what goes wrong is told, and tried again."""
        while going():
            began_ms = self._clock.monotonic_ms()
            try:
                self.look()
            except (BotoCoreError, ClientError) as error:
                failed(error)
            took_ms = self._clock.monotonic_ms() - began_ms
            self._clock.sleep(max(REST_MS, IDLE_SHARE * took_ms))

    def _new(self, group: str, tail: Tail) -> Iterator[Event]:
        whole = False
        while not whole:
            begin_ms = tail.since_ms
            events, whole = self._since(group, begin_ms)
            yield from tail.fresh(events, whole=whole)
            whole = whole or tail.since_ms == begin_ms

    def _since(self, group: str, since_ms: int) -> tuple[list[Event], bool]:
        """The events, and whether that is all."""
        paginator = self._logs.get_paginator("filter_log_events")
        try:
            pages = [page["events"] for page in paginator.paginate(logGroupName=group, startTime=since_ms)]
        except self._logs.exceptions.ResourceNotFoundException:
            return [], True  # nothing has been logged yet
        return [event for page in pages for event in page], len(pages[-1]) < PAGE
