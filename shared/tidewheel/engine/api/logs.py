"""The logs of attempts, read page by page, while they are written and afterwards."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.errors import NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Result, State, is_end
from tidewheel.domain.limits import LOG_PAGE_BYTES, LOG_PAGE_PARTS
from tidewheel.engine.api.lookup import existing_execution
from tidewheel.ports import Executions, Logs


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where reading goes on: an attempt, a part of its log, and an offset in that part (bytes)."""

    attempt: int
    part: int = 0
    offset: int = 0


class Source(StrEnum):
    """Where the text of a page comes from."""

    STORED = "stored"  # the complete log
    INLINE = "inline"  # the execution's record, which holds answers that are too short for a log of their own


@dataclass(frozen=True, slots=True)
class LogPage:
    """A piece of an attempt's log.

    Args:
        attempt: The attempt's number; 0 if none has begun.
        text: The piece.
        source: Where it comes from; None if nothing was written, is stored yet, or was kept.
        position: Where to go on; None if nothing follows.
        complete: Whether the attempt is over and its log was read to the end.
    """

    attempt: int
    text: str
    source: Source | None
    position: LogPosition | None
    complete: bool


@dataclass(frozen=True, slots=True)
class LogService:
    """Reads the logs of attempts."""

    executions: Executions
    logs: Logs

    def read(self, tenant: str, id: str, attempt: int | None = None, position: LogPosition | None = None) -> LogPage:
        """A piece of at most ``limits.LOG_PAGE_BYTES`` of an attempt's log.

        Args:
            tenant: Whose.
            id: The execution.
            attempt: Which attempt; None for that of the position, or for the newest.
            position: Where to go on; None for the beginning.

        Raises:
            NotFound: There is no such execution or attempt.
            PortError: A store failed.
        """
        # read before the log: if the record says that the attempt is over, the log is complete
        record = existing_execution(self.executions, tenant, id)
        number = position.attempt if position else record.attempt if attempt is None else attempt
        if number == 0 and attempt is None:
            return LogPage(0, "", None, None, _is_over(record, 0))
        if not 1 <= number <= record.attempt:
            raise NotFound("execution", tenant, f"{id}, attempt {number},")
        return self._page(record, position or LogPosition(number))

    def _page(self, record: Execution, start: LogPosition) -> LogPage:
        reading, over = _Reading(start), _is_over(record, start.attempt)
        for number, data in self.logs.read(record.tenant, record.id, start.attempt, start.part):
            reading.take(number, data)
            if reading.full:
                break
        if not reading.parts and start.part == start.offset == 0 and over:
            text = _inline(record, start.attempt)
            return LogPage(start.attempt, text, Source.INLINE if text else None, None, complete=True)
        complete = over and not reading.full
        text, position = reading.text(last=complete)
        source = Source.STORED if reading.parts or start.part or start.offset else None
        return LogPage(start.attempt, text, source, None if complete else position, complete)


class _Reading:
    """Gathers one page."""

    def __init__(self, start: LogPosition) -> None:
        self._start = start
        self._pieces: list[tuple[LogPosition, bytes]] = []  # each with the position of its first byte
        self._size = 0
        self._end = start
        self.parts = 0

    @property
    def full(self) -> bool:
        return self._size >= LOG_PAGE_BYTES or self.parts >= LOG_PAGE_PARTS

    def take(self, number: int, data: bytes) -> None:
        offset = self._start.offset if number == self._start.part else 0
        piece = data[offset : offset + LOG_PAGE_BYTES - self._size]
        attempt, end = self._start.attempt, offset + len(piece)
        self._pieces.append((LogPosition(attempt, number, offset), piece))
        self._size += len(piece)
        self._end = LogPosition(attempt, number, end) if end < len(data) else LogPosition(attempt, number + 1)
        self.parts += 1

    def text(self, *, last: bool) -> tuple[str, LogPosition]:
        """The text, and where to go on: before a character whose end is yet to be read."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(b"".join(piece for _, piece in self._pieces), last)
        return text, self._before(len(decoder.getstate()[0]))

    def _before(self, count: int) -> LogPosition:
        """The position ``count`` bytes before the end."""
        position = self._end
        for first, piece in reversed(self._pieces):
            if not count:
                break
            back = min(count, len(piece))
            position = LogPosition(first.attempt, first.part, first.offset + len(piece) - back)
            count -= back
        return position


def _is_over(record: Execution, attempt: int) -> bool:
    """Whether nothing more will be written to an attempt's log; before the first: whether there will be none."""
    if attempt == 0:
        return is_end(record.state)
    return attempt < record.attempt or record.state is not State.RUNNING


def _inline(record: Execution, attempt: int) -> str:
    """The answer on the record, if it is this attempt's: the last one's that was not lost."""
    answered = (one.number for one in reversed(record.attempts) if one.result is not Result.WORKER_LOST)
    return record.output if next(answered, None) == attempt else ""
