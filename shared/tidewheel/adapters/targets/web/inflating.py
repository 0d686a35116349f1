"""Decompresses the body of a response in pieces of bounded size, so that no response can exhaust the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

from tidewheel.adapters.targets.web.errors import DecodingError

PIECE_BYTES = 64 * 1024
CODINGS = "gzip, deflate"
"""The content codings that requests accept. A response in another coding is kept as it came."""

_HEADER_BYTES = 3
"""So many bytes tell a format, all of gzip's and a raw block's beginning."""
_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_FORMATS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW, _GZIP)}
"""What servers send under a coding's name: ``deflate`` is zlib's format, but many leave its header out."""


def pieces(parts: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The decoded body in pieces of at most ``PIECE_BYTES`` bytes; a body that is not coded as announced, as it came.

    Args:
        parts: The body as it came, in parts of at most so many bytes.
        coding: Its ``Content-Encoding``.

    Raises:
        DecodingError: It is damaged further on.
    """
    formats = _FORMATS.get(coding.strip().lower())
    inflater = _Inflater(formats) if formats else None
    for part in parts:
        if inflater is None:
            yield part
            continue
        try:
            yield from inflater.pieces(part)
        except zlib.error as error:
            raise DecodingError(str(error)) from error
    if inflater is not None and (rest := inflater.rest()):
        yield rest


class _Inflater:
    """Inflates a body whose format is found by its first bytes.

    Args:
        formats: The formats to try, as zlib's window sizes.
    """

    def __init__(self, formats: Sequence[int]) -> None:
        self._formats = formats
        self._beginning = b""
        self._wbits: int | None = None
        self._open: zlib._Decompress | None = None
        self._plain = False

    def pieces(self, raw: bytes) -> Iterator[bytes]:
        """What a part of the body holds, in pieces of bounded size."""
        data = raw
        if self._open is None and not self._plain:
            self._beginning += raw
            if len(self._beginning) < _HEADER_BYTES:
                return
            data = self._beginning
            self._find(data)
        if self._plain:
            yield data
            return
        yield from self._inflated(data)

    def rest(self) -> bytes:
        """A body too short to have a header."""
        return self._beginning if self._open is None and not self._plain else b""

    def _find(self, data: bytes) -> None:
        self._wbits = next((wbits for wbits in self._formats if _fits(wbits, data)), None)
        self._plain = self._wbits is None
        if self._wbits is not None:
            self._open = zlib.decompressobj(self._wbits)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        while data and self._open is not None:
            if self._open.eof:  # another member follows, or bytes that fill a block
                if self._wbits != _GZIP or not _fits(_GZIP, data):
                    return
                self._open = zlib.decompressobj(_GZIP)
            piece = self._open.decompress(data, PIECE_BYTES)
            data = self._open.unconsumed_tail or self._open.unused_data
            if piece:
                yield piece


def _fits(wbits: int, data: bytes) -> bool:
    """Whether data begin in a format."""
    try:
        zlib.decompressobj(wbits).decompress(data, 1)
    except zlib.error:
        return False
    return True
