"""Decompresses the body of a response in pieces of bounded size, so that no response can exhaust the memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import httpx

PIECE_BYTES = 64 * 1024
CODINGS = "gzip, deflate"
"""The content codings that requests accept. A response in another coding is kept as it came."""

_EITHER_HEADER = zlib.MAX_WBITS | 32
"""zlib tells the headers of gzip and of its own format apart (zlib manual, inflateInit2)."""


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The decoded body in pieces of at most ``PIECE_BYTES`` bytes.

    Raises:
        httpx.DecodingError: It is not coded as its header says.
        httpx.TransportError: The connection broke.
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
