"""One connection to an origin, which carries one request at a time."""

from __future__ import annotations

import select
import socket
import ssl

from tidewheel.adapters.targets.web.countdown import Countdown, TimedOut
from tidewheel.adapters.targets.web.errors import ReadError
from tidewheel.adapters.targets.web.sockets import is_time_up, shut

_READ_BYTES = 64 * 1024
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A connection. One call at a time has it; any thread may shut it.

    Args:
        sock: Connected, under TLS or not.

    Attributes:
        used: Whether it carried a request before.
        is_whole: Whether all that was to be sent on it went.
        idle_ms: Since when nobody has it, on the monotonic clock (ms).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.used = False
        self.is_whole = True
        self.idle_ms = 0
        self._early = b""  # what was read of an answer while its request was being sent

    @property
    def is_quiet(self) -> bool:
        """Whether the server has neither closed it nor said anything unasked."""
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return False
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        return not poller.poll(0)

    def send(self, data: bytes, countdown: Countdown) -> None:
        """Sends a request.

        If it comes to a halt on the way an answer may be there all the same, to be read next: some servers answer what
        is too long for them, and read no more (RFC 9112, 9.3).

        Raises:
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        left = memoryview(data)
        self._sock.setblocking(False)
        while left and self.is_whole:
            countdown.left_ms()
            try:
                left = left[self._sock.send(left) :]
            except _NOT_NOW:
                self._wait_to_send(countdown)
            except OSError:
                countdown.left_ms()  # it may have been shut
                self.is_whole = False

    def _wait_to_send(self, countdown: Countdown) -> None:
        """Waits until more can be sent, or an answer begins although there is more to send."""
        poller = select.poll()
        poller.register(self._sock, select.POLLIN | select.POLLOUT)
        if any(events & select.POLLOUT for _, events in poller.poll(countdown.left_ms())):
            return
        try:
            self._early = self._sock.recv(_READ_BYTES)
        except _NOT_NOW:
            return  # what came was TLS's own
        except OSError:
            countdown.left_ms()
        self.is_whole = False

    def receive(self, countdown: Countdown) -> bytes:
        """The next bytes; none at the end.

        Raises:
            ReadError: It broke.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        self._sock.settimeout(countdown.left_s())
        early, self._early = self._early, b""
        try:
            data = early or self._sock.recv(_READ_BYTES)
        except OSError as error:
            if is_time_up(error):
                raise TimedOut from error
            countdown.left_ms()
            raise ReadError(str(error)) from error
        if not data:
            countdown.left_ms()  # the end that a shut socket shows is not the answer's
        return data

    def shut(self) -> None:
        """Ends what another thread waits for on it."""
        shut(self._sock)

    def close(self) -> None:
        """Closes it."""
        self._sock.close()
