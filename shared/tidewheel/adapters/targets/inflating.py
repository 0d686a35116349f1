"""Reads the body of an answer piece by piece, each of bounded size, however far a compressed one would swell."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import httpx

PIECE_BYTES = 64 * 1024
CODINGS = "gzip, deflate"
"""What is asked for, and what is understood of answers; one that is coded otherwise is kept as it came."""

_EITHER_HEADER = zlib.MAX_WBITS | 32
"""zlib tells the headers of gzip and of its own format apart (zlib manual, inflateInit2)."""


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body, decoded.

    Raises:
        httpx.DecodingError: It is not coded as it says.
        httpx.TransportError: It breaks off.
    """
    coded = response.headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}
    inflater = zlib.decompressobj(_EITHER_HEADER) if coded else None
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for raw in response.stream:
        data = raw
        while data:
            if inflater is None:
                yield data
                break
            try:
                piece = inflater.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise httpx.DecodingError(str(error), request=response.request) from error
            data = inflater.unconsumed_tail
            if piece:
                yield piece
