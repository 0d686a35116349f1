"""Opens sockets and secures them by TLS, each within a call's time; and ends what waits on one."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from contextlib import suppress
from functools import partial
from typing import Protocol

from tidewheel.adapters.targets.web.countdown import Countdown, TimedOut
from tidewheel.domain.fleet.networks import Address

_LOOK_MS = 250
"""How often a connecting call asks whether it is to end, where shutting the socket does not wake it (macOS)."""
_SIX = 6


class Sockets(Protocol):
    """Where connections come from: the system, or a test."""

    def connect(self, address: Address, port: int, countdown: Countdown, most_ms: int) -> socket.socket:
        """A socket that is connected to an address.

        Args:
            address: Where to.
            port: Where to.
            countdown: The call's time.
            most_ms: How long it may take at most.

        Raises:
            OSError: Nobody accepts there.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """

    def secure(self, sock: socket.socket, context: ssl.SSLContext, host: str, countdown: Countdown) -> socket.socket:
        """The socket under TLS, with a server that has shown a certificate of the host.

        Raises:
            OSError: It has not.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """


class SystemSockets:
    """``Sockets`` of this machine."""

    def connect(self, address: Address, port: int, countdown: Countdown, most_ms: int) -> socket.socket:
        """See ``Sockets``."""
        sock = socket.socket(socket.AF_INET6 if address.version == _SIX else socket.AF_INET)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            countdown.hold(partial(shut, sock))
            _await(sock, sock.connect_ex((str(address), port)), countdown, most_ms)
        except BaseException:
            countdown.let_go()
            sock.close()
            raise
        return sock

    def secure(self, sock: socket.socket, context: ssl.SSLContext, host: str, countdown: Countdown) -> socket.socket:
        """See ``Sockets``."""
        secured = sock
        try:
            secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            countdown.hold(partial(shut, secured))
            secured.settimeout(countdown.left_s())
            secured.do_handshake()
        except BaseException as error:
            countdown.let_go()
            for one in (secured, sock):
                one.close()
            if is_time_up(error):
                raise TimedOut from error
            raise
        return secured


def _await(sock: socket.socket, code: int, countdown: Countdown, most_ms: int) -> None:
    """Waits until a socket is connected.

    Args:
        sock: It.
        code: What connecting began with, as an error's number; 0 if it is connected already.
        countdown: The call's time.
        most_ms: How long it may take at most.
    """
    until_ms = countdown.now_ms() + most_ms
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    while code == errno.EINPROGRESS:
        left_ms = min(countdown.left_ms(), until_ms - countdown.now_ms())
        if left_ms <= 0:
            code = errno.ETIMEDOUT
        elif poller.poll(min(left_ms, _LOOK_MS)):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def shut(sock: socket.socket) -> None:
    """Ends what another thread waits for on a socket. Under TLS too it shuts the connection itself: what TLS has read
    stays the other thread's.
    """
    with suppress(OSError):  # it is not connected, or no longer
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def is_time_up(error: BaseException) -> bool:
    """Whether a socket's own time-out passed, and not the system's (``ETIMEDOUT``), which is a broken connection."""
    return isinstance(error, TimeoutError) and error.errno is None
