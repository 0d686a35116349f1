"""What went wrong with the local cloud, said so that the reader knows what to do."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The message is one line that ends in the remedy; ``detail`` is what a tool printed last."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail
