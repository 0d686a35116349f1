"""Reads the heads of answers, and repairs them first, so that a malformed header line costs no more than itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.adapters.targets.web.errors import RemoteProtocolError

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_FRAMING = re.compile(rb"[\s:]*(?:content-length|transfer-encoding)", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n")
_BETWEEN_HEADS = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,20}", re.ASCII)
_BODYLESS = frozenset({204, 304})
_PERSISTENT = b"HTTP/1.1 "
_SHOWN = 60
"""How much of what is wrong a message shows."""


def repaired(head: bytes) -> bytes:
    """The heads of an answer, interim ones before it included, without the header lines that are none.

    A blank before a colon goes, as from a proxy (RFC 9112, 5.1). A connection on which something was left out is not
    used again: where one of its answers ends may not be where its server thinks.

    Args:
        head: Up to and with the empty line after the final header.

    Returns:
        The same bytes if nothing is wrong, or if a malformed line may say where the body ends.
    """
    kept: list[bytes] = []
    left_out = changed = is_field = False  # the last: whether a line that begins with a blank goes on with a field
    for line in _LINE_END.split(head.removesuffix(b"\n").removesuffix(b"\r")):
        if line[:1] in (b" ", b"\t") and is_field:
            kept.append(line)
            continue
        field = _FIELD.fullmatch(line)
        is_field = field is not None
        if field is not None:
            kept.append(b"%s: %s" % (field[1], field[2]))
            changed = changed or not line.startswith(field[1] + b":")
        elif not line or line.startswith(b"HTTP/"):
            kept.append(line)
        elif _FRAMING.match(line):
            return head
        else:
            left_out = True
    if not (left_out or changed):
        return head
    if left_out:
        kept.insert(len(kept) - 1, b"Connection: close")
    return b"\r\n".join((*kept, b""))


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a final answer says.

    Args:
        fields: By name in lower case. What was given more than once is joined by commas (RFC 9110, 5.3).
        length: Of the body (bytes); None: up to the end of the connection, or as ``chunked`` says.
        chunked: Whether the body comes in chunks.
        persistent: Whether the connection stays open for another request.
    """

    fields: Mapping[str, str]
    length: int | None
    chunked: bool
    persistent: bool


def read_head(heads: bytes, status: int, method: str) -> Head:
    """What the final one of the heads of an answer says; those before it are interim ones.

    Args:
        heads: Up to and with the last empty line.
        status: The final one's.
        method: Of the request.

    Raises:
        RemoteProtocolError: It holds a line that is no field, or does not say plainly where the body ends.
    """
    first, *lines = _LINE_END.split(_BETWEEN_HEADS.split(heads.rstrip(b"\r\n"))[-1])
    fields = _fields(lines)
    length, chunked = _length(fields.get("content-length")), _is_chunked(fields.get("transfer-encoding"))
    if method == "HEAD" or status in _BODYLESS:
        length, chunked = 0, False
    closing = "close" in [option.strip() for option in fields.get("connection", "").lower().split(",")]
    persistent = not closing and first.startswith(_PERSISTENT) and (chunked or length is not None)
    return Head(fields, None if chunked else length, chunked, persistent)


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in (b" ", b"\t") and name:
            fields[name] = f"{fields[name]} {_text(line.strip())}"
            continue
        field = _FIELD.fullmatch(line)
        if field is None:
            raise RemoteProtocolError(f"illegal header line: {line[:_SHOWN]!r}")
        name, value = field[1].decode("ascii").lower(), _text(field[2])
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _text(value: bytes) -> str:
    """A value as most servers mean it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _length(value: str | None) -> int | None:
    if value is None:
        return None
    lengths = {part.strip() for part in value.split(",")}
    if len(lengths) > 1:
        raise RemoteProtocolError("conflicting Content-Length headers")
    if not _LENGTH.fullmatch(length := lengths.pop()):
        raise RemoteProtocolError(f"bad Content-Length: {length[:_SHOWN]!r}")
    return int(length)


def _is_chunked(value: str | None) -> bool:
    if value is not None and value.lower() != "chunked":
        raise RemoteProtocolError(f"unknown Transfer-Encoding: {value[:_SHOWN]!r}")
    return value is not None
