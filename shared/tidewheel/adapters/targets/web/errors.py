"""How an exchange fails. What people read as a reason begins with the class's name."""

from __future__ import annotations


class TransportError(Exception):
    """The exchange broke off. Nobody knows whether the target has acted, and trying again may help."""


class ConnectError(TransportError):
    """No connection came about."""


class ReadError(TransportError):
    """The connection broke before the answer's end."""


class RemoteProtocolError(TransportError):
    """What came is not an answer in HTTP, or not all of one."""


class DecodingError(TransportError):
    """The body is damaged."""


class Unsendable(Exception):
    """The request cannot be made, now or later."""


class InvalidUrl(Unsendable):
    """A text is no URL."""
