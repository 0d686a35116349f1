"""Repairs the heads of answers, so that a malformed header line costs no more than itself."""

from __future__ import annotations

import re

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_FRAMING = re.compile(rb"[\s:]*(?:content-length|transfer-encoding)", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n")


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
