"""Replaces secrets in texts, also in texts that arrive in parts or were cut off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CONCEALED = b"***"
LEAST_PART = 6
"""Bytes: what a text that quotes others has in common with a secret is a part of it from this length on."""


def forms(secret: str) -> frozenset[str]:
    """The forms in which a secret may appear in a text: as it is, escaped in JSON, and quoted as Python does."""
    return frozenset(
        {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
            repr(secret.encode(errors="surrogatepass"))[2:-1],
        }
    )


@dataclass(frozen=True, slots=True)
class Concealment:
    """A set of secrets to replace.

    Args:
        secrets: The secrets in UTF-8, none of them empty.
    """

    secrets: frozenset[bytes] = frozenset()

    def and_of(self, secrets: Iterable[str]) -> Concealment:
        """The same set with more secrets; empty ones are ignored."""
        more = (secret.encode(errors="surrogatepass") for secret in secrets if secret)
        return Concealment(self.secrets.union(more))

    def clean(self, data: bytes, *, cut: bool = False) -> bytes:
        """The text with its secrets replaced; if it was ``cut`` off, also a part of a secret at its end."""
        parts: list[bytes] = []
        at = 0
        for start, stop in self._spans(data, cut=cut):
            parts += [data[at:start], CONCEALED]
            at = stop
        return b"".join((*parts, data[at:]))

    def clean_of_parts(self, data: bytes) -> bytes:
        """The text with its secrets replaced, and with parts of them: it may quote what was cut off at either end."""
        parts = {secret[at : at + LEAST_PART] for secret in self.secrets for at in range(len(secret) - LEAST_PART + 1)}
        whole = frozenset(secret for secret in self.secrets if len(secret) < LEAST_PART)
        return Concealment(whole | parts).clean(data)

    def settled(self, data: bytes) -> int:
        """The length of the beginning that cannot become part of a secret by what may follow (bytes)."""
        end = max(0, len(data) - max((len(secret) - 1 for secret in self.secrets), default=0))
        return next((start for start, stop in self._spans(data) if start < end < stop), end)

    def _spans(self, data: bytes, *, cut: bool = False) -> list[tuple[int, int]]:
        """The ranges of secrets in a text, in order; overlapping ones are merged."""
        found = sorted(span for secret in self.secrets for span in _occurrences(data, secret, cut=cut))
        spans: list[tuple[int, int]] = []
        for start, stop in found:
            if spans and start < spans[-1][1]:
                spans[-1] = spans[-1][0], max(stop, spans[-1][1])
            else:
                spans.append((start, stop))
        return spans


def _occurrences(data: bytes, secret: bytes, *, cut: bool) -> Iterator[tuple[int, int]]:
    start = data.find(secret)
    while start >= 0:
        yield start, start + len(secret)
        start = data.find(secret, start + 1)
    if cut:
        shown = next((n for n in range(len(secret) - 1, 0, -1) if data.endswith(secret[:n])), 0)
        if shown:
            yield len(data) - shown, len(data)
