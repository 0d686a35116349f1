"""What went over the wire of one request: enough to know whether it was answered, and with which status.

A status counts although what follows it is malformed, or never comes; and what broke on a connection that had been used
before may be sent again. Both decide whether the target may be called once more.
"""

from __future__ import annotations

import re

from tidewheel.adapters.targets.web.heads import repaired

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\n]*)?\r?\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LONGEST_END = 3
"""How much of what ends a head may have come before its last byte."""
_FINAL = 200
_SWITCHED = 101
"""Goes on in another protocol (RFC 9110, 15.2.2), which nobody asks for here."""
_LONGEST = 64 * 1024
"""The longest heads that are read (bytes), interim ones included."""


class Exchange:
    """One request and what was read of its answer.

    Attributes:
        reused: Whether its connection carried another request before.
        answered: Whether a byte of an answer was read.
        status: The status of the final answer (RFC 9112, 4), whatever follows it; 0 until its line was read.
        head: The heads of the answer, repaired, once they were read to their end; empty before.
    """

    def __init__(self) -> None:
        self.reused = False
        self.answered = False
        self.status = 0
        self.head = b""
        self._head = b""
        self._at = 0  # where the head begins that is being read
        self._passes = False
        self._garbled = False  # there is a line where a status line should be, and it is none

    @property
    def is_unanswered_on_reused(self) -> bool:
        """Whether nothing came back on a connection that the server may have closed before the request arrived."""
        return self.reused and not self.answered

    def hear(self, data: bytes) -> bytes:
        """Takes the next bytes that were read, none at the end of the connection.

        Returns:
            Those that are handed on: none before the head is complete, which is repaired as a whole.
        """
        self.answered = self.answered or bool(data)
        if self._passes:
            return data
        end = self._end_of_head(data)
        if end is None and data and len(self._head) <= _LONGEST and not self._garbled:
            return b""
        self._passes = True
        head, self._head = self._head, b""
        if end is None or end > _LONGEST:
            return head
        self.head = repaired(head[:end])
        return self.head + head[end:]

    @property
    def is_over(self) -> bool:
        """Whether no more of the head is waited for: it was read to its end, or there will be none."""
        return self._passes

    def _end_of_head(self, data: bytes) -> int | None:
        """Where the head of the final answer ends, with more bytes of it; None as long as it does not, or is none."""
        new = len(self._head) - _LONGEST_END
        self._head += data
        while line := _STATUS_LINE.match(self._head, self._at):
            end = _END_OF_HEAD.search(self._head, max(self._at, new))
            if int(line[1]) == _SWITCHED:
                break
            self.status = int(line[1]) if int(line[1]) >= _FINAL else 0
            if end is None or self.status:
                return None if end is None else end.end()
            self._at = end.end()  # of an interim answer, such as 100 (RFC 9110, 15.2)
        self._garbled = b"\n" in self._head[self._at :]
        return None
